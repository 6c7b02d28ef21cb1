"""The broker's files on disk: written whole, only where they differ, with a certificate of the fleet's own authority.

Lives here: what is written where and with which rights, and when the broker's certificate is made anew. Must not live
here: the text of the files (render.py), or what a certificate says (authority/).
"""

import ipaddress
import os
import pwd
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.broker_files import render
from balise_collector.fleet.broker_files.render import Settings
from balise_collector.system import durable
from balise_collector.system.clock import machine_time
from balise_collector.system.errors import ConfigError

CONFIGURATION: Final = "mosquitto.conf"
RULES: Final = "acl"
AUTHORITY: Final = "ca.pem"
REFUSALS: Final = "crl.pem"
CERTIFICATE: Final = "broker.pem"
KEY: Final = "broker.key"
TLS: Final = "openssl.cnf"
BEFORE_START: Final = "before-start"
_LEFT: Final = 1 / 3
"""A certificate with less than this share of its life is made anew."""


class BrokerFiles(msgspec.Struct, frozen=True):
    """What came of writing."""

    changed: tuple[str, ...]
    """Names of the files that are other than before; empty: mosquitto need not look."""
    restart: bool
    """Whether it must be started anew: SIGHUP reads rules, refusals and certificates, but opens no other listener."""


def write(
    out: Path,
    settings: Settings,
    names: Sequence[str],
    authority: Authority,
    revoked: Iterable[str],
    now: Callable[[], float] = machine_time,
) -> BrokerFiles:
    """Write everything that mosquitto needs into a folder.

    Args:
        out: the folder, made where it is new.
        settings: of the broker.
        names: host names and literal addresses by which clients call it.
        authority: the fleet's.
        revoked: ids of probes that may not speak.
        now: UNIX seconds of the machine.

    Raises:
        ConfigError: the folder cannot be written, or a name is none.
        JournalError: the authority could not record a new certificate.
    """
    try:
        out.mkdir(mode=0o755, parents=True, exist_ok=True)
        owner = _owner(settings.user)
        static = [
            name
            for name, text in (
                (CONFIGURATION, render.configuration(settings)),
                (TLS, render.tls_defaults()),
                (BEFORE_START, render.before_start(settings)),
            )
            if _put(out / name, text, durable.PUBLIC, owner)
        ]
        return BrokerFiles(
            (*static, *_live(out, names, authority, revoked, owner, now(), observe=settings.observe)),
            restart=bool(static),
        )
    except OSError as error:
        raise ConfigError(f"--out {out}: {error.strerror}; name a folder that you can write") from None


def refresh(
    out: Path, authority: Authority, revoked: Iterable[str], now: Callable[[], float] = machine_time
) -> BrokerFiles:
    """Bring rules, refusals and certificate up to date in a folder that ``write`` made, under the same names.

    Raises:
        ConfigError: ``write`` was never there, or the folder cannot be written.
        JournalError: the authority could not record a new certificate.
    """
    try:
        names = _names(x509.load_pem_x509_certificate((out / CERTIFICATE).read_bytes()))
        held = (out / KEY).stat()
        observe = render.observes((out / CONFIGURATION).read_text(encoding="utf-8"))
        return BrokerFiles(
            tuple(_live(out, names, authority, revoked, (held.st_uid, held.st_gid), now(), observe=observe)),
            restart=False,
        )
    except FileNotFoundError:
        raise ConfigError(f"--out {out}: there are no files of a broker; run balise-collector broker files") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"--out {out}: {error}; run balise-collector broker files as root") from None


def _live(
    out: Path,
    names: Sequence[str],
    authority: Authority,
    revoked: Iterable[str],
    owner: tuple[int, int],
    now: float,
    *,
    observe: bool,
) -> list[str]:
    """Write what changes in a broker's life; returns the names of the files that did."""
    root = authority.certificate_pem
    changed = [
        name
        for name, text, mode in (
            (AUTHORITY, root, durable.PUBLIC),
            (REFUSALS, authority.crl(), durable.PUBLIC),
            # Newer releases of mosquitto want rules that are its own and nobody else's.
            (RULES, render.access_rules(revoked, observe=observe), durable.SECRET),
        )
        if _put(out / name, text, mode, owner)
    ]
    if not fits(_read(out / CERTIFICATE), _read(out / KEY), root.encode(), names, now):
        hosts, addresses = _sorted(names)
        chain, key = authority.issue_server(hosts, addresses)
        # The key first: a reload between the two is refused by mosquitto, which keeps what it had.
        _put(out / KEY, key, durable.SECRET, owner)
        _put(out / CERTIFICATE, chain, durable.PUBLIC, owner)
        changed += [KEY, CERTIFICATE]
    return changed


def fits(chain: bytes, key: bytes, root: bytes, names: Sequence[str], now: float) -> bool:
    """Whether certificate and key belong together, come from this root, carry these names, and last a while."""
    try:
        certificate = x509.load_pem_x509_certificate(chain)
        private = load_pem_private_key(key, None)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(root))
    except (ValueError, TypeError, InvalidSignature):
        return False
    begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    lasts = ends - now > (ends - begins) * _LEFT
    return lasts and private.public_key() == certificate.public_key() and set(_names(certificate)) == set(_plain(names))


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the host names and addresses of a certificate (ValueError where it has none)."""
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise ValueError(str(error)) from None
    addresses = (str(one) for one in held.get_values_for_type(x509.IPAddress))
    return (*held.get_values_for_type(x509.DNSName), *addresses)


def _plain(names: Sequence[str]) -> tuple[str, ...]:
    """Return names as a certificate gives them back."""
    hosts, addresses = _sorted(names)
    return (*hosts, *addresses)


def _sorted(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return host names and literal addresses apart, each once."""
    hosts: dict[str, None] = {}
    addresses: dict[str, None] = {}
    for name in names:
        try:
            addresses[str(ipaddress.ip_address(name))] = None
        except ValueError:
            hosts[name] = None
    return tuple(hosts), tuple(addresses)


def _owner(user: str) -> tuple[int, int]:
    """Return whose the files are to be: mosquitto's where we may give them away and it exists, else ours."""
    if os.geteuid() == 0:
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            pass
        else:
            return entry.pw_uid, entry.pw_gid
    return os.geteuid(), os.getegid()


def _put(path: Path, text: str, mode: int, owner: tuple[int, int]) -> bool:
    """Write a file where it differs in content, rights or owner; whether it did."""
    data = text.encode()
    if path.exists() and path.read_bytes() == data:
        held = path.stat()
        same = held.st_mode & 0o777 == mode and (held.st_uid, held.st_gid) == owner
        if same:
            return False
    durable.replace(path, data, mode, owner=owner)
    return True


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
