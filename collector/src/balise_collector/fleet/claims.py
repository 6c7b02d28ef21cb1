"""What a measurement says of itself, held against what its author does not control: the task this probe was given.

A target's service, role, host, family, ports and addresses are facts of the assignment (trust.md, row 2): the id alone
is the probe's to say, and only of a target that it was asked to measure. Where it stands is not looked at here: that is
the member's record (members.py), and what the probe says of it moves nothing. Pure. Must not live here: where tasks are
kept (fleet.py), times that are believable (validate.py), verdicts.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from balise_collector.experiments import DESTINATIONS, word_of
from balise_wire.assignment import FLAT, Assignment, Target
from balise_wire.experiments import OF_TARGETS, REGISTRY
from balise_wire.measurement import Measurement
from balise_wire.trial import Trial
from balise_wire.words import Arm, Experiment, TargetRole

LINE_ID: Final = "internet/line/line/4"
"""What every probe names as the target of its line check, whatever it was assigned."""
_LINE: Final = ("internet", TargetRole.LINE, "line", 4)


class Asked(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One target as a probe was asked to measure it."""

    id: str
    service: str
    role: TargetRole
    host: str
    family: int
    port: int = 443
    http_port: int = 80
    """What older rows have in the place of ``ports``, by the field of the first assignments; so it stays for http."""
    ports: tuple[tuple[str, int], ...] = ()
    """Experiments with a port of their own that is not the target's, each with it."""
    addresses: tuple[str, ...] = ()
    """Those that the catalogue names, which leave no choice; empty where each probe tests what it is answered."""

    def port_of(self, word: Experiment) -> int:
        """Return the port that an experiment on the target speaks to."""
        flat = FLAT.get(word, {}).get("port", "port")
        return dict(self.ports).get(word, int(getattr(self, flat)))


class Tasks(msgspec.Struct, frozen=True, kw_only=True):
    """Every target that one probe was given, now or within the time that a spool may hold."""

    asked: Mapping[str, tuple[Asked, ...]] = {}
    """By target id: one that was changed has several forms, and a late result may be of any of them."""
    unrecorded_until: float = 0.0
    """UNIX seconds: up to then this probe was given tasks that nobody wrote down (a registry of an earlier version)."""


def asked_of(assignment: Assignment, learned: Mapping[tuple[str, int], tuple[str, ...]]) -> tuple[Asked, ...]:
    """Return what an assignment asks, in an order of its own so that equal tasks are equal.

    Args:
        assignment: as it goes out.
        learned: the addresses that references taught, by (host, family): they turn over, and so are not held against
            a measurement.
    """
    return tuple(sorted((_asked(target, learned) for target in assignment.targets), key=lambda one: (one.id, one.port)))


def asked_in(target: Target) -> Asked:
    """Return what a request asks that brings its whole target."""
    return _asked(target, {})


def _asked(target: Target, learned: Mapping[tuple[str, int], tuple[str, ...]]) -> Asked:
    ending = target.id.rpartition("/")[2]
    family = int(ending) if ending in {"4", "6"} else 4
    turning = (learned.get((target.host, family), ()), together(target.host, family, learned))
    return Asked(
        id=target.id,
        service=target.service,
        role=target.role,
        host=target.host,
        family=family,
        port=target.port,
        ports=tuple(_own_ports(target)),
        **{flat["port"]: target.port_of(word) for word, flat in FLAT.items() if "port" in flat},
        addresses=() if target.addresses in turning else target.addresses,
    )


def given(host: str) -> str:
    """Return under which name the addresses stand that probes were given: with a blank, so that no host has it."""
    return f"{host} given"


def together(host: str, family: int, learned: Mapping[tuple[str, int], tuple[str, ...]]) -> tuple[str, ...]:
    """Return what references are sent to: what they found, and what probes were given."""
    return tuple(dict.fromkeys((*learned.get((host, family), ()), *learned.get((given(host), family), ()))))


def _own_ports(target: Target) -> Iterator[tuple[str, int]]:
    """Yield the experiments whose parameters name another port than the target's, but for those of older rows."""
    for word in OF_TARGETS:
        port = target.port_of(word)
        if not REGISTRY[word].port and "port" not in FLAT.get(word, {}) and port != target.port:
            yield word.value, port


