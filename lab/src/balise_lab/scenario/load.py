"""The loader: from a YAML file to a Scenario, or to every error in it at once, each with file, line and mend.

Lives here: the top of the file (clock, country, providers, abroad, services) and the order in which its parts are read;
the timeline and the expectations have modules of their own. Must not live here: what a scalar means (scalars), how YAML
is read (source). Documented for people who write scenarios in docs/scenarios.md.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from balise_lab.counterparts.engine.registry import USUAL
from balise_lab.scenario import scalars
from balise_lab.scenario.expectations import read_expect
from balise_lab.scenario.names import Names
from balise_lab.scenario.parameters import PARAMETER_KEYS, read_parameters
from balise_lab.scenario.schema import DEFAULT_SCALE, Abroad, Endpoint, Isp, Scenario, Service, stem
from balise_lab.scenario.source import Field, Problem, Problems, ScenarioError, did_you_mean, read_tree
from balise_lab.scenario.timeline import read_timeline
from balise_wire.experiments import OF_TARGETS
from balise_wire.words import Access, Experiment, TargetRole

SERVICE_ROLES: Final = tuple(
    role.value for role in TargetRole.known() if role not in {TargetRole.CONTROL, TargetRole.LINE}
)
_TOP = ("name", "summary", "clock", "country", "isps", "abroad", "services", "timeline", "ends", "expect")
_ENDPOINT = ("host", "port", "bytes", "shares", "experiments")
_PORTS = scalars.whole(1, 65535)
_MOST_PROBES = scalars.whole(1, 200)
MOST: Final = {"isps": 64, "abroad": 32, "services": 64, "timeline": 1000}
"""Entries of each part: every provider, country and service becomes namespaces, programs and addresses."""
MOST_PROBES_IN_ALL: Final = 200
"""Each is a process of its own: two hundred take 12 GB."""
MOST_ENDPOINTS: Final = 200
MOST_BYTES: Final = 64_000_000
"""Of all pages together; each is a file that is written when the scenario starts."""
LONGEST: Final = 366 * 86_400.0
"""Virtual seconds."""
_AFTER = 1800.0
"""Seconds that a scenario goes on after its last entry unless it says otherwise: time to notice and to close."""
_FIRST_FREE_ASN = 64601
"""Providers whose names give no number are numbered from here, out of the private range (RFC 6996)."""
_FIRST_ABROAD_ASN = 64801


def load(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: it cannot be read, or is wrong; the message holds every problem as ``file:line: what; mend``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ScenarioError(
            str(path), [Problem(1, "", "there is no such file", "give the path of a .yaml file")]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(str(path), [Problem(1, "", f"cannot be read: {error}", "save it as UTF-8 text")]) from None
    return parse(text, str(path))


def parse(text: str, path: str = "scenario.yaml") -> Scenario:
    """Read a scenario from text; ``path`` is what messages call it.

    Raises:
        ScenarioError: as ``load``.
    """
    problems = Problems()
    root = read_tree(text, path, problems)
    if not root.is_mapping:
        raise ScenarioError(path, [Problem(root.line, "", "is not a mapping", "begin with name: ...")])
    top = root.keys(_TOP, required=("name", "country", "isps", "services"))
    if _is_too_much(top):
        raise ScenarioError(path, problems.errors)  # what is too many is not read one by one
    calendar = _country(top.get("country"))
    isps = _isps(top.get("isps"))
    abroad = _abroad(top.get("abroad"))
    services = _services(top.get("services"))
    if _is_too_much_in_all(top, isps, abroad, services):
        raise ScenarioError(path, problems.errors)
    names = Names.of(calendar.code, isps, abroad, services)
    timeline = read_timeline(top.get("timeline"), calendar.calendar, names)
    ends = _ends(top.get("ends"), calendar.calendar, max((entry.at for entry in timeline), default=0.0))
    expect = read_expect(top.get("expect"), calendar.calendar, names, ends)
    name = top["name"].read(scalars.plain, "") if "name" in top else ""
    summary = top["summary"].read(scalars.plain, "") if "summary" in top else ""
    scale = _scale(top.get("clock"))
    if problems.errors:
        raise ScenarioError(path, problems.errors)
    return Scenario(
        name=name,
        summary=summary,
        path=path,
        scale=scale,
        country=calendar.code,
        zone=calendar.calendar.zone,
        starts=calendar.calendar.unix,
        ends=ends,
        isps=isps,
        abroad=abroad,
        services=services,
        timeline=timeline,
        expect=expect,
        warnings=tuple(problem.told(path) for problem in sorted(problems.warnings, key=lambda found: found.line)),
    )


def _is_too_much(top: dict[str, Field]) -> bool:
    """Note the parts that have more entries than can be played; whether there are any."""
    over = [name for name, most in MOST.items() if name in top and top[name].size > most]
    for name in over:
        what = f"has {top[name].size} entries; {MOST[name]} can be played"
        top[name].wrong(what, "take some out, or split the scenario")
    return bool(over)


def _is_too_much_in_all(
    top: dict[str, Field], isps: tuple[Isp, ...], abroad: tuple[Abroad, ...], services: tuple[Service, ...]
) -> bool:
    """Note what is too much together though each part is not; whether there is any."""
    probes = sum(isp.probes for isp in isps) + sum(place.probes for place in abroad)
    endpoints = [endpoint for service in services for endpoint in service.endpoints]
    size = sum(endpoint.body_bytes for endpoint in endpoints)
    found = [
        (name, what, mend)
        for number, most, name, what, mend in (
            (probes, MOST_PROBES_IN_ALL, "isps", "probes in all, each a process of its own", "give some fewer"),
            (len(endpoints), MOST_ENDPOINTS, "services", "roles in all", "take some out"),
            (size, MOST_BYTES, "services", "bytes of pages in all", "make some smaller"),
        )
        if number > most
        for what in (f"{number} {what}; {most} can be played",)
    ]
    for name, what, mend in found:
        if name in top:
            top[name].wrong(what, mend)
    return bool(found)


def _scale(clock: Field | None) -> float:
    """Read ``clock: {scale: 60}``; ``clock: 60`` says the same."""
    if clock is None or clock.is_empty:
        return DEFAULT_SCALE
    if not clock.is_mapping:
        return clock.read(scalars.scale, DEFAULT_SCALE)
    keys = clock.keys(("scale",))
    return keys["scale"].read(scalars.scale, DEFAULT_SCALE) if "scale" in keys else DEFAULT_SCALE


@dataclass(frozen=True, slots=True)
class _Country:
    """Where and when it plays."""

    code: str
    calendar: scalars.Calendar


def _country(field: Field | None) -> _Country:
    """Read ``country: {code, tz, starts}``."""
    fallback = scalars.local_time("2020-01-01T12:00")
    if field is None:
        return _Country("ZZ", scalars.Calendar(fallback, "UTC"))
    keys = field.keys(("code", "tz", "starts"), required=("code", "tz", "starts"))
    return _Country(
        keys["code"].read(scalars.country, "ZZ") if "code" in keys else "ZZ",
        scalars.Calendar(
            keys["starts"].read(scalars.local_time, fallback) if "starts" in keys else fallback,
            keys["tz"].read(scalars.zone, "UTC") if "tz" in keys else "UTC",
        ),
    )


def _isps(field: Field | None) -> tuple[Isp, ...]:
    """Read ``isps: {asn64501: {probes: 3}, asn64502: 2}``."""
    if field is None:
        return ()
    found: list[Isp] = []
    given: dict[str, tuple[str, Field]] = {}
    entries = field.entries()
    if not entries and not field.is_empty and field.is_mapping:
        field.wrong("names no provider", "add one: asn64501: {probes: 2}")
    for name, value in entries.items():
        _named(value, name)
        if value.is_mapping:
            keys = value.keys(("asn", "probes", "access", "name", "clocks"))
        else:
            keys = {} if value.is_empty else {"probes": value}
        twin = given.get(stem(name))
        if twin:
            value.wrong(f"differs from {twin[0]} (line {twin[1].line}) in dashes only", "give it another name")
        given[stem(name)] = (name, value)
        number = keys["asn"].read(scalars.asn, 0) if "asn" in keys else _asn_of(name)
        if number and (other := given.get(str(number))):
            value.wrong(f"has AS number {number}, as {other[0]} in line {other[1].line} has", "give each its own asn:")
        if number:
            given[str(number)] = (name, value)
        found.append(
            Isp(
                name=name,
                asn=number,
                probes=keys["probes"].read(_MOST_PROBES, 1) if "probes" in keys else 1,
                access=Access(keys["access"].choice(Access, Access.FIXED)) if "access" in keys else Access.FIXED,
                label=keys["name"].read(scalars.plain, "") if "name" in keys else "",
                clocks=tuple(item.read(scalars.clock_error, 0.0) for item in keys["clocks"].items())
                if "clocks" in keys
                else (),
            ),
        )
    return _numbered(found)


def _named(value: Field, name: str) -> None:
    """Check a provider's name, noting the error at its line."""
    try:
        scalars.isp_name(name)
    except ValueError as error:
        what, _, mend = str(error).partition("; ")
        value.wrong(what, mend)


