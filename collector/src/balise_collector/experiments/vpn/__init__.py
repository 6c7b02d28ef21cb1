"""The vpn experiment, as the collector reads, judges, shows and exports it (docs/experiments/vpn.md)."""
