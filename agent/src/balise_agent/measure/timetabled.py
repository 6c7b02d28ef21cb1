"""The places of an assignment in the agenda: which target has which, and with whom it takes turns. Pure.

Must not live here: when a place's turn comes (slots.py), or its state (entry.py).
"""

from collections import defaultdict
from collections.abc import Iterator

from balise_agent.experiments import REGISTRY
from balise_agent.measure.entry import Entry
from balise_agent.measure.slots import Turn
from balise_agent.measure.task_choice import addresses_of, families
from balise_wire.assignment import Assignment
from balise_wire.words import Experiment


def is_planned(word: Experiment) -> bool:
    """Tell whether an experiment has a place on a timetable: this agent has it, and not only where it is asked for."""
    return word in REGISTRY and not REGISTRY[word].traits.asked


def places(assignment: Assignment) -> Iterator[Entry]:
    """Yield a fresh place for each experiment that is asked of a target, in each family, and each address.

    Endpoints of a service take turns in an experiment, by their ids: on a thinned timetable the service is asked at
    even times, and every endpoint in its own.
    """
    groups: dict[str, list[Entry]] = defaultdict(list)
    for target in assignment.targets:
        for word in dict.fromkeys(target.experiments):
            if not is_planned(word) or not REGISTRY[word].traits.of_target:
                continue
            for family in families(target):
                own: tuple[str, ...] = ()
                if assignment.timetable.all_addresses and REGISTRY[word].traits.needs_address:
                    own = addresses_of(target, family)
                several = own if len(own) > 1 else ("",)
                groups[f"{target.service}|{family}|{word}"] += [
                    Entry(target, family, word, address, len(several)) for address in several
                ]
    for group, entries in groups.items():
        for number, entry in enumerate(sorted(entries, key=lambda one: one.key)):
            entry.turn = Turn(group, number, len(entries))
            yield entry
