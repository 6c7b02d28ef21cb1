"""The larger groups of the command line, one module each: arguments in, lines to print out.

A command is a function of settings, clock and arguments that returns lines; ``cli`` prints them. One that is a
generator may return an exit status other than 0 at its end. Must not live here: printing, and anything a page or a test
would want too.
"""

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from balise_collector.system.clock import Clock
from balise_collector.system.config import Config

Command = Callable[[Config, Clock, argparse.Namespace], Iterable[str]]
"""A mistake of the operator is a ConfigError, whose text is printed alone."""
AddCommand = Callable[[Any, str, Command, str], argparse.ArgumentParser]
"""Adds a command to a group: the group, its name, what it does, and one line of help."""
