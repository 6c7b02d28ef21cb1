"""What a measurement may hold: the observations of every experiment, as one tagged union.

The union is made of the registry, so that a new experiment is in it by being there; a type checker sees what all have
in common, and code that needs one kind asks ``isinstance``. Must not live here: any one observation
(``experiments/<word>.py``), or a verdict.
"""

import functools
import operator
from typing import TYPE_CHECKING

from balise_wire.experiments import OBSERVATIONS
from balise_wire.trial import Trial

if TYPE_CHECKING:
    Observation = Trial
else:
    Observation = functools.reduce(operator.or_, OBSERVATIONS.values())
    """The tagged union: field ``is`` holds the experiment's word."""

__all__ = ["Observation"]
