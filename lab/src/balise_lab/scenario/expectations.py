"""Reading ``expect``: the incidents, verdicts and quiet services that a run must end with.

Lives here: the shape of the section and the checks that it speaks of things the file defines. Must not live here: the
comparison with what was found (expect).
"""

from balise_lab.scenario import scalars
from balise_lab.scenario.names import Names
from balise_lab.scenario.schema import Expect, IncidentExpectation, VerdictExpectation
from balise_lab.scenario.source import Field
from balise_lab.scenario.words import HYPOTHESES, INCIDENT_KINDS, LOCALITIES, STATES
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Experiment, TargetRole

_INCIDENT = (
    "services", "service", "kind", "onset", "end", "within", "scope", "mechanism", "mechanisms", "locality", "roles",
    "contains", "opened_within", "grade", "standing", "staggered", "masked", "duty_cycle", "providers",
    "through", "family", "rate", "hypothesis",
)  # fmt: skip
_VERDICT = ("probe", "isp", "target", "service", "role", "between", "state", "layer", "rule", "mechanism")
_THROUGH = ("works", "fails", "unknown")
_FAMILIES = ("4", "6", "both")
_RATE_WITHIN = 30.0
"""Per cent by which a told rate may differ unless the file says otherwise."""
_GRADES = ("A", "B", "C", "none")
_LAYERS = tuple(experiment.value for experiment in Experiment.known())


def read_expect(field: Field | None, calendar: scalars.Calendar, names: Names, ends: float) -> Expect | None:
    """Read the section; ``None`` where there is none: the run then only reports."""
    if field is None or field.is_empty:
        return None
    keys = field.keys(("incidents", "verdicts", "quiet"))
    incidents = keys.get("incidents")
    found = tuple(_incident(item, calendar, names, ends) for item in incidents.items()) if incidents else ()
    verdicts = keys["verdicts"].items() if "verdicts" in keys else []
    return Expect(
        incidents=found,
        verdicts=tuple(verdict for item in verdicts if (verdict := _verdict(item, calendar, names))),
        quiet=names.service_list(keys["quiet"]) if "quiet" in keys else (),
        nothing=incidents is not None and not found,
    )


def _incident(item: Field, calendar: scalars.Calendar, names: Names, ends: float) -> IncidentExpectation:
    """Read one expectation of incidents."""
    keys = item.keys(_INCIDENT)
    services = keys.get("services") or keys.get("service")
    if services is None and item.is_mapping:
        item.wrong("services is missing", "add services: [twitter]")
    still_open = "end" in keys and keys["end"].scalar() in {"open", "none"}
    onset = keys["onset"].read(calendar.moment, 0.0) if "onset" in keys else None
    end = keys["end"].read(calendar.moment, 0.0) if "end" in keys and not still_open else None
    for name, moment in (("onset", onset), ("end", end)):
        if moment is not None and moment > ends:
            keys[name].wrong("is after the end of the scenario", "let the scenario end later: ends: ...")
    if onset is not None and end is not None and end < onset:
        keys["end"].wrong("is before the onset", "write the date too: 2020-05-18T01:30")
    scope = keys["scope"].keys(("affected", "clean")) if "scope" in keys else {}
    mechanisms = keys.get("mechanisms") or keys.get("mechanism")
    words = [word.value for word in Mechanism.known()]
    roles = [str(role) for role in TargetRole.known()]
    return IncidentExpectation(
        services=names.service_list(services, pseudo=True) if services else (),
        kind=keys["kind"].choice(INCIDENT_KINDS, "interference") if "kind" in keys else "interference",
        onset=onset,
        end=end,
        within=keys["within"].read(scalars.duration, 600.0) if "within" in keys else 600.0,
        affected=names.asns(scope["affected"]) if "affected" in scope else None,
        clean=names.asns(scope["clean"]) if "clean" in scope else None,
        mechanisms=tuple(dict.fromkeys(one.choice(words) for one in mechanisms.items())) if mechanisms else (),
        locality=keys["locality"].choice(LOCALITIES) if "locality" in keys else "",
        roles=tuple(TargetRole(one.choice(roles, "web")) for one in keys["roles"].items()) if "roles" in keys else (),
        still_open=still_open,
        contains=bool(_yes_no(keys, "contains")),
        opened_within=keys["opened_within"].read(scalars.duration, 0.0) if "opened_within" in keys else None,
        grades=tuple(one.choice(_GRADES) for one in keys["grade"].items()) if "grade" in keys else (),
        standing=_yes_no(keys, "standing"),
        staggered=_yes_no(keys, "staggered"),
        masked=_yes_no(keys, "masked"),
        duty_cycle=_duty(keys.get("duty_cycle")),
        providers=_providers(keys.get("providers"), calendar, names),
        family=keys["family"].choice(_FAMILIES) if "family" in keys else "",
        rate=_rate(keys.get("rate")),
        hypothesis=keys["hypothesis"].choice(HYPOTHESES) if "hypothesis" in keys else "",
        through=_through(keys.get("through")),
        line=item.line,
    )


