"""Whether a run is right: what the scenario expects against what the collector found, and the auditors' counts.

Lives here: the comparison, the result as JSON, and reading what the programs left on disk. Must not live here: playing
(run), or what a file may expect (scenario).
"""
