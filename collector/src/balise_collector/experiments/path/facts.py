"""What a path measurement shows: nothing that makes an incident. Pure.

Must not live here: what follows from the facts (rules.py).
"""

from balise_collector.judge.context import Context
from balise_collector.judge.rules import Facts, bare_facts
from balise_wire.measurement import Measurement


def facts(measurement: Measurement, context: Context) -> Facts:
    """Gather what the rules ask from one measurement: what is asked of any."""
    return bare_facts(measurement, context)
