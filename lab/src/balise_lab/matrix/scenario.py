"""The scenario that plays one row: a service for each experiment, measured by it and by the lookup before it.

Two providers, of which one is hit, and references abroad. Pure. Must not live here: what a row is (rows.py).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from balise_lab.boxes.engine.kind import Looks
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.matrix.rows import EXPERIMENTS, Row
from balise_lab.scenario.load import parse
from balise_lab.scenario.schema import Scenario

HIT: Final = "asn64501"
"""The provider that a row hits; the other one is clean."""
_SCALE: Final = 60
"""Times the speed."""
_SLOWER: Final = {"call": 20, "rate": 40, "vpn": 20, "tls.ech": 30, "tls.esni": 30, "server.extension": 30}
"""The same for kinds that begin with this word, or are it: a voice-shaped train lasts three real seconds, a series of
transfers at 100 kbit/s twenty-one, a handshake that dies six, and three hellos that die five."""
_ROLES: Final = {"throughput": "media-image", "stun": "call-media", "call": "call-media", "vpn": "vpn"}
_VPN_PORTS: Final = {
    "openvpn": 1_194,
    "wireguard": 51_820,
    "ikev2": 500,
    "openvpn_tcp": 1_194,
    "fully_encrypted": 8_388,
    "obfs4": 8_388,
}
"""Protocols of the vpn experiment, each a service of its own, and their ports at the helper."""
_EXTENSIONS: Final = ("ech", "esni")
"""Extensions of the clienthello experiment, each a service of its own."""
_STARTS, _BEGINS, _AFTER = "2020-05-18T10:00", 10, 20
"""Local time; minutes before and after a row is in force. What is cut off tells its story in the latter."""
_SETTLES: Final = 10
"""Minutes in force before verdicts count: a series takes its time."""


def services_of(experiment: str) -> tuple[str, ...]:
    """Return the ids of the services that an experiment measures: one, and of vpn and clienthello several."""
    return tuple(_id(one) for one in _measured(experiment))


def _id(name: str) -> str:
    return f"by-{_host(name)}"


def _host(name: str) -> str:
    """Return what a service's host is named after: no name of DNS has an underscore."""
    return name.replace("_", "-")


def _measured(experiment: str) -> tuple[str, ...]:
    """Return what an experiment's services and hosts are named after."""
    return {"vpn": tuple(_VPN_PORTS), "clienthello": _EXTENSIONS}.get(experiment, (experiment,))


def scenario_of(row: Row) -> Scenario:
    """Return the scenario of a row.

    Raises:
        ScenarioError: the row names a kind or setting that there is not.
    """
    return parse(text_of(row), f"{row.id}.yaml")


def counted(row: Row, scenario: Scenario) -> tuple[float, float]:
    """Return from when to when verdicts count, UNIX seconds."""
    begins = scenario.starts + 60.0 * _BEGINS
    return begins + 60.0 * _SETTLES, begins + 60.0 * row.minutes


def text_of(row: Row) -> str:
    """Return the scenario of a row as YAML."""
    stops = _BEGINS + row.minutes
    starts = list(_starts(row))
    homes = {"routers": 2} if row.kind.startswith("router.") else {}
    said = {
        "name": row.id,
        "summary": f"{row.title} on one of two providers; each service is measured by one experiment.",
        "clock": {"scale": _SLOWER.get(row.kind, _SLOWER.get(row.kind.partition(".")[0], _SCALE))},
        "country": {"code": "PK", "tz": "Asia/Karachi", "starts": _STARTS},
        "isps": {HIT: {"probes": 2, **homes}, "asn64502": {"probes": 1}},
        "abroad": [{"code": "DE", "probes": 2}, {"code": "SG", "probes": 1}],
        "services": {_id(name): _service(one, name) for one in EXPERIMENTS for name in _measured(one)},
        "timeline": [
            {"at": _clock(_BEGINS), "start": starts},
            {"at": _clock(stops), "stop": [one["id"] for one in starts]},
        ],
        "ends": _clock(stops + _AFTER),
    }
    return yaml.safe_dump(said, sort_keys=False)


def _clock(minutes: int) -> str:
    return f"{10 + minutes // 60:02}:{minutes % 60:02}"


def _service(experiment: str, name: str) -> Mapping[str, Any]:
    """Return a service of one role; a handshake of vpn goes to the helper, and looks no name up.

    Nor do hellos: the catalogue says where they go, and lookups twice as often would cost every row more than they do.
    """
    measured = [experiment] if experiment in {"dns", "clienthello", "vpn"} else ["dns", experiment]
    said: Mapping[str, Any] = {}
    if experiment == "vpn":
        said = {"vpn": {"protocol": name, "port": _VPN_PORTS[name]}}
    elif experiment == "clienthello":
        said = {"clienthello": {"extension": name}}
    return {_ROLES.get(experiment, "web"): {"host": f"{_host(name)}.lab", "experiments": measured, **said}}


def _starts(row: Row) -> Iterator[Mapping[str, Any]]:
    """Yield what is put in force: one box or one in each home, and what stands beside it."""
    settings = {"kind": row.kind, **row.settings}
    if row.at == "home":
        for number in (1, 2):
            yield {"id": f"box{number}", "where": f"{HIT}p{number}", **settings, **_match(row, row.kind)}
    elif row.at == "isp":
        yield {"id": "box", "where": HIT, **settings, **_match(row, row.kind)}
    else:
        yield {"id": "box", **_way(row.kind), **settings, **_match(row, row.kind)}
    for kind in row.beside:
        yield {"id": f"beside-{kind.replace('.', '-')}", **_way(kind), "kind": kind, **_match(row, kind)}


def _way(kind: str) -> Mapping[str, Any]:
    """Return where a kind stands that is about names or addresses."""
    of_servers = KINDS[kind].for_everyone or KINDS[kind].of_country
    return {} if of_servers else {"where": "gateway", "isps": [HIT]}


def _match(row: Row, kind: str) -> Mapping[str, Any]:
    """Return the hosts that it looks for, where it looks for any."""
    if KINDS[kind].looks not in {Looks.NAMES, Looks.ADDRESSES} and not row.only:
        return {}
    return {"match": [f"{_host(name)}.lab" for one in row.only or EXPERIMENTS for name in _measured(one)]}
