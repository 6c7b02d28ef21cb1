"""The centre: it keeps every measurement, judges it, detects and explains events, and shows them."""

__version__ = "0.1.0"