def _asn_of(name: str) -> int:
    """Return the AS number that a name such as ``asn64501`` gives, or 0."""
    try:
        return scalars.asn(name) if name.startswith("as") else 0
    except ValueError:
        return 0


def _numbered(isps: list[Isp]) -> tuple[Isp, ...]:
    """Give AS numbers to the providers that have none."""
    taken = {isp.asn for isp in isps}
    free = (number for number in range(_FIRST_FREE_ASN, _FIRST_ABROAD_ASN) if number not in taken)
    return tuple(isp if isp.asn else replace(isp, asn=next(free)) for isp in isps)


def _abroad(field: Field | None) -> tuple[Abroad, ...]:
    """Read ``abroad: [{code: DE, probes: 2}]``; ``abroad: {DE: 2}`` says the same."""
    if field is None:
        return ()
    if field.is_mapping:
        pairs = [(_place_code(entry, code), entry) for code, entry in field.entries().items()]
        counted = [(code, entry.read(_MOST_PROBES, 1)) for code, entry in pairs]
    else:
        counted = []
        for item in field.items():
            if item.is_mapping:
                keys = item.keys(("code", "probes"), required=("code",))
                code = keys["code"].read(scalars.country, "") if "code" in keys else ""
                counted.append((code, keys["probes"].read(_MOST_PROBES, 1) if "probes" in keys else 1))
            else:
                counted.append((item.read(scalars.country, ""), 1))
    codes = [code for code, _ in counted if code]
    for code in sorted({code for code in codes if codes.count(code) > 1}):
        field.wrong(f"{code} is given twice", "add up its probes in one entry")
    return tuple(Abroad(code, probes, _FIRST_ABROAD_ASN + n) for n, (code, probes) in enumerate(counted))


