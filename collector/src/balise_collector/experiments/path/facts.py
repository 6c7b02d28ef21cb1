"""What a path measurement shows: nothing that makes an incident. Pure.

Must not live here: what follows from the facts (rules.py).
"""

from balise_collector.judge.rules import bare_facts as facts

__all__ = ["facts"]
