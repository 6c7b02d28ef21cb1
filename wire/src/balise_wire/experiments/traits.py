"""What the shared machinery knows about an experiment without knowing its name: a record of facts, and its bytes.

Agenda, limits, consent manifest, profiles and pages ask these; an experiment states them once, in its own module. Must
not live here: any one experiment, policy, or what only one side of the wire needs.
"""

from typing import TYPE_CHECKING

import msgspec

from balise_wire.word import Word
from balise_wire.words import Design, Experiment

if TYPE_CHECKING:
    from balise_wire.assignment import Target

UNANSWERED = 1_200
"""Bytes of a connection that got no answer: SYNs or a hello with their retransmissions."""


class Transport(Word):
    """What carries an experiment's packets to its endpoint."""

    TCP = "tcp"
    UDP = "udp"
    NONE = "none"
    """Several, to several places: no endpoint is the experiment's own."""
    UNKNOWN = "unknown"


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """One experiment, as those see it who schedule, consent, account and show."""

    word: Experiment
    title: str
    """What people read in its place, in English; the collector's catalogues translate it."""
    transport: Transport
    port: int = 0
    """The port that it always speaks to; 0: the one of its parameters, and where they have none, the target's."""
    of_target: bool = True
    """Whether it is asked of a target; otherwise it is about the probe's own line."""
    needs_address: bool = True
    """Whether it waits for an address, assigned or resolved."""
    reveals_name: bool = True
    """Whether its packets show a name that a censor could react to: then it is alone at its endpoint, and heats it."""
    at_helper: bool = False
    """Whether it goes to the operator's own server alone, and sends nothing where there is none."""
    risky: bool = False
    """Whether its packets look like what a home can be blamed for: where the operator says that the risk is high it is
    asked of nobody."""
    exclusive: bool = False
    """Whether it must run alone, because it measures a rate."""
    heavy: bool = False
    """Whether a trial costs kilobytes; names and SYNs cost a few hundred bytes."""
    daily: bool = False
    """Whether its first sentinel of a day looks at more (the certificate chain)."""
    looks: int = 0
    """How many of a day's sentinels look at more where a target has no assigned addresses."""
    cadence: str = ""
    """The figure of the timetable that says in which of a target's intervals it has a turn; empty: in each."""
    of_service: bool = True
    """Whether what it finds is the service's; otherwise it is a form's or protocol's, which is a service of its own in
    the catalogue, all of whose targets are asked by it."""
    steady: bool = False
    """Whether that figure stands for a time, so that it falls as intervals grow longer: it is asked so many times a day
    on any profile."""
    rarer: int = 1
    """How many times rarer than the ladder of profiles says its turn comes, below the ladder's richest rung."""
    rests_from: float = 1.0
    """Share of the day's bytes from which on it rests as a sentinel; paired series go on to the end."""
    explained_by: Experiment | None = None
    """The experiment below it, whose anomaly at the same port says all that this one could, and which is asked at once
    where this one had no connection."""
    asked: bool = False
    """Whether it is carried out only where it is asked for, once (``request.py``): no target may list it."""
    unplanned: str = ""
    """Why there is a word for it and nothing that carries it out; empty where there is."""


class RunShape(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is laid out, as far as its bytes depend on it."""

    target: "Target"
    design: Design
    family: int = 4
    """IP version."""
    controls: int = 0
    """Control endpoints, or arms beside the subject, that it asks as well."""
    name_control: bool = True
    """Whether there is a name to ask in the place of the subject's."""
    portal: bool = False
    """Whether a captive portal is looked for."""
    full: bool = False
    """Whether it looks at more than its sentinel does (``Traits.daily``, ``Traits.looks``)."""
    long: bool = False
    """Whether it also says its name in a hello of two segments."""
    through: bool = False
    """Whether there is a proxy by way of which the subject is asked once more where it failed."""

    @property
    def paired(self) -> bool:
        """Whether the whole plan runs: everything but a sentinel."""
        return self.design is not Design.SENTINEL


class Parameters(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a target says to one experiment; each has its own record, an empty one where nothing is to be said."""
