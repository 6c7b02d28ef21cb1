"""Scenarios: what is played in the lab and what balise must say of it, as one YAML file from any path.

Lives here: the frozen types (schema), the collector's words (words), the loader that names file, line and mend (source,
scalars, load, timeline, expectations), and the scenario's clock. What can be started, the registry of boxes says. Must
not live here: namespaces, programs or addresses (world), the order of a run (run), and the comparison with what was
found (compare).
"""
