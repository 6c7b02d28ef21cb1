"""The catalogue: which services, which of their endpoints in which role, and which names are controls.

Lives here: the shape of ``catalogue/*.toml``, reading a folder of them with errors that name file, key and mend, and
the digest by which a measurement names the catalogue that it was made with. Must not live here: who is asked to measure
what (assignment.py), or any host name (the TOML files have them, each with its source).
"""

import base64
import datetime as dt
import hashlib
import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sized
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from balise_collector.fleet.claims import LINE_ID
from balise_collector.system import harmless
from balise_collector.system.errors import ConfigError
from balise_collector.system.strict_toml import read_table, shape_table
from balise_wire.assignment import FLAT, KnownPage
from balise_wire.experiments import ASKED, PARAMETERS, REGISTRY
from balise_wire.experiments.traits import Parameters
from balise_wire.words import Experiment, Scope, TargetRole

PACKAGED: Final = Path(__file__).resolve().parents[3] / "catalogue"
"""The folder in the source tree; an installed wheel carries it as ``balise_collector/catalogue_files``."""
INSTALLED: Final = Path(__file__).resolve().parents[1] / "catalogue_files"
_EXAMPLE: Final = "collector/catalogue/twitter.toml"
_FILES_MOST: Final = 500
TARGETS_MOST: Final = 2000
"""A probe's day holds a few hundred (profiles.py)."""
_TEXT_MOST: Final = 300
_LIST_MOST: Final = 64
LISTS_MOST: Final = {"authority": 4, "target": 500, "control": 500, "provider": 2000}
_PAGE_PORT: Final = 80
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_PEM_MOST: Final = 6_000
"""Characters of an authority's certificate: an RSA key of 8,192 bits makes 3,500."""
_PATH = re.compile(r"/[!-~]{0,300}")
_SERVICE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))+")


class Confidence(StrEnum):
    """How sure it is that a host plays the part that it is measured for."""

    HIGH = "high"
    """The vendor documents it for this use, or a published test specification names it."""
    MEDIUM = "medium"
    """The vendor's own published clients use it, or a public list of tests has it; which part it plays may change."""
    LOW = "low"
    """Seen in traffic or in third parties' clients only: what fails there may be a name that moved."""
    NONE = "none"
    """Nobody says so in public."""


DOUBTED: Final = frozenset({Confidence.LOW, Confidence.NONE})
"""What is said wherever something is told of such a host."""
_SURE: Final = tuple(Confidence)
"""From the surest to the least sure."""


