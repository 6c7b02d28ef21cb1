"""The line experiment, as the collector reads, judges, shows and exports it (docs/experiments/line.md)."""
