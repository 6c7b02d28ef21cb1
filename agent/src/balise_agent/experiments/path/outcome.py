"""What the sweeps of ``path`` mean to the schedule, what they cost, what may leave of them, and how people read them.

Must not live here: the plan, where a box stands, or any verdict.
"""

from typing import Any, Final

import msgspec

from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.task import Endpoint
from balise_agent.policy import scrub
from balise_wire.experiments.path import CONNECTION, COPY, Hop, HopReply, PathObservation, answered
from balise_wire.experiments.traits import UNANSWERED
from balise_wire.words import Arm

MAX_HOPS: Final = 64
MAX_REPLIES: Final = 4
PRIVATE: Final = "private"
"""In the place of the home's routers and of addresses that nobody can route."""


class PathReader(TrialReader[PathObservation]):
    """Reads sweeps."""

    def read(self, trial: PathObservation) -> TrialReading:
        """Return the reading; a way that ends early is no anomaly of its own, and wherever the name was shown it heats.

        What a sweep finds is where, never whether: a target is neither in anomaly by it nor out of one.
        """
        at = Endpoint(trial.address, trial.port)
        shown = trial.arm is Arm.SUBJECT and trial.connect_ms is not None
        copies = sum(hop.copies for hop in trial.hops)
        spent = UNANSWERED if trial.connect_ms is None else CONNECTION + COPY * copies
        return TrialReading(
            at=at, failed=False, heats=(at,) if shown else (), spent=spent, connected=trial.connect_ms is not None
        )

    def describe(self, trial: PathObservation) -> Description:
        """Return every hop that answered: its router, and what came in the server's name."""
        if trial.connect_ms is None:
            return Description(f"connection to {trial.address}", "")
        ttls = [hop.ttl for hop in trial.hops]
        what = f"TTL {min(ttls)} to {max(ttls)}" if ttls else "nothing"
        told = "; ".join(_told(hop) for hop in trial.hops)
        return Description(f"{trial.payload} of the {trial.arm} to {trial.address}, {what}", told)

    def scrub(self, trial: PathObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Return an assigned address, and hops blurred to their prefix; the home's have none."""
        return {
            "address": scrub.assigned(trial.address, allowed),
            "payload": scrub.word(trial.payload),
            "hops": tuple(_hop(hop, allowed) for hop in trial.hops[:MAX_HOPS]),
        }


READER: Final = PathReader()


def _hop(hop: Hop, allowed: scrub.Allowed) -> Hop:
    return msgspec.structs.replace(
        hop,
        address=_router(hop, allowed),
        answer=scrub.word(hop.answer),
        replies=tuple(_reply(one) for one in hop.replies[:MAX_REPLIES]),
    )


def _router(hop: Hop, allowed: scrub.Allowed) -> str:
    """Return a router's prefix, or the word for the home's.

    The first hop is the home's router whatever its address; so is what lies in the networks that this machine sees, or
    in the site that they are part of: a router behind another, the home's own addresses of IPv6.
    """
    if not scrub.is_address(hop.address):
        return PRIVATE if "%" in hop.address else ""
    if hop.ttl == 1 or scrub.is_own(hop.address, allowed.own):
        return PRIVATE
    return scrub.blurred(hop.address, allowed.laboratory)


def _reply(reply: HopReply) -> HopReply:
    return msgspec.structs.replace(reply, kind=scrub.word(reply.kind))


def _told(hop: Hop) -> str:
    """Return one hop in a few words."""
    if not answered(hop):
        return f"{hop.ttl} silent ({hop.copies})"
    router = f" {hop.address} {hop.answer}" if hop.answer else ""
    return f"{hop.ttl}{router}" + "".join(f" {one.kind} (TTL {one.ttl})" for one in hop.replies)
