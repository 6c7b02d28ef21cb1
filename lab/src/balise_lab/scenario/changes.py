"""Reading ``changes``: what of the fleet, of services and of the catalogue is otherwise from a moment on.

Lives here: the shape of an entry, and the checks that it changes something that the file defines. Must not live here:
carrying it out (run.changes), or what comes and goes on the network (timeline).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from balise_lab.scenario import scalars
from balise_lab.scenario.names import Names
from balise_lab.scenario.schema import Change, Changed, Endpoint
from balise_lab.scenario.source import Field
from balise_lab.world.addresses import MOST_ADDRESSES

_WHAT: Final = tuple(one.value for one in Changed)
_OF_PROBES: Final = (Changed.VERSION, Changed.PROVIDER)
_VERSION: Final = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}")


def read_changes(field: Field | None, calendar: scalars.Calendar, names: Names) -> tuple[Change, ...]:
    """Read every entry and return them in the order they happen."""
    if field is None:
        return ()
    found = [(change, item) for item in field.items() if (change := _change(item, calendar, names)) is not None]
    for change, item in found:
        for what, mend in _against(change, (other for other, _ in found if other is not change), names):
            item.wrong(what, mend)
    return tuple(sorted((change for change, _ in found), key=lambda change: change.at))


def _change(item: Field, calendar: scalars.Calendar, names: Names) -> Change | None:
    """Read one entry."""
    keys = item.keys(("at", "probes", "host", *_WHAT), required=("at",))
    told = [word for word in _WHAT if word in keys]
    if len(told) != 1:
        item.wrong(f"changes {' and '.join(told) or 'nothing'}", f"give one of {', '.join(_WHAT)}")
        return None
    kind = Changed(told[0])
    wanted, stray = ("probes", "host") if kind in _OF_PROBES else ("host", "probes")
    if stray in keys:
        keys[stray].wrong(f"is not for {kind}", f"leave {stray}: out")
    if wanted not in keys:
        item.wrong(f"{kind} of what is not said", f"add {wanted}: ...")
    hosts = [endpoint.host for endpoint in names.endpoints]
    return Change(
        at=keys["at"].read(calendar.moment, 0.0) if "at" in keys else 0.0,
        kind=kind,
        probes=names.probe_list(keys["probes"]) if "probes" in keys else (),
        host=keys["host"].choice(hosts) if "host" in keys else "",
        to=_value(keys[told[0]], kind, names),
        line=item.line,
    )


def _value(field: Field, kind: Changed, names: Names) -> str:
    """Read what it is from then on."""
    match kind:
        case Changed.VERSION:
            return field.read(_version, "")
        case Changed.PROVIDER:
            return field.choice(names.isps)
        case Changed.ADDRESSES:
            return field.choice(("new",))
        case _:
            return "yes" if field.read(scalars.yes_no, default=True) else "no"


def _version(text: str) -> str:
    """Return the name of a version of the agent."""
    if not _VERSION.fullmatch(text):
        raise ValueError(f"{text!r} is no version; write one such as 0.2.0")
    return text


def _against(change: Change, others: Iterable[Change], names: Names) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a change beside what the file says, and the mend."""
    twins = [other for other in others if other.kind is change.kind]
    match change.kind:
        case Changed.PROVIDER:
            abroad = [probe for probe in change.probes if names.probes[probe] not in names.isps]
            if abroad:
                yield f"{', '.join(abroad)} stands abroad", "let probes of the country move"
            if any(names.probes[probe] == change.to for probe in change.probes):
                yield f"{change.to} is where it stands", "name another provider"
            if any(set(change.probes) & set(other.probes) for other in twins):
                yield "moves a probe twice", "let each move once"
        case Changed.ADDRESSES:
            endpoint = next((one for one in names.endpoints if one.host == change.host), None)
            if endpoint is not None:
                yield from _against_addresses(endpoint, names, twice=any(one.host == change.host for one in twins))
        case Changed.CATALOGUED:
            before = [one.to for one in twins if one.host == change.host and one.at <= change.at]
            if before and max((one for one in twins if one.host == change.host and one.at <= change.at),
                              key=lambda one: one.at).to == change.to:  # fmt: skip
                yield f"{change.host} is so already", "leave it out"
        case _:
            pass


def _against_addresses(endpoint: Endpoint, names: Names, *, twice: bool) -> Iterator[tuple[str, str]]:
    """Yield why a host cannot have new addresses."""
    if endpoint.shares or any(one.shares == endpoint.host for one in names.endpoints):
        yield f"{endpoint.host} shares its addresses", "change those of a host that shares none"
    if endpoint.addresses >= MOST_ADDRESSES:
        yield f"{endpoint.host} has {endpoint.addresses} addresses", f"give it addresses: {MOST_ADDRESSES - 1} at most"
    if endpoint.catalogued != "all":
        yield f"{endpoint.host} is catalogued: {endpoint.catalogued}", "let the catalogue name all its addresses"
    if twice:
        yield f"{endpoint.host} has new addresses twice", "let each host move once"
