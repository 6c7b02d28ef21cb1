"""What each value of the settings file may be, and the mends that are safe for it.

One function a kind of value: it takes what was written and returns what is meant, or ``None`` after a note that says
why not. A note never repeats a token, a password or a key. Must not live here: lines, tables, or which key has which
kind (reading.py).
"""

import base64
import binascii
import difflib
import re
import unicodedata
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urlsplit

from balise_agent.provisioning.card import countries
from balise_agent.provisioning.card.findings import CardProblem, Notes
from balise_agent.provisioning.card.lines import CardLine
from balise_agent.system.config import is_front
from balise_wire import card_token
from balise_wire.card import CONSENT_VERSION
from balise_wire.word import Word

_YES: Final = frozenset({"true", "yes", "y", "on", "1", "oui", "ja", "vrai", "wahr"})
_NO: Final = frozenset({"false", "no", "n", "off", "0", "non", "nein", "faux", "falsch", ""})
_HEX: Final = re.compile(r"[0-9a-f]+")
_SSH_TYPE: Final = re.compile(r"ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9@.-]+")
_ODD_BLANK: Final = re.compile("[\u00a0\u00ad\u2000-\u200f\u2028-\u202f\u205f\u2060\u3000\ufeff]")
_MONTH: Final = re.compile(r"\d{4}-\d\d(?:-\d\d)?")
_LONGEST_LABEL: Final = 64
_ADDRESSES: Final = 8
Choice = TypeVar("Choice", bound=Word)


def text_of(entry: CardLine, notes: Notes) -> str | None:
    """Return the one text that an entry holds."""
    if len(entry.values) != 1:
        notes.wrong(
            CardProblem.NOT_ONE, entry.line, f"{entry.key} has {len(entry.values)} values", "write one, no brackets"
        )
        return None
    if entry.listed:
        notes.mended(CardProblem.NOT_ONE, entry.line, f"{entry.key} stands in brackets", "read without them")
    elif not entry.quoted:
        what = f"no quotation marks around {entry.key}" if entry.values[0] else f"nothing stands after {entry.key}"
        notes.mended(CardProblem.QUOTE_MISSING, entry.line, what, "read as if they stood there")
    return entry.values[0]


def flag_of(entry: CardLine, notes: Notes) -> bool | None:
    """Return true or false, also from yes, on, 1, capitals and quotation marks."""
    text = entry.values[0].strip() if len(entry.values) == 1 else "?"
    word = text.lower()
    if word not in _YES | _NO:
        notes.wrong(
            CardProblem.NOT_YES_OR_NO,
            entry.line,
            f"{entry.key} is {shown(text)}",
            f"write  {entry.key} = true  or  false",
        )
        return None
    value = word in _YES
    if entry.quoted or text not in {"true", "false"}:
        plain = "true" if value else "false"
        notes.mended(CardProblem.NOT_YES_OR_NO, entry.line, f"{entry.key} is {shown(text)}", f"read as {plain}")
    return value


def addresses_of(entry: CardLine, notes: Notes) -> tuple[str, ...] | None:
    """Return the addresses of the enrolment listener, each ``https://host:port``."""
    parts = [part for value in entry.values for part in re.split(r"[,;\s]+", value) if part]
    if len(parts) > 1 and not entry.listed:
        notes.mended(CardProblem.NOT_A_LIST, entry.line, f"{len(parts)} addresses without brackets", "read as a list")
    found = [address for part in parts[:_ADDRESSES] if (address := _address(part, entry.line, notes))]
    return tuple(dict.fromkeys(found)) if found or not parts else None


