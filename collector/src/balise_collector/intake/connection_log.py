"""What the broker's own log tells of probes' networks, where the settings ask for it; an address is kept by nobody.

Must not live here: how a line is read (observing.py), the table of networks (origins.py).
"""

import logging

from balise_collector.fleet.members import Fleet
from balise_collector.fleet.whereabouts import Sighting, Where, compare
from balise_collector.intake.broker import Delivery
from balise_collector.intake.observing import complaint, sighting
from balise_collector.intake.origins import FreshOrigins
from balise_collector.journal import Notice, NoticeKind

_log = logging.getLogger(__name__)


class ConnectionLog:
    """Hears the broker's log."""

    def __init__(self, origins: FreshOrigins | None, same_provider: tuple[frozenset[int], ...]) -> None:
        """Prepare.

        Args:
            origins: the table of networks; without one nothing is heard.
            same_provider: AS numbers that are one provider.
        """
        self._origins = origins
        self._same_provider = same_provider

    def freshen(self) -> None:
        """Read the table again where its file changed."""
        if self._origins is not None:
            self._origins.freshen()

    def hear(
        self, delivery: Delivery, fleet: Fleet, sightings: list[Sighting], notices: list[Notice], at: float
    ) -> None:
        """Add to ``sightings`` from which network a probe connects, and to ``notices`` where its record says another.

        Args:
            delivery: one line.
            fleet: of now.
            sightings: added to.
            notices: added to.
            at: UNIX seconds, ours.
        """
        if self._origins is None:
            return
        told = complaint(delivery.topic, delivery.payload)
        if told:
            _log.warning("the broker says: %s", told)
        seen = sighting(delivery.payload, at, self._origins.look_up)
        member = fleet.members.get(seen.probe) if seen is not None else None
        if seen is None or member is None or not member.speaks:
            return
        sightings.append(seen)
        if compare(member.network, seen, self._same_provider) is Where.DIFFERS:
            where = f"AS{seen.asn}, {seen.country or '??'}"
            _log.warning("probe %s connects from %s, where its record says AS%d", seen.probe, where, member.network.asn)
            notices.append(Notice(probe=seen.probe, kind=NoticeKind.ELSEWHERE, detail=f"seen in {where}"))