class Sourced(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is published that a host is the service's, or serves as a control, and how sure that is.

    The three belong together; all are unset where nothing is said, so that the version of a catalogue that has none
    stays.
    """

    source: str | msgspec.UnsetType = msgspec.UNSET
    """Title or address of the public document."""
    date: str | msgspec.UnsetType = msgspec.UNSET
    """``YYYY-MM-DD``: of the document, of its entry, or of the day on which it was read."""
    confidence: Confidence | msgspec.UnsetType = msgspec.UNSET


_NOT_OF_SERVICE: Final = (
    "lacks {word}, which another target here has: what {word} finds is not the service's; give it a file of its own"
)


class Entry(Sourced, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[target]]``: one endpoint of a service in one role; the fields are those of the wire's Target.

    What it says to an experiment stands in a table of its own, ``[target.parameters.http]``, with the fields of the
    wire's record; the keys ``path``, ``http_port``, ``fetch_bytes`` and ``other_port`` say the same, as they always
    did.
    """

    role: TargetRole
    host: str
    port: int = 443
    addresses: tuple[str, ...] = ()
    """Empty: each probe tests what its resolvers answer."""
    families: tuple[int, ...] = ()
    """IP versions to test; empty: those of the addresses, or 4."""
    neighbour: str = ""
    sibling: str = ""
    other_port: int = 80
    experiments: tuple[Experiment, ...] = (Experiment.DNS, Experiment.TCP, Experiment.TLS, Experiment.HTTP)
    path: str = "/"
    http_port: int = 80
    fetch_bytes: int = 16384
    spki: tuple[str, ...] = ()
    authorities: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Names of the file's ``[[authority]]`` that its chain may lead to, where that is no public root."""
    parameters: dict[str, dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
    """By the experiment's word. Unset where there are none, so that the version of a catalogue that has none stays."""

    def records(self) -> tuple[Parameters, ...]:
        """Return what the target says to each of its experiments that has something to be told.

        Raises:
            msgspec.ValidationError: out of bounds, no such key, or no such experiment here.
        """
        tables = dict(self.parameters or {})
        found: list[Parameters] = []
        for word in self.experiments:
            kind = PARAMETERS.get(word)
            if kind is None or not kind.__struct_fields__:
                continue
            flat = {name: getattr(self, key) for name, key in FLAT.get(word, {}).items()}
            table = tables.pop(word.value, {})
            if strange := sorted(table.keys() - set(kind.__struct_fields__)):
                known = ", ".join(kind.__struct_fields__)
                raise msgspec.ValidationError(f"{word}: has no {', '.join(strange)}; it has {known}")
            try:
                found.append(msgspec.convert({**flat, **table}, kind))
            except msgspec.ValidationError as error:
                raise msgspec.ValidationError(f"{word}: {error}") from None
        if tables:
            raise msgspec.ValidationError(f"{', '.join(sorted(tables))}: no experiment of this target takes any")
        return tuple(found)


class PageEntry(KnownPage, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[control.page]``: the wire's record, read strictly."""


class AuthorityEntry(Sourced, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[authority]]``: an authority of the vendor's own, by which its servers' chains are believed."""

    name: str
    pem: str
    """Its certificate: ``-----BEGIN CERTIFICATE-----`` and what follows, one alone."""
    sha256: str
    """Of the certificate (DER), 64 hex digits: what the source's reader compares it with."""


class ControlEntry(Sourced, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[control]]``: a name every home uses, popular, never sensitive, in an autonomous system of its own."""

    name: str
    addresses: tuple[str, ...] = ()
    port: int = 443
    scope: Scope = Scope.INTERNATIONAL
    country: str = ""
    """Domestic controls are given to the probes of this country only."""
    page: PageEntry | msgspec.UnsetType = msgspec.UNSET
    """``[control.page]``: what it is known to answer over HTTP, so that a captive portal that answers 200 is told."""
    quic: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether its servers speak QUIC: asked where a service's do not answer. Unset as the tables above are."""


class StunEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[stun]]``: a public server of STUN, of an operator who has no part in what is measured."""

    name: str
    addresses: tuple[str, ...] = ()
    port: int = 3_478
    """Of UDP."""


class ProviderEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[provider]]``: what people call an autonomous system, and its own resolvers where the operator knows them."""

    asn: int
    name: str
    country: str = ""
    resolvers: tuple[str, ...] = ()
    """Asked past a resolver in the home (a filter, a router), to tell whose answer is odd."""


class Dns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[dns]``: who is asked beside the provider's resolver."""

    public_resolvers: tuple[str, ...] = ()
    silent_addresses: tuple[str, ...] = ()
    """Addresses known to run no resolver."""
    control_name: str = ""


class ServiceFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file: a service with its targets, or controls, or both."""

    service: str = ""
    name: str = ""
    version: str = ""
    optional: bool | msgspec.UnsetType = msgspec.UNSET
    """Measured only where the settings name it (``[catalogue] services``). Unset as the tables below are."""
    authority: tuple[AuthorityEntry, ...] | msgspec.UnsetType = msgspec.UNSET
    target: tuple[Entry, ...] = ()
    control: tuple[ControlEntry, ...] = ()
    dns: Dns = Dns()
    provider: tuple[ProviderEntry, ...] | msgspec.UnsetType = msgspec.UNSET
    """Unset where there is none, so that the version of a catalogue that has none stays."""
    stun: tuple[StunEntry, ...] | msgspec.UnsetType = msgspec.UNSET
    """Unset likewise."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service of the catalogue."""

    id: str
    name: str
    version: str
    targets: tuple[Entry, ...]
    authorities: Mapping[str, str] = {}
    """The vendor's own authorities by name: certificates, DER in base64."""


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Every file of the folder, together."""

    version: str
    """``<newest file version>+<12 hex digits of the content's digest>``: what measurements carry."""
    services: tuple[Service, ...]
    controls: tuple[ControlEntry, ...]
    dns: Dns
    providers: tuple[ProviderEntry, ...] = ()
    stun: tuple[StunEntry, ...] = ()
    offered: tuple[Service, ...] = ()
    """Those of the folder that are not measured, since nobody chose them."""

    def confidence(self) -> Mapping[str, Mapping[str, Confidence]]:
        """Return how sure the hosts of each part are, by service and role: that of the least sure one.

        Parts of whose hosts nothing is said are left out.
        """
        found: dict[str, dict[str, Confidence]] = {}
        for service in self.services:
            for entry in service.targets:
                if entry.confidence:
                    parts = found.setdefault(service.id, {})
                    parts[entry.role.value] = max(
                        parts.get(entry.role.value, entry.confidence), entry.confidence, key=_SURE.index
                    )
        return found

    def roles(self) -> Mapping[str, tuple[TargetRole, ...]]:
        """Return the parts of each service that is measured, each once."""
        return {one.id: tuple(dict.fromkeys(entry.role for entry in one.targets)) for one in self.services}

    def provider(self, asn: int) -> ProviderEntry | None:
        """Return what is known of an autonomous system."""
        return next((one for one in self.providers if one.asn == asn), None)


def default_folder() -> Path:
    """Return the packaged catalogue's folder, in the source tree or in an installed wheel."""
    return PACKAGED if PACKAGED.is_dir() else INSTALLED


def folder_of(configured: str) -> Path:
    """Return the folder that the settings name, or the packaged one."""
    return Path(configured) if configured else default_folder()


def configured(folder: str, services: Collection[str]) -> Catalogue:
    """Return the catalogue of the settings (``[catalogue] dir`` and ``services``).

    Raises:
        ConfigError: as ``load``.
    """
    return load(folder_of(folder), services)


def load(folder: Path, services: Collection[str] = ()) -> Catalogue:
    """Read every ``*.toml`` of a folder.

    Args:
        folder: where they are.
        services: ids of those that are measured; empty: all that are not optional.

    Raises:
        ConfigError: with file, key and mend; also for an empty folder, a service named twice, or one that no file has.
    """
    paths = sorted(folder.glob("*.toml"))
    if len(paths) > _FILES_MOST:
        raise ConfigError(f"{folder}: {len(paths)} files, {_FILES_MOST} are read; join some, or take some out")
    if not paths:
        raise ConfigError(f"{folder}: no *.toml in it; set [catalogue] dir, or leave it out for the packaged catalogue")
    files = [
        (path, shape_table(read_table(path, example=_EXAMPLE), ServiceFile, str(path), example=_EXAMPLE))
        for path in paths
    ]
    total = sum(len(file.target) for _, file in files)
    if total > TARGETS_MOST:
        raise ConfigError(f"{folder}: {total} targets, {TARGETS_MOST} are the most that is read; take some out")
    seen: dict[str, Path] = {}
    for path, file in files:
        for place, wrong in findings(file):
            raise ConfigError(f"{path}: {place}: {wrong}")
        if file.service and file.service in seen:
            raise ConfigError(
                f"{path}: service: {file.service!r} is in {seen[file.service]} already; join the two files"
            )
        seen[file.service] = path
    if missing := sorted(set(services) - {file.service for _, file in files if file.target}):
        known = ", ".join(sorted(file.service for _, file in files if file.target))
        raise ConfigError(f"catalogue.services: no file of {folder} has {', '.join(missing)}; there are {known}")
    return assemble([file for _, file in files], services)


def assemble(files: list[ServiceFile], services: Collection[str] = ()) -> Catalogue:
    """Join checked files into one catalogue (pure); its version is that of what is measured.

    Args:
        files: all of the folder.
        services: ids of those that are measured; empty: all that are not optional.
    """
    offered = [file for file in files if file.target and not _is_measured(file, services)]
    files = [file for file in files if file not in offered]
    content = msgspec.json.encode(sorted(files, key=lambda file: file.service))
    newest = max((file.version for file in files), default="")
    return Catalogue(
        version=f"{newest}+{hashlib.sha256(content).hexdigest()[:12]}".lstrip("+"),
        services=_services(files),
        offered=_services(offered),
        controls=tuple(control for file in files for control in file.control),
        providers=tuple(provider for file in files for provider in file.provider or ()),
        stun=tuple(server for file in files for server in file.stun or ()),
        dns=Dns(
            public_resolvers=_joined(file.dns.public_resolvers for file in files),
            silent_addresses=_joined(file.dns.silent_addresses for file in files),
            control_name=next((file.dns.control_name for file in files if file.dns.control_name), ""),
        ),
    )


def _is_measured(file: ServiceFile, services: Collection[str]) -> bool:
    return file.service in services if services else not file.optional


def _services(files: Iterable[ServiceFile]) -> tuple[Service, ...]:
    return tuple(
        Service(
            id=file.service,
            name=file.name or file.service,
            version=file.version,
            targets=file.target,
            authorities={one.name: base64.b64encode(_der(one.pem)).decode() for one in file.authority or ()},
        )
        for file in files
        if file.service and file.target
    )


def _joined(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Concatenate, each once, in order."""
    return tuple(dict.fromkeys(text for texts in lists for text in texts))


def findings(file: ServiceFile) -> list[tuple[str, str]]:
    """What is well-formed and still cannot be measured: pairs of key and finding with its mend."""
    found = [*_text_findings(file, ""), *_size_findings(file)]
    if file.target and not _SERVICE.fullmatch(file.service):
        found.append(("service", f"{file.service!r} is no service id; use a-z, 0-9 and -, at most 32"))
    if file.service == LINE_ID.partition("/")[0]:
        found.append(("service", f"{file.service!r} is the lines of the probes themselves; name it otherwise"))
    seen: set[tuple[str, str, int]] = set()
    for index, target in enumerate(file.target):
        found.extend((f"target[{index}].{key}", wrong) for key, wrong in _target_findings(target))
        if (target.role, target.host, target.port) in seen:
            found.append(
                (f"target[{index}].host", f"{target.host!r} is there twice in the role {target.role}; keep one")
            )
        seen.add((target.role, target.host, target.port))
    found.extend(_authority_findings(file))
    for index, control in enumerate(file.control):
        found.extend((f"control[{index}].{key}", wrong) for key, wrong in _control_findings(control))
    for index, server in enumerate(file.stun or ()):
        wrongs = _endpoint_findings("name", server.name, server.addresses, server.port)
        found.extend((f"stun[{index}].{key}", wrong) for key, wrong in wrongs)
    for index, provider in enumerate(file.provider or ()):
        found.extend((f"provider[{index}].{key}", wrong) for key, wrong in _provider_findings(provider))
    for key in ("public_resolvers", "silent_addresses"):
        found.extend(
            (f"dns.{key}", f"{text!r} is not an IP address")
            for text in getattr(file.dns, key)
            if family_of(text) is None
        )
    for word in dict.fromkeys(word for one in file.target for word in one.experiments):
        asked = [word in one.experiments for one in file.target]
        if word in REGISTRY and not REGISTRY[word].of_service and not all(asked):
            found.append((f"target[{asked.index(False)}].experiments", _NOT_OF_SERVICE.format(word=word)))
    if file.dns.control_name and not _NAME.fullmatch(file.dns.control_name):
        found.append(("dns.control_name", f"{file.dns.control_name!r} is no host name in lower case"))
    return found


def _text_findings(held: msgspec.Struct, place: str) -> Iterator[tuple[str, str]]:
    """Find texts that are too long, or that hold what would move a terminal's cursor or turn a line around."""
    for name in held.__struct_fields__:
        value, where = getattr(held, name), f"{place}.{name}" if place else name
        if name == "pem":
            continue  # several lines, and read as a certificate or not at all
        for index, one in enumerate(value if isinstance(value, tuple) else (value,)):
            at = f"{where}[{index}]" if isinstance(value, tuple) else where
            if isinstance(one, msgspec.Struct):
                yield from _text_findings(one, at)
            elif isinstance(one, str) and (bad := harmless.findings(one)):
                yield at, f"holds the character {bad}, which does not belong into a name; take it out"
            elif isinstance(one, str) and len(one) > _TEXT_MOST:
                yield at, f"has {len(one)} characters; {_TEXT_MOST} are the most that is read"


def _size_findings(file: ServiceFile) -> Iterator[tuple[str, str]]:
    """Find lists that no probe could work off."""
    lists: list[tuple[str, Sized]] = [
        ("authority", file.authority or ()),
        ("target", file.target),
        ("control", file.control),
        ("provider", file.provider or ()),
        ("stun", file.stun or ()),
    ]
    lists += [(f"dns.{name}", getattr(file.dns, name)) for name in ("public_resolvers", "silent_addresses")]
    for index, target in enumerate(file.target):
        lists += [(f"target[{index}].{name}", getattr(target, name)) for name in ("addresses", "experiments", "spki")]
    lists += [(f"control[{index}].addresses", control.addresses) for index, control in enumerate(file.control)]
    lists += [(f"stun[{index}].addresses", server.addresses) for index, server in enumerate(file.stun or ())]
    for place, held in lists:
        most = LISTS_MOST.get(place, _LIST_MOST)
        if len(held) > most:
            yield place, f"{len(held)} of them; {most} are the most that is read"


def _source_findings(held: Sourced) -> Iterator[tuple[str, str]]:
    """Find what is said by halves of where a host is published."""
    said = {key: getattr(held, key) for key in Sourced.__struct_fields__}
    missing = [key for key, value in said.items() if not value]
    if held.confidence is Confidence.NONE and not held.source:
        missing = [key for key in missing if key != "source"]  # that is what "none" means
    if missing and len(missing) < len(said):
        yield missing[0], "is missing: source, date and confidence belong together; write all three, or none of them"
    if held.source and held.confidence is Confidence.NONE:
        yield "confidence", 'is "none" and there is a source; write "low" or better, or take the source out'
    if held.date and not _is_date(held.date):
        yield "date", f"{held.date!r} is no day; write it as 2026-11-29"


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def _target_findings(target: Entry) -> list[tuple[str, str]]:
    found = _endpoint_findings("host", target.host, target.addresses, target.port)
    found.extend(_source_findings(target))
    if target.role is TargetRole.LINE:
        found.append(("role", "'line' is the probe's own line; use the part that the endpoint plays, e.g. 'web'"))
    if target.neighbour and not _NAME.fullmatch(target.neighbour):
        found.append(("neighbour", f"{target.neighbour!r} is no host name in lower case"))
    if target.neighbour == target.host:
        found.append(("neighbour", "is the host itself; name another that the same address serves, or leave it out"))
    if target.sibling and family_of(target.sibling) is None:
        found.append(("sibling", f"{target.sibling!r} is not an IP address"))
    if not set(target.families) <= {4, 6}:
        found.append(("families", f"{list(target.families)}: use 4, 6 or both"))
    if not 0 <= target.other_port < 65536 or not 0 < target.http_port < 65536:
        found.append(("other_port", "ports are 1 to 65535 (other_port 0: none)"))
    if not target.experiments:
        found.append(("experiments", "is empty; leave it out for dns, tcp, tls and http"))
    found += [
        ("experiments", f"{word} is carried out only where it is asked for (balise-collector request); leave it out")
        for word in dict.fromkeys(target.experiments)
        if word in ASKED
    ]
    if not target.path.startswith("/"):
        found.append(("path", f"{target.path!r} must start with /"))
    if not 0 < target.fetch_bytes <= 524288:
        found.append(("fetch_bytes", f"{target.fetch_bytes}; use 1 to 524288"))
    if not found:
        try:
            target.records()
        except msgspec.ValidationError as error:
            found.append(("parameters", str(error)))
    return found


def _authority_findings(file: ServiceFile) -> Iterator[tuple[str, str]]:
    """Find authorities that cannot be read or are not what they are said to be, and names of such as are not there."""
    named = [one.name for one in file.authority or ()]
    for index, one in enumerate(file.authority or ()):
        place = f"authority[{index}]"
        yield from ((f"{place}.{key}", wrong) for key, wrong in _source_findings(one))
        if named.count(one.name) > 1:
            yield f"{place}.name", f"{one.name!r} is there twice; name one of them otherwise"
        if not (der := _der(one.pem)):
            yield f"{place}.pem", "is no certificate of an authority that signed itself; write the PEM block, one alone"
        elif hashlib.sha256(der).hexdigest() != one.sha256:
            yield (
                f"{place}.sha256",
                f"is not that of the certificate ({hashlib.sha256(der).hexdigest()}); ask the source",
            )
    for index, target in enumerate(file.target):
        for name in target.authorities or ():
            if name not in named:
                yield f"target[{index}].authorities", f"{name!r} is no [[authority]] of this file; there are {named}"


def _der(pem: str) -> bytes:
    """Return the certificate of an authority that signed itself, DER; nothing where it is none."""
    if len(pem) > _PEM_MOST or pem.count(_BEGIN) != 1:
        return b""
    try:
        read = x509.load_pem_x509_certificate(pem.encode())
        is_authority = read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        read.verify_directly_issued_by(read)
    except (ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm):
        return b""
    return read.public_bytes(Encoding.DER) if is_authority else b""


def _control_findings(control: ControlEntry) -> list[tuple[str, str]]:
    found = _endpoint_findings("name", control.name, control.addresses, control.port)
    found.extend(_source_findings(control))
    if control.scope is Scope.DOMESTIC and not re.fullmatch(r"[A-Z]{2}", control.country):
        found.append(("country", 'a domestic control needs the country it stands in, e.g. "PK"'))
    if control.scope is Scope.INTERNATIONAL and control.country:
        found.append(("country", "is only for domestic controls; take it out or set scope = 'domestic'"))
    if control.page and (control.port != _PAGE_PORT or not _PATH.fullmatch(control.page.path)):
        found.append(("page", f"needs port = {_PAGE_PORT}, and a path of printable ASCII that begins with /"))
    return found


def _provider_findings(provider: ProviderEntry) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if not 0 < provider.asn < 2**32:
        found.append(("asn", f"{provider.asn} is no number of an autonomous system"))
    if not provider.name:
        found.append(("name", "is empty; write what people call it"))
    if provider.country and not re.fullmatch(r"[A-Z]{2}", provider.country):
        found.append(("country", f'{provider.country!r} is no country, e.g. "PK"'))
    found.extend(("resolvers", f"{text!r} is not an IP address") for text in provider.resolvers if not family_of(text))
    return found


def _endpoint_findings(key: str, name: str, addresses: tuple[str, ...], port: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if not _NAME.fullmatch(name):
        found.append((key, f"{name!r} is no host name in lower case, e.g. api.twitter.com"))
    found.extend(("addresses", f"{text!r} is not an IP address") for text in addresses if family_of(text) is None)
    if not 0 < port < 65536:
        found.append(("port", f"{port} is no port; use 1 to 65535"))
    return found


def family_of(address: str) -> int | None:
    """Return the IP version of an address in text form; ``None`` for anything else."""
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None
