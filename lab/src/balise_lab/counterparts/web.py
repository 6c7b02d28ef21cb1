"""nginx: every service host, its neighbour, and the controls, on their own addresses.

Lives here: the configuration text and the pages. An SNI or Host the server does not know gets the default certificate
and page, never a drop: a scrambled name must fail only when somebody between does it.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

from balise_lab.counterparts.engine.counterpart import Counterpart, Roots, Server
from balise_lab.world import addresses, authority, tools
from balise_lab.world.reachable import listens
from balise_lab.world.topology import CONTROL_NAME, DEFAULT_NAME, ServedHost, Topology
from balise_wire.experiments.http import HttpParameters
from balise_wire.experiments.tcp import TcpParameters
from balise_wire.experiments.traits import Parameters
from balise_wire.words import Experiment

CERTIFICATES = "certificates"
_OF_URLS = ":/?#[]@!&()*+,;=%"
LONG_PATH = "/long.bin"
LONG_BYTES = 262_144
"""What each host gives to whoever measures a rate: random, so that nothing on the way shortens it."""
OK = 200
FETCH = 8192
"""Bytes of a body: a scenario of hours measures in minutes, and the devices' daily cap stands in the lab too."""


@dataclass(frozen=True)
class Answer:
    """What a virtual host answers to every request."""

    status: int = OK
    """OK without a title: the host's page."""
    title: str = ""
    text: str = ""
    location: str = ""
    """Where a redirect leads."""


PAGE = Answer()


@dataclass(frozen=True)
class Site:
    """One virtual host on one address."""

    name: str  # empty: the default of its address and port
    address: str
    port: int
    title: str
    body_bytes: int
    certificate: str  # good | expired | untrusted
    plain_http: bool
    answer: Answer = PAGE
    plain_port: int = 80
    six: str = ""
    """Its address over IPv6; empty where it has none."""


def sites(topology: Topology, namespace: str) -> tuple[Site, ...]:
    """What the server in this namespace serves. Pure."""
    found: dict[tuple[str, str, int], Site] = {}
    if namespace == "hosting":
        for endpoint in topology.endpoints:
            for address in dict.fromkeys((*_places(endpoint), endpoint.sibling)):
                for site in _of(endpoint, address):
                    found.setdefault((site.name, site.address, site.port), site)
    for control in topology.controls:
        if (control.scope == "domestic") == (namespace == "domestic"):
            for name in ("", control.name):
                site = Site(name, control.address, control.port, f"Control {control.name}", 2048, "good", True)
                found[name, site.address, site.port] = site
    if namespace == "hosting":
        (control_address,) = topology.records(in_country=False)[CONTROL_NAME]
        for name in ("", CONTROL_NAME):
            found[name, control_address, 443] = Site(name, control_address, 443, "Control", 2048, "good", True)
    every = found.values()
    return tuple(replace(one, six=addresses.six(one.address)) if topology.layout.ipv6 else one for one in every)


def _places(endpoint: ServedHost) -> tuple[str, ...]:
    """Every address at which a host is served, now or later."""
    return (*endpoint.addresses, *endpoint.country_addresses, *endpoint.later, *endpoint.country_later)


def standing_in(
    topology: Topology,
    address: str,
    port: int,
    *,
    plain_port: int = 0,
    answer: Callable[[str], Answer] = lambda _name: PAGE,
    certificate: Callable[[str], str] = lambda _name: "good",
) -> tuple[Site, ...]:
    """What stands in for the true servers, on one address: every host of the topology. Pure.

    Args:
        topology: whose hosts.
        address: where it listens.
        port: for TLS.
        plain_port: in clear; 0 for not at all.
        answer: to a name; to unknown names, that to "".
        certificate: which one a name gets, likewise.
    """
    titles = {"": "Hosting"}
    for endpoint in topology.endpoints:
        for name in (endpoint.host, endpoint.neighbour):
            titles.setdefault(name, endpoint.spec.title or f"{endpoint.service} {endpoint.role}")
    return tuple(
        Site(
            name,
            address,
            port,
            title,
            4096 if name else 1024,
            certificate(name),
            plain_port > 0,
            answer(name),
            plain_port,
        )
        for name, title in titles.items()
    )


def _of(endpoint: ServedHost, address: str) -> tuple[Site, ...]:
    spec = endpoint.spec
    default = Site("", address, endpoint.port, "Hosting", 1024, "good", spec.plain_http)
    neighbour = Site(
        endpoint.neighbour,
        address,
        endpoint.port,
        f"Neighbour of {endpoint.service}",
        spec.body_bytes,
        "good",
        spec.plain_http,
    )
    if address == endpoint.sibling:
        return (default, neighbour)
    title = spec.title or f"{endpoint.service} {endpoint.role}"
    own = Site(endpoint.host, address, endpoint.port, title, spec.body_bytes, spec.certificate, spec.plain_http)
    return (default, neighbour, own)


def _answer(site: Site) -> str:
    answer = site.answer
    if answer.location:
        return f"return {answer.status} '{quote(answer.location, safe=_OF_URLS)}';"
    if answer == PAGE:
        return "try_files /index.html =404;"
    said = f"<!doctype html><title>{_quoted(answer.title)}</title><p>{_quoted(answer.text)}</p>"
    return f"return {answer.status} '{said}';"


