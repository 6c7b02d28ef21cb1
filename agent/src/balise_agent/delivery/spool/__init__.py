"""What was recorded and is not yet receipted: on disk where there is one, boxed for the collector."""
