"""The operator's settings file on a card: its words, its text, and the consent that stands in it.

This contract lives in wire although no broker carries it (ADR 0013): the collector writes such files (``fleet token``),
the image holds an empty one, the probe reads it, and none of the three may import another. It crosses from collector to
probe like every other message, only by hand. The sentences are package data in ``card_text/``, two files a language, so
a translator needs no Python. Must not live here: reading a file that a person has edited (the agent's ``card`` room).

The file never names the product: who finds the card shall not learn it from there (attribution.md 3, quiet board).
"""

import re
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from string import Template
from typing import Final

import msgspec

from balise_wire.word import Word
from balise_wire.words import Access, ProbeRole, Profile

SETTINGS_FILE: Final = "balise.toml"
STATUS_FILE: Final = "balise-status.txt"
CONSENT_VERSION: Final = "2026-11"
"""Grows with every change of meaning in the consent texts, and with every new category of targets."""
END_MARK: Final = "# --- end -"
"""How the last line begins, in every language: a file without it was cut."""
LANGUAGE: Final = "en"
SECRET_KEYS: Final = ("token", "password")
"""What is blanked once it is no longer needed."""


class HardwareAddress(Word):
    """Which MAC address the box shows to the network."""

    MADE_UP = "made-up"
    """Locally administered, made once by chance and kept: it tells neither the board's maker nor its serial number."""
    OWN = "own"
    """The one of the chip, for networks that admit listed devices only."""
    UNKNOWN = "unknown"


class Wifi(msgspec.Struct, frozen=True, kw_only=True):
    """``[wifi]``: the network to join; an empty name means cable."""

    name: str = ""
    password: str = ""
    """WPA passphrase of 8 to 63 characters, or 64 hex digits; empty after the box has blanked it."""
    country: str = ""
    """Regulatory domain; empty: the country above."""
    open: bool = False
    hidden: bool = False


class CardNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """``[network]``: how the box appears there."""

    hardware_address: HardwareAddress = HardwareAddress.MADE_UP


class Ssh(msgspec.Struct, frozen=True, kw_only=True):
    """``[ssh]``: who may log in; empty means nobody, and nothing listens."""

    key: str = ""


class CardConsent(msgspec.Struct, frozen=True, kw_only=True):
    """``[consent]``: what the host agreed to."""

    version: str = ""
    accepted: bool = False


class CardSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file; the keys are the names of the fields."""

    enrol: tuple[str, ...] = ()
    """Addresses of the enrolment listener, ``https://host:port``, in the order of trial; one needs no brackets."""
    fingerprint: str = ""
    """SHA-256 of the fleet's authority, 64 hex digits."""
    token: str = ""
    """One-time token (card_token.py); empty once it is used."""
    country: str = ""
    provider: str = ""
    access: Access = Access.FIXED
    profile: Profile = Profile.STANDARD
    role: ProbeRole = ProbeRole.PROBE
    wifi: Wifi = Wifi()
    network: CardNetwork = CardNetwork()
    ssh: Ssh = Ssh()
    consent: CardConsent = CardConsent()


def languages() -> tuple[str, ...]:
    """Return the languages that have both files, as their ISO 639-1 words."""
    names = {entry.name for entry in _folder().iterdir()}
    found = {name.partition(".")[0] for name in names if name.endswith(".consent.txt")}
    return tuple(sorted(word for word in found if f"{word}.card.toml" in names))


def consent_text(language: str = LANGUAGE) -> str:
    """Return what the host agrees to, as plain lines (ValueError for a language we have no words in)."""
    return _read(language, "consent.txt")


def render(settings: CardSettings, language: str = LANGUAGE) -> str:
    r"""Return the commented settings file, with \r\n at the end of each line so that every Notepad shows it.

    The consent text stands in it. An empty ``consent.version`` is written as the version of that text, since that is
    what a host who changes ``accepted`` agrees to. The role is only written where it is not the ordinary one.
    """
    role = f"role = {quoted(settings.role)}\n" if settings.role is not ProbeRole.PROBE else ""
    text = Template(_read(language, "card.toml")).substitute(
        enrol=_list(settings.enrol),
        fingerprint=quoted(settings.fingerprint),
        token=quoted(settings.token),
        country=quoted(settings.country),
        provider=quoted(settings.provider),
        access=quoted(settings.access),
        profile=quoted(settings.profile),
        role=role,
        wifi_name=quoted(settings.wifi.name),
        wifi_password=quoted(settings.wifi.password),
        wifi_country=quoted(settings.wifi.country),
        wifi_open=_flag(settings.wifi.open),
        wifi_hidden=_flag(settings.wifi.hidden),
        hardware_address=quoted(settings.network.hardware_address),
        ssh_key=quoted(settings.ssh.key),
        consent="\n".join(f"# {line}".rstrip() for line in consent_text(language).splitlines()),
        consent_version=quoted(settings.consent.version or CONSENT_VERSION),
        accepted=_flag(settings.consent.accepted),
    )
    return "\r\n".join(text.splitlines()) + "\r\n"


_SPELLINGS: Final = (*SECRET_KEYS, "passphrase", "psk", "passwort", "mot de passe")
"""The words before a secret, also those that people write and that we do not read."""
_SECRET_LINE: Final = re.compile(
    rf"(?P<head>[ \t#\ufeff\u00a0]*(?:wifi\s?\.\s?)?[\"']?(?:{'|'.join(_SPELLINGS)})[\"']?\s*[=:]\s*)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_SHORTEST_SECRET: Final = 8
"""Characters: WPA's shortest passphrase; a shorter text would be found all over the file."""
_WHOLE_VALUE: Final = re.compile(r"(\"[^\"\\]*\"|'[^']*')(?P<after>[ \t]*(?:#.*)?)")


def blank(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the file's text without token and Wi-Fi password, every other character as it was.

    Works on files that are no TOML: a value that is not plainly quoted loses its whole line from the equals sign on,
    because what cannot be read may be the secret. ``secrets`` are taken out wherever else they stand.
    """
    lines = re.split(r"(\r\n|\r|\n)", text)
    blanked = "".join(_blank_line(line) for line in lines)
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            blanked = blanked.replace(secret, "")
    return blanked


def _blank_line(line: str) -> str:
    """Blank one line if it holds a secret, commented out or not."""
    found = _SECRET_LINE.match(line)
    if found is None or not found["rest"].strip():
        return line
    value = _WHOLE_VALUE.fullmatch(found["rest"])
    return f'{found["head"]}""{value["after"] if value else ""}'


def quoted(text: str) -> str:
    """Return ``text`` as a TOML string; between apostrophes where that spares escapes."""
    if ("\\" in text or '"' in text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\U{ord(letter):08X}" for letter in escaped) + '"'


def _list(values: tuple[str, ...]) -> str:
    return quoted(values[0] if values else "") if len(values) < 2 else f"[{', '.join(map(quoted, values))}]"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _folder() -> Traversable:
    return resources.files("balise_wire") / "card_text"


def _read(language: str, part: str) -> str:
    """Read one file of a language; the word is checked first because it becomes part of a path."""
    if language not in languages():
        raise ValueError(f"no card in {language!r}; there are {', '.join(languages())}")
    return (_folder() / f"{language}.{part}").read_text(encoding="utf-8")
