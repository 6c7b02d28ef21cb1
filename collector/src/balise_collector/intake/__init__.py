"""From a message of the broker to a committed row of the journal, and what is said back to the probes."""
