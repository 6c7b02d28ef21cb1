"""Whose fault an exception is: the operator's is a ConfigError here.

The network's failure is never an exception: it is a word of ``balise_wire.failures`` in an observation. Our own failure
to measure is ``LinkUnusable``, raised by the net layer.
"""


class ConfigError(ValueError):
    """The operator's mistake: the message names the place, what is wrong with it, and what to write instead."""


class DataError(ConfigError):
    """The data folder cannot be used: its rights, its disk, or another program in it."""


class KeyUnusableError(ConfigError):
    """The device's key is there and cannot be used."""
