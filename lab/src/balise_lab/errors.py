"""What the lab raises when it cannot do its work.

Lives here: the operator's mistake (with its mend) and the lab's own failure. What the *network* of the lab does is
never an exception: that is what the lab is for.
"""


class ConfigError(Exception):
    """The operator asked for something that cannot be; says the key or program, and the mend."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what}; mend: {mend}")
        self.what = what
        self.mend = mend


class LabError(Exception):
    """A part of the lab itself failed (a server did not start, a command was refused); the text holds what it said."""