def _quoted(text: str) -> str:
    """Text within nginx's single quotes, with nothing that it would read as a variable."""
    return text.replace("\\", "").replace("'", "&#39;").replace("$", "&#36;")


def page(site: Site) -> str:
    """A page of exactly `body_bytes` bytes (or a little more for a very small one), different for every host."""
    name = site.name or DEFAULT_NAME
    head = f"<!doctype html><html><head><title>{site.title}</title></head><body><h1>{name}</h1><p>"
    tail = "</p></body></html>\n"
    filler = f"This is the laboratory's page of {name}. "
    room = max(site.body_bytes - len(head) - len(tail), 0)
    return head + (filler * (room // len(filler) + 1))[:room] + tail


def configuration(found: tuple[Site, ...], folder: Path) -> str:
    """nginx.conf. One process, in the foreground, no user change: it is as unprivileged as the lab is."""
    lines = [
        "daemon off;",
        "user root root;",  # in a user namespace no other id exists to give temporary folders to
        "master_process off;",
        f"pid {folder}/nginx.pid;",
        f"error_log {folder}/error.log warn;",
        "worker_rlimit_nofile 4096;",
        "events { worker_connections 1024; }",
        "http {",
        f"  access_log {folder}/access.log;",
        "  default_type text/html;",
        "  server_tokens off;",
        "  keepalive_timeout 5;",
        "  server_names_hash_bucket_size 128;",
        "  server_names_hash_max_size 4096;",
        "  ssl_session_cache off;",
        *(f"  {kind}_temp_path {folder}/temp-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
    ]
    plain_defaults: set[str] = set()
    for site in found:
        # Two ports of one address share its port 80: nginx allows one default there.
        twin = not site.name and site.address in plain_defaults
        in_clear = site.plain_http and not twin
        plain_defaults |= {site.address} if in_clear and not site.name else set()
        lines += _block(site, folder, in_clear=in_clear)
    return "\n".join([*lines, "}", ""])


def _block(site: Site, folder: Path, *, in_clear: bool) -> list[str]:
    """nginx's block of one virtual host."""
    name = site.name or DEFAULT_NAME
    default = "" if site.name else " default_server"
    certificate = f"{folder}/{CERTIFICATES}/{site.certificate}-{name}.pem"
    listens = [
        line
        for address in (site.address, *([f"[{site.six}]"] if site.six else []))
        for line in (
            f"    listen {address}:{site.port} ssl{default};",
            *([f"    listen {address}:{site.plain_port}{default};"] if in_clear else []),
        )
    ]
    return [
        "  server {",
        *listens,
        f"    server_name {site.name or '_'};",
        f"    ssl_certificate {certificate};",
        f"    ssl_certificate_key {certificate};",
        f"    root {folder}/pages/{name};",
        f"    location = {LONG_PATH} {{ root {folder}/pages/{name}; }}",
        f"    location / {{ {_answer(site)} }}",
        "  }",
    ]


def write(found: tuple[Site, ...], folder: Path, roots: Roots) -> Path:
    """Write pages, certificates and nginx.conf; returns the path of the latter."""
    (folder / CERTIFICATES).mkdir(parents=True)
    for site in found:
        name = site.name or DEFAULT_NAME
        place = folder / "pages" / name
        if not place.exists():
            place.mkdir(parents=True)
            (place / "index.html").write_text(page(site), encoding="ascii")
            (place / LONG_PATH[1:]).write_bytes(random.Random(name).randbytes(LONG_BYTES))  # noqa: S311 - filling
        path = folder / CERTIFICATES / f"{site.certificate}-{name}.pem"
        if not path.exists():
            root = roots.stranger if site.certificate == "untrusted" else roots.good
            until = authority.EXPIRED if site.certificate == "expired" else authority.UNTIL
            authority.issue(root, (name,), path, until=until)
    path = folder / "nginx.conf"
    path.write_text(configuration(found, folder), encoding="utf-8")
    return path


def command(configured: Path) -> Sequence[str]:
    """The command line of an nginx with this configuration."""
    return [tools.find("nginx"), "-c", str(configured), "-p", str(configured.parent)]


def servers(topology: Topology) -> Iterator[Server]:
    """One nginx where the services are hosted, and one inside the country."""
    for place in ("hosting", "domestic"):
        found = sites(topology, place)
        if found:
            yield _server(place, found)


def _server(place: str, found: tuple[Site, ...]) -> Server:
    def prepare(folder: Path, roots: Roots) -> Sequence[str]:
        return command(write(found, folder, roots))

    return Server(
        id=f"web-{place}", place=place, prepare=prepare, ready=partial(listens, found[-1].address, found[-1].port)
    )


def _says(port: int) -> tuple[Parameters, ...]:
    return TcpParameters(other_port=80 if port != 80 else 443), HttpParameters(fetch_bytes=FETCH)


def _complaint(said: tuple[Parameters, ...]) -> str:
    """Which port of HTTP is not served."""
    port = next((one.port for one in said if isinstance(one, HttpParameters)), 80)
    return "" if port in {80, 443} else f"port {port} of http is not served; use 80 in clear, or 443 over TLS"


COUNTERPART = Counterpart(
    name="web",
    means="nginx: every service host, its neighbour, and the controls, in clear and over TLS",
    experiments=(Experiment.TCP, Experiment.TLS, Experiment.HTTP, Experiment.CLIENTHELLO),
    servers=servers,
    over_six=True,
    says=_says,
    complaint=_complaint,
)
