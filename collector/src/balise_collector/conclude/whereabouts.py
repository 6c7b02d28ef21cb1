"""In whose network a box stands, by one run of ``path``: the place, and the networks of the routers around it. Pure.

Lives here: what of a place and a table of networks is told, in data and in one sentence for the operator. It is a fact
of where, and accuses nobody: a box in a network need not be its operator's. Must not live here: how a place is found
(experiments/path/locate.py), the table (intake/origins.py; the operator supplies it), the journal.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final

import msgspec

from balise_collector.conclude.server_networks import ServerNetwork
from balise_collector.experiments.path.locate import Form, Location, Why, located
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.requests import Kept
from balise_collector.incidents.model import Incident
from balise_collector.journal import JournalRow
from balise_collector.judge.trials import trials_of
from balise_collector.system.sentences import Say, gettext_noop
from balise_wire.experiments.path import PathObservation
from balise_wire.measurement import Measurement, Network
from balise_wire.words import Experiment

LookUp = Callable[[str], ServerNetwork | None]
_PRIVATE: Final = "private"
_SHOWN: Final = 24
"""Newest runs of one incident that are read: each unseals a batch."""


class Side(StrEnum):
    """In whose network the box stands."""

    HOME = "home"
    """Before the first router: in the home itself, or in its router."""
    OWN = "own"
    """In the network of the probe's own provider."""
    TRANSIT = "transit"
    """In one that is neither that nor the server's."""
    SERVER = "server"
    """In the server's network."""
    BETWEEN = "between"
    """Between two networks, whose routers stand on either side of it."""
    UNKNOWN = "unknown"


