"""The dns experiment, as the collector reads, judges, shows and exports it (docs/experiments/dns.md)."""
