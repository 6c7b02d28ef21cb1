"""The grain of time in which the detector counts."""

from typing import Final

BIN: Final = 300
"""Seconds of a bin, of the clock that dates verdicts: virtual ones in a laboratory."""
