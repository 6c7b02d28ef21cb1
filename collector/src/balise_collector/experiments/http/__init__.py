"""The http experiment, as the collector reads, judges, shows and exports it (docs/experiments/http.md)."""
