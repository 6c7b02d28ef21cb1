"""The clienthello experiment: read, judged, shown and exported by the collector (docs/experiments/clienthello.md)."""