def tasks_of(given: Iterable[Iterable[Asked]], unrecorded_until: float = 0.0) -> Tasks:
    """Join the tasks that a probe was given, one after the other."""
    table: dict[str, dict[Asked, None]] = {}
    for task in given:
        for one in task:
            table.setdefault(one.id, {})[one] = None
    return Tasks(asked={id: tuple(forms) for id, forms in table.items()}, unrecorded_until=unrecorded_until)


def of_the_line(m: Measurement) -> bool:
    """Whether a measurement speaks of the probe's own line, in every word that could say so."""
    return _on_line(m.experiment) and m.target == LINE_ID and (m.service, m.role, m.host, m.family) == _LINE


def disagrees(m: Measurement) -> str:
    """Say how a measurement contradicts its own target id; empty where it does not.

    This is all that can be asked of a result that was taken in before tasks were written down. A role that one side of
    the wire has no word for yet contradicts nothing.
    """
    if _speaks_of_the_line(m):
        return "" if of_the_line(m) else f"a line check names {LINE_ID} and nothing else"
    service, _, rest = m.target.partition("/")
    role, _, rest = rest.partition("/")
    same_role = m.role in {TargetRole(role), TargetRole.UNKNOWN} if role else False
    if same_role and (service, rest) == (m.service, f"{m.host}/{m.family}"):
        return ""
    return f"says {f'{m.service}/{m.role}/{m.host}/{m.family}'[:120]!r} of the target {m.target[:120]!r}"


def as_targeted(m: Measurement) -> Measurement:
    """Return a measurement that agrees with its target id in the words of that id."""
    role = TargetRole(m.target.split("/", 2)[1])
    return m if m.role is role else msgspec.structs.replace(m, role=role)


def _on_line(word: Experiment) -> bool:
    return word in REGISTRY and not REGISTRY[word].of_target


def _speaks_of_the_line(m: Measurement) -> bool:
    return _on_line(m.experiment) or m.target == LINE_ID or m.role is TargetRole.LINE


def unasked(m: Measurement, tasks: Tasks | None, at: float, lasts: float) -> str:
    """Say why a measurement is not of a target that this probe was asked to measure; empty where it is.

    Args:
        m: what the probe sent.
        tasks: what it was given; ``None`` where nobody keeps that (then its own words must fit together, no more).
        at: UNIX seconds at which it was measured, corrected.
        lasts: seconds for which an assignment is in force.
    """
    if tasks is None or _speaks_of_the_line(m) or at < tasks.unrecorded_until + lasts:
        return disagrees(m)
    forms = tasks.asked.get(m.target)
    if forms is None:
        return f"target {m.target[:120]!r} was never assigned to this probe"
    told = (m.service, m.host, m.family)
    if not any(told == (o.service, o.host, o.family) and m.role in {o.role, TargetRole.UNKNOWN} for o in forms):
        asked = forms[-1]
        return (
            f"says {m.service[:40]}, {m.role}, {m.host[:80]}, IPv{m.family} of {m.target[:120]!r}, "
            f"which is {asked.service}, {asked.role}, {asked.host}, IPv{asked.family}"
        )
    for trial in m.observations:
        if trial.arm is Arm.SUBJECT and not any(_is_of(trial, one) for one in forms):
            return f"a trial of the subject at {_place(trial)[:200]}, which {m.target[:120]!r} is not"
    return ""


def _is_of(trial: Trial, asked: Asked) -> bool:
    """Whether a trial of the subject went to the target; a name or address that the probe struck out says nothing."""
    word = word_of(trial)
    went = DESTINATIONS[word](trial)
    if went.named and went.name not in {asked.host, ""}:
        return False
    if went.port is not None and went.port != asked.port_of(word):
        return False
    return not went.address or not asked.addresses or went.address in asked.addresses


def _place(trial: Trial) -> str:
    """Say where a trial went, for the quarantine's reader."""
    return str(DESTINATIONS[word_of(trial)](trial))
