"""``balise-collector fleet token|replace|batches``: tokens, and the files that go onto cards.

Lives here: what the operator types, and writing settings files, the table and the label sheet: readable for the user
only, and never over a file that is there. Must not live here: what a token or a card is (enrolment/minting.py).
"""

import argparse
import csv
import io
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.enrolment import ids
from balise_collector.fleet.enrolment.labels import Label, sheet
from balise_collector.fleet.enrolment.token_generator import NewToken, TokenOrder, new_tokens, settings_of
from balise_collector.fleet.members import Member
from balise_collector.fleet.registry import FleetRegistry
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.fleet.token import Token
from balise_collector.run.commands import AddCommand
from balise_collector.system import durable, harmless
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError
from balise_wire.card import LANGUAGE, SETTINGS_FILE, languages, render
from balise_wire.measurement import Network
from balise_wire.topics import is_probe_id
from balise_wire.words import Access, ProbeRole, Profile

_COUNT_MOST: Final = 1000
_DAYS: Final = 60
LABELS_FILE: Final = "labels.html"


def add(group: Any, command: AddCommand) -> None:
    """Add the commands to the group ``fleet``."""
    token = command(group, "token", _token, "one-time tokens for new boards, as settings files for cards where asked")
    token.add_argument("--count", type=int, default=1, metavar="N", help="so many cards; default: %(default)s")
    token.add_argument("--probe", default="", metavar="ID", help="for this id, new or known (it keeps its history)")
    token.add_argument("--country", default="", metavar="CC", help="ISO 3166-1 alpha-2")
    token.add_argument("--asn", type=int, default=0, metavar="N", help="the provider's AS number")
    token.add_argument("--access", choices=[access.value for access in Access.known()])
    token.add_argument("--region", default="", help="first-level subdivision, only where the host opted in")
    token.add_argument("--provider", default="", metavar="LABEL", help="your word for the line, for you only")
    token.add_argument("--host", default="", metavar="LABEL", help="your word for the one host who keeps all of them")
    token.add_argument("--role", choices=[role.value for role in ProbeRole.known()])
    token.add_argument("--profile", choices=[profile.value for profile in Profile.known()])
    token.add_argument("--tag", action="append", default=[], metavar="WORD", help="your words; may be repeated")
    replace = command(group, "replace", _replace, "a token with which a new board takes over an id and its history")
    replace.add_argument("probe")
    for makes in (token, replace):
        makes.add_argument("--days", type=int, default=_DAYS, metavar="D", help="good for; default: %(default)s")
        makes.add_argument("--out", metavar="DIR", help=f"a folder a card with {SETTINGS_FILE}, and {LABELS_FILE}")
        makes.add_argument("--csv", metavar="FILE", help="a table of the cards; - prints it")
        makes.add_argument("--with-token", action="store_true", help="print the token on the label too")
        makes.add_argument("--accepted", action="store_true", help="the host has agreed already: written on the card")
        makes.add_argument("--language", choices=languages(), default=LANGUAGE, help="of the card; now: %(default)s")
    batches = command(group, "batches", _batches, "cards that were made together, and how many of them are enrolled")
    batches.add_argument("batch", nargs="?", help="its name: list its cards")