def _place_code(entry: Field, code: str) -> str:
    """Check a country code that stands as a key."""
    try:
        return scalars.country(code)
    except ValueError as error:
        what, _, mend = str(error).partition("; ")
        entry.wrong(what, mend)
        return ""


def _services(field: Field | None) -> tuple[Service, ...]:
    """Read ``services: {twitter: {web: twitter.lab, media-image: {host: ..., bytes: ...}}}``."""
    if field is None:
        return ()
    found: list[Service] = []
    for name, value in field.entries().items():
        try:
            scalars.identifier(name)
        except ValueError as error:
            what, _, mend = str(error).partition("; ")
            value.wrong(what, mend)
        found.append(_service(name, value))
    _check_shared(field, found)
    return tuple(found)


def _service(name: str, value: Field) -> Service:
    """Read one service: roles with their endpoints, a list of roles, or one host for ``web``."""
    if value.is_mapping:
        entries = value.entries()
        label = entries.pop("name").read(scalars.plain, name) if "name" in entries else name.capitalize()
        endpoints = []
        for role, entry in entries.items():
            if role in SERVICE_ROLES:
                endpoints.append(_endpoint(name, TargetRole(role), entry))
            else:
                entry.wrong(f"{role!r} is no role", did_you_mean(role, SERVICE_ROLES))
        if not entries:
            value.wrong("has no role", f"add one such as web: {name}.lab")
        return Service(name, label, tuple(endpoints))
    if value.is_list:
        roles = [TargetRole(item.choice(SERVICE_ROLES, TargetRole.WEB)) for item in value.items()]
        return Service(name, name.capitalize(), tuple(Endpoint(name, role, _usual(name, role)) for role in roles))
    return Service(name, name.capitalize(), (_endpoint(name, TargetRole.WEB, value),))


