"""What ``balise-collector check`` says of enrolment: the door, the authority, cards that wait, certificates that end.

Must not live here: anything that changes what it looks at, except that an authority is founded where settings want one.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.run.commands.authority import ending
from balise_collector.system.clock import machine_time
from balise_collector.system.config import Config

_SOON: Final = 20 * 86_400.0
"""A probe whose certificate ends within this many seconds should have renewed it a week ago."""


def lines(config: Config, now: float) -> Iterator[str]:
    """Return what is to be said; ``now`` is on the collector's clock."""
    if config.enrolment is None:
        yield "enrolment  none; boards with tokens need [enrolment]"
        if not config.authority_dir.exists():
            return
    else:
        yield f"enrolment  {config.enrolment.host}:{config.enrolment.port}"
        yield f"cards say  {', '.join(config.enrolment.addresses_to_dial())}"
    with closing(Authority.open_or_create(config.authority_dir)) as authority:
        yield f"authority  {authority.fingerprint}, list good until {_day(authority.crl_expires)}"
        notes = ending(authority.issued(), machine_time())
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        fleet = registry.fleet()
        waiting = registry.waiting_tokens(now)
    yield f"tokens     {waiting} waiting for a board"
    for country, halt in fleet.halted().items():
        notes.append(f"{country} is halted: {halt.reason}; take it back with fleet halt {country} --undo")
    for member in fleet.active():
        if member.expires is not None and member.expires - machine_time() < _SOON:
            notes.append(
                f"probe {member.id} did not renew its certificate, which ends {_day(member.expires)}: see that it "
                "reaches the enrolment listener, or give it a new token: fleet replace " + member.id
            )
    yield from (f"note       {note}" for note in notes)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
