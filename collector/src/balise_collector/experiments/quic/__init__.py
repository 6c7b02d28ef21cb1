"""The quic experiment, as the collector reads, judges, shows and exports it (docs/experiments/quic.md)."""
