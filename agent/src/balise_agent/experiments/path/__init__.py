"""Experiment ``path``, which is reserved: it has a reader and no plan (``Traits.unplanned``)."""
