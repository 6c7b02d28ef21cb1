"""Playing a scenario: the lab comes up, programs measure in it, the timeline is played, and what was found is told.

Lives here: the command line, the order of things, and everything that is started and stopped. Must not live here: what
a scenario may say (scenario), what a box does (boxes), or whether a run was right (compare).
"""