def _yes_no(keys: dict[str, Field], name: str) -> bool | None:
    """Read a fact that may be expected either way."""
    usual = False
    return keys[name].read(scalars.yes_no, usual) if name in keys else None


def _duty(field: Field | None) -> tuple[float, float] | None:
    """Read ``duty_cycle: [0.3, 0.7]``: the shares of bins between which it lies."""
    if field is None:
        return None
    parts = [item.read(scalars.number, 0.0) for item in field.items()]
    if len(parts) != 2 or not 0.0 <= parts[0] <= parts[1] <= 1.0:
        field.wrong("is no range", "write duty_cycle: [0.3, 0.7]")
        return None
    return parts[0], parts[1]


def _rate(field: Field | None) -> tuple[float, float] | None:
    """Read ``rate: {kbps: 128, within: 30%}``; ``rate: 128`` says the same."""
    if field is None:
        return None
    keys = field.keys(("kbps", "within"), required=("kbps",)) if field.is_mapping else {"kbps": field}
    kbps = keys["kbps"].read(scalars.number, 0.0) if "kbps" in keys else 0.0
    within = keys["within"].read(scalars.percent, _RATE_WITHIN) if "within" in keys else _RATE_WITHIN
    if "kbps" in keys and kbps <= 0.0:
        keys["kbps"].wrong("is no rate", "write kilobits a second, such as 128")
    return kbps, within / 100.0


def _through(field: Field | None) -> tuple[tuple[TargetRole, str], ...]:
    """Read ``through: {chat: works, media-image: fails}``: what is told of each part by way of a proxy."""
    roles = {str(role) for role in TargetRole.known()}
    found: list[tuple[TargetRole, str]] = []
    for name, value in field.entries().items() if field is not None else ():
        if name not in roles:
            value.wrong(f"{name!r} is no role", f"known: {', '.join(sorted(roles))}")
            continue
        found.append((TargetRole(name), value.choice(_THROUGH, "works")))
    return tuple(found)


def _providers(
    field: Field | None, calendar: scalars.Calendar, names: Names
) -> tuple[tuple[int, float | None, float | None], ...]:
    """Read ``providers: {asn64501: {onset: 22:00, end: 23:00}}``."""
    found: list[tuple[int, float | None, float | None]] = []
    for name, value in field.entries().items() if field is not None else ():
        if name not in names.isps:
            value.wrong(f"{name!r} is no provider of this file", f"known here: {', '.join(names.isps)}")
            continue
        keys = value.keys(("onset", "end"))
        onset, end = (keys[one].read(calendar.moment, 0.0) if one in keys else None for one in ("onset", "end"))
        found.append((names.isps[name].asn, onset, end))
    return tuple(found)


def _verdict(item: Field, calendar: scalars.Calendar, names: Names) -> VerdictExpectation | None:
    """Read one expectation of verdicts."""
    keys = item.keys(_VERDICT, required=("between", "state"))
    if not item.is_mapping:
        return None
    who = keys.get("probe") or keys.get("isp")
    if who is None:
        item.wrong("probe is missing", "add probe: asn64501p1, or a provider for all its probes")
    target = keys.get("target")
    service = names.service_list(keys["service"]) if "service" in keys else ()
    if target is None and not service:
        item.wrong("target is missing", "add target: twitter/web, a host, or service: and role:")
    role = keys["role"].choice(TargetRole.known()) if "role" in keys else ""
    parts = keys["between"].items() if "between" in keys else []
    if len(parts) != 2 and "between" in keys:
        keys["between"].wrong("is no window", "write between: [22:10, 22:20]")
    since, until = (
        (parts[0].read(calendar.moment, 0.0), parts[1].read(calendar.moment, 0.0)) if len(parts) == 2 else (0.0, 0.0)
    )
    if until < since:
        keys["between"].wrong("ends before it begins", "write the earlier time first, with dates if it spans a day")
    words = [word.value for word in Mechanism.known()]
    return VerdictExpectation(
        probes=names.probe_list(who) if who else (),
        target=names.target_text(target) if target else "/".join(part for part in (*service[:1], role) if part),
        since=since,
        until=until,
        state=keys["state"].choice(STATES) if "state" in keys else "",
        layer=keys["layer"].choice(_LAYERS) if "layer" in keys else "",
        rule=keys["rule"].read(scalars.plain, "") if "rule" in keys else "",
        mechanism=keys["mechanism"].choice(words) if "mechanism" in keys else "",
        line=item.line,
    )
