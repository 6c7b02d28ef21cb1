"""What is raised where an experiment lacks parts.

It stands outside the package of experiments, so that a program whose experiments cannot be imported can still say why.
Must not live here: how parts are gathered (experiments/registry.py).
"""


class Incomplete(ImportError):
    """An experiment lacks parts in a package that expects them; the message names every one."""