def _address(text: str, line: int, notes: Notes) -> str | None:
    """Return one address as https://host:port."""
    scheme, sign, rest = text.partition("://")
    if not sign:
        scheme, rest = "https", text.lstrip("/")
        notes.mended(CardProblem.ADDRESS, line, "the address has no https:// in front", "read as if it stood there")
    elif scheme.lower() == "http":
        notes.mended(CardProblem.ADDRESS, line, "the address begins with http://", "read as https://")
    elif scheme.lower() not in {"https", "htps", "htpps", "httsp", "hhtps"}:
        notes.wrong(
            CardProblem.ADDRESS, line, f"the address begins with {shown(scheme)}", "it must begin with https://"
        )
        return None
    elif scheme != "https":
        notes.mended(CardProblem.ADDRESS, line, f"the address begins with {shown(scheme)}", "read as https")
    address = f"https://{rest}"
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        notes.mended(CardProblem.ADDRESS, line, "something stands after host and port", "read without it")
    address = f"https://{parts.netloc}"
    if not is_front(address):
        notes.wrong(
            CardProblem.ADDRESS, line, f"{shown(text)} is no address", "write https://host:port as it was given"
        )
        return None
    return address


def fingerprint_of(entry: CardLine, notes: Notes) -> str | None:
    """Return 64 hex digits, also from capitals, colons and blanks."""
    text = text_of(entry, notes)
    if text is None:
        return None
    bare = re.sub(r"^sha-?256\W*|fingerprint\W*", "", text.strip(), flags=re.IGNORECASE)
    bare = re.sub(r"[\s:.-]", "", bare).lower()
    if bare and (not _HEX.fullmatch(bare) or len(bare) != 64):
        strange = sorted({letter for letter in bare if not _HEX.fullmatch(letter)})
        what = f"has {' '.join(strange[:5])} in it" if strange else f"has {len(bare)} digits instead of 64"
        notes.wrong(
            CardProblem.FINGERPRINT, entry.line, f"the fingerprint {what}", "copy it again from what you were given"
        )
        return None
    if bare != text:
        notes.mended(
            CardProblem.FINGERPRINT, entry.line, "the fingerprint has colons, blanks or capitals", "read as plain"
        )
    return bare


def token_of(entry: CardLine, notes: Notes) -> str | None:
    """Return the token in its bare form, after its check character was looked at."""
    text = text_of(entry, notes)
    if not text or not text.strip():
        return text
    if fault := card_token.fault(text):
        notes.wrong(CardProblem.TOKEN, entry.line, f"the token {fault}", "copy it again from what you were given")
        return None
    bare = card_token.normalise(text)
    if bare != text.upper().replace("-", ""):
        notes.mended(
            CardProblem.TOKEN, entry.line, "the token has blanks, or O for 0, or I for 1", "read as it was meant"
        )
    return bare


def country_of(entry: CardLine, notes: Notes) -> str | None:
    """Return a country's two letters, also from its name."""
    text = text_of(entry, notes)
    if not text or not text.strip():
        return text if text is None else ""
    code = countries.code_of(text)
    if not code:
        near = countries.nearest(text)
        mend = f"did you mean {near[0]} ({near[1]})?" if near else 'write two letters, for instance "PK"'
        notes.wrong(CardProblem.COUNTRY, entry.line, f"{shown(text)} is no country's two letters", mend)
        return None
    if code != text:
        notes.mended(CardProblem.COUNTRY, entry.line, f"{shown(text)} for a country", f'read as "{code}"')
    return code


def choice_of(kinds: type[Choice], also: dict[str, Choice]) -> Callable[[CardLine, Notes], Choice | None]:
    """Return a reader for one of several words; ``also`` are other words that people write for them."""
    words = {kind.value: kind for kind in kinds.known()}

    def read(entry: CardLine, notes: Notes) -> Choice | None:
        text = text_of(entry, notes)
        if text is None:
            return None
        word = re.sub(r"[\s_]+", "-", text.strip().lower())
        if word in words or word in also:
            kind = words.get(word) or also[word]
            if text != kind.value:
                notes.mended(CardProblem.CHOICE, entry.line, f"{entry.key} is {shown(text)}", f'read as "{kind}"')
            return kind
        near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
        mend = f'did you mean "{near[0]}"?' if near else f"write one of: {', '.join(words)}"
        notes.wrong(CardProblem.CHOICE, entry.line, f"{entry.key} is {shown(text)}", mend)
        return None

    return read


