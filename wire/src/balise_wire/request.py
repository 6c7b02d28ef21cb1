"""The request: "do this once". What a collector asks of one probe beside its timetable, and what the probe answers.

A probe's ``command`` topic holds, retained and sealed by the collector, every request to it that is still open, so that
one which was away finds them. Each is bounded: by its expiry, by its bytes, by their number. Each is answered under the
probe's seal, in an event: taken up or refused, then done, failed or expired; an answer names the request's id, and so
does the measurement that came of it. A request is carried out at most once. Must not live here: what a device allows.
"""

from typing import Annotated, Final

import msgspec

from balise_wire.assignment import Target
from balise_wire.word import Word
from balise_wire.words import Design, Experiment

MOST_OPEN: Final = 8
"""Requests of one probe that are open at a time."""
LONGEST_BYTES: Final = 32_768
"""Largest message of open requests, sealed: eight whole targets with a path and sixteen addresses each are 20 KB."""
LONGEST_SECONDS: Final = 3_600.0
"""From the making of a request to its expiry, at most."""
Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$(?!\\n)")]
DESIGNS: Final = (Design.SENTINEL, Design.PAIRED, Design.ON_DEMAND)
"""Designs that may be asked for; the last two are the same plan, with and without an anomaly of the collector's."""


class Request(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One run of one experiment on one target."""

    id: Id
    experiment: Experiment
    target: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Id of a target of the assignment in force; empty where the whole of one is given."""
    whole: Target | None = None
    """A target that is not assigned."""
    design: Design = Design.ON_DEMAND
    made: float
    """UNIX seconds on the collector's clock."""
    expires: float
    """UNIX seconds on the collector's clock: not begun by then, it never is."""
    bytes: Annotated[int, msgspec.Meta(ge=1)] = 200_000
    """What it may cost, both directions; a device's own bound for an incident is never exceeded by it."""

    @property
    def about(self) -> str:
        """The id of the target that is asked about."""
        return self.target if self.whole is None else self.whole.id


class Outcome(Word):
    """What became of a request."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DONE = "done"
    FAILED = "failed"
    """It was begun and came to no result, by a fault of the probe or by its end."""
    EXPIRED = "expired"
    UNKNOWN = "unknown"

    @property
    def last(self) -> bool:
        """Whether nothing follows."""
        return self in {Outcome.REFUSED, Outcome.DONE, Outcome.FAILED, Outcome.EXPIRED}


class Reason(Word):
    """Why a request was refused, or failed."""

    UNREADABLE = "unreadable"
    """It holds what this probe has no word for, or is malformed."""
    UNABLE = "unable"
    """The experiment is none that it carries out on a target."""
    TOO_LONG = "too_long"
    """It asks to wait longer than a request may."""
    TOO_MANY = "too_many"
    BUDGET = "budget"
    """The run is reckoned to cost more than it may, or the day's bytes are used up."""
    TARGET = "target"
    """No such target is assigned, or the one that was given may not be contacted; the detail says why."""
    NOT_MEASURING = "not_measuring"
    """The probe is halted, paused, without consent or without an assignment."""
    INTERRUPTED = "interrupted"
    """The run ended with the program, or by a change of its clock."""
    OWN_FAILURE = "own_failure"
    """The probe itself could not carry it out."""
    UNKNOWN = "unknown"


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one request, in an event of the kind ``request_answered``."""

    request: str
    """Its id."""
    outcome: Outcome
    reason: Reason | None = None
    measurement: str = ""
    """Id of what came of it, where it is done."""
