"""The call experiment, as the collector reads, judges, shows and exports it (docs/experiments/call.md)."""
