"""The tcp experiment, as the collector reads, judges, shows and exports it (docs/experiments/tcp.md)."""