class Whereabouts(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where one run found what cuts a name."""

    measurement: str
    probe: str
    country: str
    asn: int
    """Of the probe's provider, on the operator's word."""
    target: str
    service: str
    at: float
    """UNIX seconds, by the probe's corrected clock."""
    location: Location
    before: ServerNetwork = ServerNetwork()
    """Of the last router before it; without a number where it is not known."""
    behind: ServerNetwork = ServerNetwork()
    """Of the first router behind it, likewise."""
    side: Side = Side.UNKNOWN


def whereabouts(
    probe: str, stood: Network, measurement: Measurement, clock_offset: float, look_up: LookUp
) -> Whereabouts | None:
    """Return what one run says; ``None`` where it is none of ``path``.

    Args:
        probe: that measured.
        stood: where it stood, on the operator's word.
        measurement: as it came.
        clock_offset: of the probe's clock, seconds.
        look_up: the table of networks.
    """
    if measurement.experiment is not Experiment.PATH:
        return None
    trials = trials_of(measurement, PathObservation)
    place = located(trials)
    before, behind = (_network(router, look_up) for router in (place.before, place.at))
    server = _network(next((one.address for one in trials if one.address), ""), look_up)
    return Whereabouts(
        measurement=measurement.id, probe=probe, country=stood.country, asn=stood.asn, target=measurement.target,
        service=measurement.service, at=measurement.started - clock_offset, location=place, before=before,
        behind=behind, side=_side(place, stood.asn, (before, behind, server)),
    )  # fmt: skip


def stood_and_found(row: JournalRow, fleet: Fleet, look_up: LookUp) -> Whereabouts | None:
    """Return what one row of the journal says; ``None`` where it is no run of ``path``, or of nobody in the fleet then.

    Args:
        row: a measurement as it came.
        fleet: where probes stand, on the operator's word.
        look_up: the table of networks.
    """
    one = row.measurement
    stood = fleet.record_at(row.probe, one.started - row.clock_offset, one.network.country)
    return None if stood is None else whereabouts(row.probe, stood.network, one, row.clock_offset, look_up)


def is_of(kept: Kept, one: Incident, now: float) -> bool:
    """Whether a request looked where an incident's service is cut, while it lasted."""
    ended = one.end.latest if one.end is not None else now
    return (
        kept.request.experiment is Experiment.PATH
        and bool(kept.measurement)
        and kept.request.about.partition("/")[0] == one.service
        and (one.onset.earliest or one.onset.latest) <= kept.request.made <= ended
    )


def looked_for(
    asked: Iterable[Kept], row_of: Callable[[str], JournalRow | None], fleet: Fleet, look_up: LookUp
) -> tuple[Whereabouts, ...]:
    """Return what the newest runs of requests found, one of each probe and target, by provider.

    Args:
        asked: requests whose runs are known, of one incident.
        row_of: finds a measurement.
        fleet: where probes stand, on the operator's word.
        look_up: the table of networks.
    """
    found: dict[tuple[str, str], Whereabouts] = {}
    for kept in sorted(asked, key=lambda each: each.request.made)[-_SHOWN:]:
        row = row_of(kept.measurement)
        if row is None or row.probe != kept.probe:
            continue
        told = stood_and_found(row, fleet, look_up)
        if told is not None:
            found[told.probe, told.target] = told
    return tuple(sorted(found.values(), key=lambda each: (each.asn, each.target, each.probe)))


def sentence(one: Whereabouts, say: Say = gettext_noop) -> str:
    """Return it for the operator, in the language that ``say`` speaks."""
    place = one.location
    if place.first is None or place.last is None:
        return say(_WHYS[place.why])
    hops = say("hop {last}") if place.first == place.last else say("one of the hops {first} to {last}")
    told = hops.format(first=place.first, last=place.last)
    if place.distance:
        told = say("{hops} of {far}").format(hops=told, far=place.distance)
    told = say("{hops}, {side}, after {before}, before {behind}, {form}").format(
        hops=told,
        side=say(_SIDES[one.side]),
        before=_router(place.before, one.before, say),
        behind=_router(place.at, one.behind, say),
        form=say(_FORMS[place.form]),
    )
    if place.copies_ttl:
        told += ", " + say("copies the TTL")
    told += "; " + (say("two looks agree") if place.rounds > 1 else say("one look: not sure"))
    return told + (f"; {say(_WHYS[Why.SERVER])}" if place.why is Why.SERVER else "")


_WHYS: Final = {
    Why.NONE: gettext_noop("no place"),
    Why.NOT_CUT: gettext_noop("nothing was cut when it was looked at"),
    Why.NO_CONTROL: gettext_noop("no place: the control met nobody, or was cut as well"),
    Why.OTHER_FLOW: gettext_noop("no place: control and subject went on different flows"),
    Why.CONTRADICTION: gettext_noop("no place: the looks contradict each other"),
    Why.SILENCE: gettext_noop("no place: the way says too little"),
    Why.SERVER: gettext_noop("it may be the server itself"),
}
_SIDES: Final = {
    Side.HOME: gettext_noop("in the home or its router"),
    Side.OWN: gettext_noop("in the network of the probe's own provider"),
    Side.TRANSIT: gettext_noop("in a network between"),
    Side.SERVER: gettext_noop("in the server's network"),
    Side.BETWEEN: gettext_noop("where two networks meet"),
    Side.UNKNOWN: gettext_noop("in whose network is not known"),
}
_FORMS: Final = {
    Form.IN_PATH: gettext_noop("in path (stops what it cuts)"),
    Form.ON_PATH: gettext_noop("on path (what it cuts goes on)"),
    Form.UNKNOWN: gettext_noop("in or on path is not known"),
}


def _network(router: str, look_up: LookUp) -> ServerNetwork:
    """Return the network of an address or a prefix."""
    if not router or router == _PRIVATE:
        return ServerNetwork()
    return look_up(router.partition("/")[0]) or ServerNetwork()


def _side(place: Location, own: int, networks: tuple[ServerNetwork, ServerNetwork, ServerNetwork]) -> Side:
    """Return in whose network it stands; where anything is open, that stays open."""
    if place.first is None or place.last is None or place.why is not Why.NONE:
        return Side.UNKNOWN
    if place.last == 1:
        return Side.HOME
    before, behind, server = (one.asn for one in networks)
    # A filter inside a router acts behind the point where TTLs end, and so seems to stand right behind that router. A
    # private one may be the home's: then nothing says whose it is.
    if not before or not behind:
        return Side.UNKNOWN
    if before != behind:
        return Side.BETWEEN
    if behind == own:
        return Side.OWN
    return Side.SERVER if behind == server else Side.TRANSIT


def _router(router: str, network: ServerNetwork, say: Say) -> str:
    """Name a router."""
    if not router:
        return say("a router that is not known")
    if router == _PRIVATE:
        return say("a private one")
    return f"{router} (AS{network.asn or '?'} {network.country or '??'})"