def _usual(service: str, role: TargetRole) -> str:
    """Return the host of a role whose file gives none."""
    return f"{service}.lab" if role is TargetRole.WEB else f"{role.value}.{service}.lab"


def _endpoint(service: str, role: TargetRole, value: Field) -> Endpoint:
    """Read one endpoint: a host, ``...`` for the usual one, or a mapping."""
    usual = _usual(service, role)
    if not value.is_mapping:
        bare = value.is_empty or value.scalar() in {"", "...", "…"}
        host = usual if bare else value.read(scalars.host, usual)
        return Endpoint(service, role, host, parameters=read_parameters(value, {}, 443))
    keys = value.keys((*_ENDPOINT, *PARAMETER_KEYS))
    written = keys.get("host")
    bare = written is None or written.is_empty or written.scalar() in {"...", "…"}
    port = keys["port"].read(_PORTS, 443) if "port" in keys else 443
    return Endpoint(
        service=service,
        role=role,
        host=usual if bare or written is None else written.read(scalars.host, usual),
        port=port,
        body_bytes=keys["bytes"].read(scalars.whole(0, 4_000_000), 0) if "bytes" in keys else 0,
        shares=keys["shares"].read(scalars.host, "") if "shares" in keys else "",
        experiments=_experiments(keys.get("experiments")),
        parameters=read_parameters(value, keys, port),
    )


def _experiments(field: Field | None) -> tuple[Experiment, ...]:
    """Read the experiments that an endpoint is measured with."""
    if field is None:
        return USUAL
    return tuple(Experiment(item.choice(OF_TARGETS, USUAL[0])) for item in field.items()) or USUAL


def _check_shared(field: Field, services: list[Service]) -> None:
    """Note hosts used twice, and ``shares`` that name no host of the file."""
    hosts = [endpoint.host for service in services for endpoint in service.endpoints]
    for host in sorted({host for host in hosts if hosts.count(host) > 1}):
        field.wrong(f"{host} serves two roles", "give each role its own host (shares: puts two on one address)")
    for service in services:
        for endpoint in service.endpoints:
            others = [other.host for other in service.endpoints if other.host != endpoint.host]
            if endpoint.shares and endpoint.shares not in others:
                field.wrong(
                    f"{endpoint.host} shares the addresses of {endpoint.shares}, no other host of {service.id}",
                    did_you_mean(endpoint.shares, others),
                )
            elif _goes_round(endpoint, service):
                field.wrong(f"{endpoint.host} shares its own addresses in the end", "let one host of them share none")


def _goes_round(endpoint: Endpoint, service: Service) -> bool:
    """Whether ``shares`` leads from an endpoint back to itself."""
    shares = {other.host: other.shares for other in service.endpoints}
    seen = {endpoint.host}
    here = endpoint.shares
    while here:
        if here in seen:
            return True
        seen.add(here)
        here = shares.get(here, "")
    return False


def _ends(field: Field | None, calendar: scalars.Calendar, last: float) -> float:
    """Read ``ends``; by default half an hour after the last entry."""
    if field is None:
        return last + _AFTER
    ends = field.read(calendar.moment, last + _AFTER)
    if ends < last:
        field.wrong("is before the last entry of the timeline", "end the scenario after it, or leave ends: out")
    elif ends > LONGEST:
        field.wrong("is more than a year after the start", "end the scenario earlier")
    elif ends <= 0:
        field.wrong("is the start itself", "end the scenario later, or leave ends: out")
    return ends