def _token(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        known = registry.fleet().members.get(arguments.probe) if arguments.probe else None
        order = _order(arguments, known)
        yield from _make(config, clock, arguments, registry, order)


def _replace(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        known = registry.fleet().members.get(arguments.probe)
        if known is None:
            raise ConfigError(f"{arguments.probe}: not in the fleet; see balise-collector fleet list")
        order = TokenOrder(
            probe=known.id,
            network=known.network,
            provider=known.provider,
            role=known.role,
            profile=known.profile,
            host=known.host,
            tags=known.tags,
            seconds=_seconds(arguments),
        )
        yield from _make(config, clock, arguments, registry, order)
        yield f"{known.id}: the board that has it measures on until the new one is enrolled, then it is refused"
        yield f"lost or stolen? first `fleet revoke {known.id}`, then this command: revoking takes tokens back"


def _seconds(arguments: argparse.Namespace) -> float:
    if not 1 <= arguments.days <= 730:
        raise ConfigError(f"--days {arguments.days}: use 1 to 730")
    return float(arguments.days * 86_400)


def _order(arguments: argparse.Namespace, known: Member | None) -> TokenOrder:
    """Join what the operator typed with what is known of a named id (ConfigError with the argument to add)."""
    was = known.network if known else None
    country = arguments.country or (was.country if was else "")
    asn = arguments.asn or (was.asn if was else 0)
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise ConfigError(f"--country {country!r}: give two capital letters, e.g. --country PK")
    if not 0 < asn < 2**32:
        raise ConfigError(f"--asn {asn}: give the provider's AS number, e.g. --asn 64501")
    if arguments.probe and not is_probe_id(arguments.probe):
        raise ConfigError(f"--probe {arguments.probe!r}: no probe id; use 4 to 32 of a-z and 0-9")
    if not 1 <= arguments.count <= (1 if arguments.probe else _COUNT_MOST):
        raise ConfigError(f"--count {arguments.count}: use 1 to {_COUNT_MOST}, and 1 with --probe")
    access = arguments.access or (was.access if was else Access.FIXED)
    return TokenOrder(
        count=arguments.count,
        probe=arguments.probe,
        network=Network(country=country, asn=asn, access=Access(access), region=arguments.region),
        provider=arguments.provider or (known.provider if known else ""),
        role=ProbeRole(arguments.role or (known.role if known else ProbeRole.PROBE)),
        profile=Profile(arguments.profile or (known.profile if known else Profile.STANDARD)),
        host=" ".join(arguments.host.split())[:80] or (known.host if known else ""),
        tags=tuple(arguments.tag) or (known.tags if known else ()),
        seconds=_seconds(arguments),
    )


def _make(
    config: Config, clock: Clock, arguments: argparse.Namespace, registry: FleetRegistry, order: TokenOrder
) -> Iterator[str]:
    """Make the cards: files first, and the tokens are good once every file is there."""
    if config.enrolment is None:
        raise ConfigError("[enrolment] is not set: boards would find nobody; see examples/collector.toml")
    if config.enrolment.port == 0 and not config.enrolment.urls:
        raise ConfigError("[enrolment] port is 0, any free one: cards would say nothing; set port or urls")
    with closing(Authority.open_or_create(config.authority_dir)) as authority:
        fingerprint = authority.fingerprint
    enrol = config.enrolment.addresses_to_dial()
    now = clock.now()
    batch = f"{datetime.fromtimestamp(now, UTC):%Y%m%d}-{ids.draw(secrets.choice, ())[:4]}"
    written: list[Path] = []
    with registry.transaction() as held:
        taken = held.ids()
    made = new_tokens(order, taken, batch, now, secrets.token_bytes, secrets.choice)
    try:
        # Outside of any transaction: hundreds of files take seconds on a card, and the collector writes too.
        for path, text in _files(arguments, made, enrol, fingerprint).items():
            _write(path, text, written)
        with registry.transaction() as held:
            for one in made:
                held.add_token(one.row)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # a card's own folder; others are not empty, or stay
                path.parent.rmdir()
        raise
    yield from _told(arguments, made, written)


def _files(
    arguments: argparse.Namespace, made: Sequence[NewToken], enrol: tuple[str, ...], fingerprint: str
) -> dict[Path, str]:
    """Return the files that are asked for, by path."""
    files: dict[Path, str] = {}
    if arguments.out:
        for one in made:
            settings = settings_of(one, enrol, fingerprint, accepted=arguments.accepted)
            files[_place(arguments.out, one)] = render(settings, arguments.language)
        batch = made[0].row.batch
        files[Path(arguments.out) / LABELS_FILE] = sheet(batch, labels_of(made, with_token=arguments.with_token))
    if arguments.csv and arguments.csv != "-":
        files[Path(arguments.csv)] = table(made, arguments.out)
    return files


def _place(out: str, one: NewToken) -> Path:
    """Return where a card's settings file goes: a folder a card, so that it is copied under its own name."""
    return Path(out) / f"{one.row.card:02d}-{one.row.probe}" / SETTINGS_FILE


def labels_of(made: Sequence[NewToken], *, with_token: bool) -> list[Label]:
    """Return the labels of cards."""
    return [Label(card=one.row.card, probe=one.row.probe, token=one.token if with_token else "") for one in made]


def table(made: Sequence[NewToken], out: str | None) -> str:
    """Return the cards as CSV (RFC 4180)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("card", "probe", "token", "country", "asn", "provider", "file"))
    for one in made:
        row = one.row
        provider = harmless.cell(row.provider)
        file = str(_place(out, one)) if out else ""
        writer.writerow((row.card, row.probe, one.token, row.network.country, row.network.asn, provider, file))
    return text.getvalue()


def _write(path: Path, text: str, written: list[Path]) -> None:
    """Write a file that is not there yet (ConfigError)."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = durable.write_once(path, text.encode(), durable.SECRET)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a folder that you can write") from None
    if not fresh:
        raise ConfigError(f"{path}: is there already, and may hold a token; name another place, or move it away")
    written.append(path)


def _told(arguments: argparse.Namespace, made: Sequence[NewToken], written: Sequence[Path]) -> Iterator[str]:
    """Say what was made; tokens are printed only where no file has them."""
    if arguments.csv == "-":
        yield from table(made, arguments.out).splitlines()
    elif not written:
        yield from (f"{one.row.card:<4} {one.row.probe:<12} {one.token}" for one in made)
    else:
        yield from (str(path) for path in written)
    yield f"batch {made[0].row.batch}: {len(made)} cards, tokens good until " + _day(made[0].row.expires)
    if not made[0].row.host and not made[0].row.named:
        yield "once they are handed out: balise-collector fleet host, or the public view counts all of them as one"


def _batches(config: Config, clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        if not arguments.batch:
            for name, made_at, cards, spent in registry.batches():
                yield f"{name}  made {_day(made_at)}  {spent} of {cards} enrolled"
            return
        for token in registry.cards(arguments.batch):
            yield f"{token.card:<4} {token.spent_by or token.probe:<12} {state_of(token, clock.now())}"


def state_of(token: Token, now: float) -> str:
    """Say in words how a token stands."""
    if token.withdrawn:
        return "taken back"
    if token.spent_at is not None:
        return f"enrolled {_day(token.spent_at)}"
    if token.expires <= now:
        return f"ran out {_day(token.expires)}"
    refused = f", last refused {_day(token.refused_at)}: {token.refused}" if token.refused_at else ""
    return f"waiting until {_day(token.expires)}{refused}"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
