"""Five minutes: how often a probe looks at a target, and the bins in which what it saw is counted and shown.

One figure for both ends: a bin that is not one interval of the timetable holds no run, or several, and every threshold
of detection is fitted to one. Must not live here: the counting.
"""

from typing import Final

BIN: Final = 300
"""Seconds."""