def label_of(entry: CardLine, notes: Notes) -> str | None:
    """Return a short text of the operator's own."""
    text = text_of(entry, notes)
    if text is None:
        return None
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST_LABEL]
    if clean != text:
        notes.mended(CardProblem.LABEL, entry.line, f"{entry.key} is too long or has odd blanks", "shortened")
    return clean


def wifi_name_of(entry: CardLine, notes: Notes) -> str | None:
    """Return a network's name: 1 to 32 bytes (IEEE 802.11-2020, 9.4.2.2), as it was written, blanks included."""
    text = text_of(entry, notes)
    if text is None:
        return None
    if len(text.encode(errors="replace")) > 32:
        notes.wrong(
            CardProblem.WIFI_NAME, entry.line, "the Wi-Fi name is longer than 32 bytes", "write it as phones show it"
        )
        return None
    _tell_edges(text, "the Wi-Fi name", CardProblem.WIFI_NAME, entry.line, notes)
    return text


def wifi_password_of(entry: CardLine, notes: Notes) -> str | None:
    """Return a passphrase of 8 to 63 bytes, or a key of 64 hex digits (IEEE 802.11-2020, J.4)."""
    text = text_of(entry, notes)
    if not text:
        return text
    size = len(text.encode(errors="replace"))
    if size == 64 and _HEX.fullmatch(text.lower()):
        return text.lower()
    if not 8 <= size <= 63:
        notes.wrong(
            CardProblem.WIFI_PASSWORD,
            entry.line,
            f"the Wi-Fi password has {size} characters",
            "Wi-Fi passwords have 8 to 63; type it again",
        )
        return None
    _tell_edges(text, "the Wi-Fi password", CardProblem.WIFI_PASSWORD, entry.line, notes)
    return text


def _tell_edges(text: str, what: str, problem: CardProblem, line: int, notes: Notes) -> None:
    """Tell a blank at an end, or one that an editor made, which is easily a slip and may be meant."""
    if text != text.strip():
        notes.mended(problem, line, f"{what} begins or ends with a blank", "kept, as it may be meant")
    elif _ODD_BLANK.search(text):
        notes.mended(problem, line, f"{what} has a blank in it that is no ordinary one", "kept, as it may be meant")


def ssh_key_of(entry: CardLine, notes: Notes) -> str | None:
    """Return one public key as OpenSSH writes it (sshd(8), AUTHORIZED_KEYS FILE FORMAT), without options."""
    text = text_of(entry, notes)
    if text is None or not text.strip():
        return text if text is None else ""
    if "PRIVATE KEY" in text:
        notes.wrong(
            CardProblem.SSH_KEY,
            entry.line,
            "this is the private SSH key",
            "never give it away: make a new pair, and paste the line of the .pub file",
        )
        return None
    kind, _, rest = " ".join(text.split()).partition(" ")
    blob = rest.partition(" ")[0]
    try:
        inside = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        inside = b""
    # RFC 4253, 6.6: the blob begins with its own kind.
    if not _SSH_TYPE.fullmatch(kind) or inside[4 : 4 + len(kind)] != kind.encode():
        notes.wrong(
            CardProblem.SSH_KEY, entry.line, "this is no public SSH key", "paste the whole line of the .pub file"
        )
        return None
    return f"{kind} {blob}"


def consent_version_of(entry: CardLine, notes: Notes) -> str | None:
    """Return the version of the text that was agreed to; an older one than ours asks for a new reading."""
    text = text_of(entry, notes)
    if text is None:
        return None
    version = text.strip()
    if not _MONTH.fullmatch(version) or version < CONSENT_VERSION:
        notes.wrong(
            CardProblem.CONSENT,
            entry.line,
            f"the consent is for version {shown(version)}, the text is now {CONSENT_VERSION}",
            "ask the operator for a new file, and read the text again",
        )
        return None
    return version


def shown(text: str) -> str:
    """Return a value for a note: short, printable, in quotation marks."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in unicodedata.normalize("NFC", text))
    return f'"{clean[:40]}{"..." if len(clean) > 40 else ""}"'
