"""The probe: it measures, records on disk, and delivers. It concludes nothing: judgement lives in the collector."""

__version__ = "0.1.0"
