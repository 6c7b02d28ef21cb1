"""Whose fault an exception is: the operator's is a ConfigError, ours to measure a LinkUnusable.

The network's failure is never an exception: it is a word of ``balise_wire.failures`` in an observation. What is raised
as ``LinkUnusable`` or ``Refused`` is counted in health and said in the measurement.
"""


class ConfigError(ValueError):
    """The operator's mistake: the message names the place, what is wrong with it, and what to write instead."""


class DataError(ConfigError):
    """The data folder cannot be used: its rights, its disk, or another program in it."""


class KeyUnusableError(ConfigError):
    """The device's key is there and cannot be used."""


class LinkUnusable(Exception):
    """This machine cannot measure (no right, no interface, no resolver); the message says the mend."""


class PolicyRefusal(Exception):
    """Our own policy forbids this destination, or the budget is spent; nothing was sent."""
