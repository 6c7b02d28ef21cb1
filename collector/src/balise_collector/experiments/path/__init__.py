"""The path experiment, as the collector reads and shows what probes to come will send of it."""
