"""The stun experiment, as the collector reads, judges, shows and exports it (docs/experiments/stun.md)."""
