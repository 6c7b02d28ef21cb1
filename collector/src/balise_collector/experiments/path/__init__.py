"""The path experiment, as the collector reads it, shows it, and tells a box's place from it."""
