"""The tls experiment, as the collector reads, judges, shows and exports it (docs/experiments/tls.md)."""
