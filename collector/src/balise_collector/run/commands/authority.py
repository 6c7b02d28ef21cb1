"""``balise-collector authority show|server|client|crl``: the fleet's own authority at an operator's hand.

Must not live here: what a certificate says or where the authority keeps its files (authority/).
"""

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from balise_collector.fleet.authority import CRL_FILE, Authority, IssuedCertificate, read_request
from balise_collector.run.commands import AddCommand
from balise_collector.system import durable
from balise_collector.system.clock import Clock, machine_time
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError

_SOON: Final = 60 * 86_400.0
"""A certificate that a person put in place and that ends within this many seconds is pointed out."""


def add(group: Any, command: AddCommand) -> None:
    """Add the commands to the group ``authority``."""
    show = command(group, "show", _show, "the fingerprint that cards are pinned to, dates, and what was issued")
    show.add_argument("--json", action="store_true")
    server = command(group, "server", _server, "a certificate for the broker, or another of our listeners")
    server.add_argument("--name", action="append", default=[], metavar="HOST", help="a host name; may be repeated")
    server.add_argument("--address", action="append", default=[], metavar="IP", help="may be repeated")
    client = command(group, "client", _client, "a certificate and key for a client of ours, such as the collector")
    client.add_argument("--name", default="collector", help="as the broker knows it; default: %(default)s")
    client.add_argument("--request", metavar="FILE", help="a probe's certificate request in PEM; its key stays with it")
    for writes in (server, client):
        writes.add_argument("--out", required=True, metavar="DIR", help="where the files go; keys are readable to you")
        writes.add_argument("--replace", action="store_true", help="put new ones in the place of those that are there")
        # The settings may name already what this command is about to make.
        writes.set_defaults(makes_files=True)
    crl = command(group, "crl", _crl, "the list of certificates that are refused, for the broker's crlfile")
    crl.add_argument("--out", metavar="FILE", help="write it there; without: print it")


def open_authority(config: Config) -> Authority:
    """Return the authority of these settings; it is founded where there is none (ConfigError)."""
    return Authority.open_or_create(config.authority_dir)


def _show(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(open_authority(config)) as authority:
        issued = authority.issued()
        if arguments.json:
            yield json.dumps(_builtins(authority, issued), indent=2)
            return
        yield f"fingerprint  {authority.fingerprint}"
        yield f"valid until  {_day(authority.expires)}"
        yield f"refused      {sum(one.revoked_at is not None for one in issued)} certificates"
        yield f"list         good until {_day(authority.crl_expires)}, {authority.folder / CRL_FILE}"
        for one in issued:
            state = f"refused since {_day(one.revoked_at)}" if one.revoked_at else f"until {_day(one.expires)}"
            yield f"{one.kind:<12} {one.name:<24} {state}"
        yield from (f"note: {line}" for line in ending(issued, machine_time()))


def ending(issued: list[IssuedCertificate], now: float) -> list[str]:
    """Return which certificates that no program renews end soon, and the mend; a later one of the same name counts."""
    last: dict[tuple[str, str], IssuedCertificate] = {}
    for one in issued:
        if one.revoked_at is None and (one.kind == "server" or len(one.key) != 64):
            last[one.kind, one.name] = one
    return [
        f"{one.kind} certificate {one.name} ends {_day(one.expires)}: balise-collector authority {one.kind} --name "
        f"{one.name} --out DIR --replace"
        for one in last.values()
        if one.expires - now < _SOON
    ]


def _builtins(authority: Authority, issued: list[IssuedCertificate]) -> dict[str, Any]:
    return {
        "fingerprint": authority.fingerprint,
        "expires": authority.expires,
        "crl_expires": authority.crl_expires,
        "issued": [
            {
                "serial": one.serial,
                "name": one.name,
                "kind": one.kind,
                "issued_at": one.issued_at,
                "expires": one.expires,
                "revoked_at": one.revoked_at,
            }
            for one in issued
        ],
    }


def _server(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    folder = _folder(arguments, "server")
    with closing(open_authority(config)) as authority:
        chain, key = authority.issue_server(tuple(arguments.name), tuple(arguments.address))
        yield from _write(authority, folder, "server", chain, key)


def _client(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    folder = _folder(arguments, arguments.name)
    with closing(open_authority(config)) as authority:
        if arguments.request:
            certificate, key = authority.issue_client(_request(arguments.request), arguments.name), ""
        else:
            certificate, key = authority.issue_keyed_client(arguments.name)
        yield from _write(authority, folder, arguments.name, certificate, key)


def _request(name: str) -> str:
    """Return the request in a file, checked (ConfigError)."""
    try:
        text = Path(name).read_text(encoding="ascii")
        read_request(text.encode())
    except OSError as error:
        raise ConfigError(f"--request {name}: {error.strerror}; name a file that you can read") from None
    except ValueError as error:
        raise ConfigError(f"--request {name}: {error}; make one with the probe's own Ed25519 key") from None
    return text


def _folder(arguments: argparse.Namespace, name: str) -> Path:
    """Return the folder to write to, made where it is new (ConfigError where something would be overwritten)."""
    folder = Path(arguments.out)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {folder}: {error.strerror}; name a folder that you can write") from None
    there = [path.name for path in (folder / f"{name}.pem", folder / f"{name}.key") if path.exists()]
    if there and not arguments.replace:
        raise ConfigError(f"--out {folder}: {' and '.join(there)} exist; add --replace, or name another folder")
    return folder


def _write(authority: Authority, folder: Path, name: str, certificate: str, key: str) -> Iterator[str]:
    """Write certificate, key, authority and list; says what each is."""
    try:
        for file, text, mode, what in (
            (f"{name}.key", key, durable.SECRET, "private key: for the program's user only"),
            (f"{name}.pem", certificate, durable.PUBLIC, "certificate"),
            ("ca.pem", authority.certificate_pem, durable.PUBLIC, "the authority: the only root to believe"),
            ("crl.pem", authority.crl(), durable.PUBLIC, "who is refused: copy it again after each fleet revoke"),
        ):
            if not text:
                continue  # a probe's key never leaves the probe
            durable.replace(folder / file, text.encode(), mode)
            yield f"{folder / file}  {what}"
    except OSError as error:
        raise ConfigError(f"--out {folder}: {error.strerror}; name a folder that you can write") from None


def _crl(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(open_authority(config)) as authority:
        text = authority.crl()
    if not arguments.out:
        yield text.rstrip("\n")
        return
    try:
        durable.replace(Path(arguments.out), text.encode(), durable.PUBLIC)
    except OSError as error:
        raise ConfigError(f"--out {arguments.out}: {error.strerror}; name a file that you can write") from None
    yield f"{arguments.out}  who is refused; the broker reads it again on SIGHUP"


def _day(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") if at is not None else "-"
