"""What in a text could name its reader: addresses, hardware addresses, mail, and numbers like a subscriber's.

Block pages, certificates and names are written by others, in any script and any encoding, and many print who looked at
them. A rule that knows ``203.0.113.5`` and not its Persian digits is none, so that a text is first brought to one form
(``plain``) and then searched. Lives here: that form, and what is looked for in it. Every pattern takes linear time:
sixty-four kilobytes may be hostile. Must not live here: which field of an observation may leave (scrub.py). Pure.
"""

import base64
import binascii
import html.entities
import ipaddress
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Final

_ROUNDS: Final = 4
"""Encodings inside encodings that are undone."""
_INVISIBLE: Final = frozenset({"Cf", "Cn", "Co", "Cs", "Me", "Mn"})
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters without a shape: fillers that separate nothing for the eye."""
_BREAKS: Final = frozenset({"Cc", "Zl", "Zp", "Zs"})
_NUMERALS: Final = "\u3007\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d"
"""Zero to nine as they are written in an address in Chinese and Japanese."""

_PERCENT: Final = re.compile(r"%u([0-9A-Fa-f]{4})")
"""As old browsers wrote it."""
_ESCAPE: Final = re.compile(r"\\u(?:\{0{0,8}([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{4}))")
_BYTES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+|(?:\\x[0-9A-Fa-f]{2})+")
"""Runs of bytes as URLs (RFC 3986 2.1) and programs write them."""
_NUMERIC: Final = re.compile(r"&#(?:[xX]0{0,16}([0-9A-Fa-f]{1,6})(?![0-9A-Fa-f])|0{0,16}([0-9]{1,7})(?![0-9]));?")
_NAMED: Final = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,30});")
_TAG: Final = re.compile(r"<[^<>]{0,200}>")

_MAC: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:[0-9A-Fa-f]{2}[:\-. ]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})"
    r"(?![0-9A-Za-z])"
)
_IPV6: Final = re.compile(
    r"(?<![0-9A-Za-z:])(?:[0-9A-Fa-f]{0,4}:){2,7}"
    r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4})(?:%\w{1,16})?(?![0-9A-Za-z:])"
)
_IPV6_DASHED: Final = re.compile(r"(?<![0-9A-Za-z_-])(?:[0-9A-Fa-f]{1,4}[-_]){5,7}[0-9A-Fa-f]{1,4}(?![0-9A-Za-z_-])")
_NIBBLES: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f][.\-_ ]){8,}[0-9A-Fa-f](?![0-9A-Za-z])")
"""As below ip6.arpa (RFC 3596 2.5)."""
_DOT: Final = (
    r"[\W_]{0,3}(?:dot|point|punto|punkt|nokta|\u0442\u043e\u0447\u043a\u0430|\u0646\u0642\u0637\u0647"
    r"|\u0646\u0642\u0637\u0629|\u70b9|\u9ede)[\W_]{0,3}"
)
_BETWEEN: Final = rf"(?:[\W_]{{1,3}}|[^\W\d_]|{_DOT})"
"""What people and machines write between the numbers of an address: a mark or three, one letter, the word for dot."""
_NUMBERS: Final = re.compile(rf"[0-9]{{1,4}}(?:{_BETWEEN}[0-9]{{1,4}}){{3,}}(?![0-9])", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]+")
_LOOKALIKE: Final = re.compile(
    r"(?<![0-9A-Za-z])[0-9OoIl|]{1,3}(?:([.,\-_])[0-9OoIl|]{1,3})(?:\1[0-9OoIl|]{1,3}){2}(?![0-9A-Za-z])"
)
_HEX_GROUPS: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:0x[0-9A-Fa-f]{1,2}[\W_]{1,3}){3}0x[0-9A-Fa-f]{1,2}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])(?=[^0-9]{0,9}[0-9])(?:[0-9A-Fa-f]{2}[.:\-_ ]){3}[0-9A-Fa-f]{2}(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_MAIL: Final = re.compile(r"[^\s<>@]{1,64}@[^\s<>@.]{1,63}(?:\.[^\s<>@.]{1,63}){1,8}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
_TOKEN_OF_WEB: Final = re.compile(r"[A-Za-z0-9_-]{8,}={0,2}")
_MOST_IN_TOKEN: Final = 400

_LONG: Final = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,6}")
_HEX: Final = re.compile(r"(?:0x)?[0-9A-Fa-f]+(?:-[0-9A-Fa-f]+)*")
_DIGITS: Final = re.compile(r"[0-9](?:[\W_]{0,2}[0-9]){4,}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class _Form(dict[int, str]):
    """Each character's plain form, found once."""

    def __missing__(self, point: int) -> str:
        found = "".join(_plain_character(character) for character in unicodedata.normalize("NFKC", chr(point)))
        self[point] = found
        return found


def _plain_character(character: str) -> str:
    """Return a character as its ASCII digit, its plain self, a blank for a break, or nothing for what is not seen."""
    if character.isascii() and character.isprintable():
        return character
    kind = unicodedata.category(character)
    if kind in _BREAKS:
        return " "
    if kind in _INVISIBLE or character in _BLANK_LETTERS:
        return ""
    digit = unicodedata.digit(character, None)
    if digit is None and character in _NUMERALS:
        digit = _NUMERALS.index(character)
    return character if digit is None else str(digit)


_FORM: Final = _Form()
_MOST_FORMS: Final = 20_000


def plain(text: str) -> str:
    """Return a text in one form: decoded, compatible characters unified (NFKC), digits in ASCII, nothing invisible.

    Percent signs, HTML entities and backslash escapes are undone, also inside each other.
    """
    for _ in range(_ROUNDS):
        before = text
        if len(_FORM) > _MOST_FORMS:
            _FORM.clear()
        text = text.translate(_FORM)
        if "&" in text:
            text = _NAMED.sub(_named, _NUMERIC.sub(_character, text))
        if "%" in text or "\\" in text:
            text = _BYTES.sub(_decoded, _ESCAPE.sub(_character, _PERCENT.sub(_character, text)))
        if text == before:
            break
    return text


def _character(match: re.Match[str]) -> str:
    """Return the character of a numeric escape; base 16 but for an entity's second group."""
    groups = match.groups()
    place = next(index for index, group in enumerate(groups) if group)
    base = 10 if match[0].startswith("&#") and place == 1 else 16
    point = int(groups[place], base)
    return chr(point) if 0 < point < 0x110000 and not 0xD800 <= point < 0xE000 else " "


def _named(match: re.Match[str]) -> str:
    return html.entities.html5.get(f"{match[1]};", match[0])


def _decoded(match: re.Match[str]) -> str:
    """Return a run of bytes as text (UTF-8); four or sixteen that are none are an address, as it stands in a packet."""
    raw = bytes.fromhex(match[0].replace("%", "").replace("\\x", ""))
    text = raw.decode("utf-8", "replace")
    return " 0.0.0.0 " if len(raw) in {4, 16} and ("\ufffd" in text or not text.isprintable()) else text


# --- what names somebody ----------------------------------------------------------------------------------------------


def _address(match: re.Match[str]) -> str:
    """Return a sequence of numbers without the IPv4 addresses in it.

    Four numbers and no more are one, whatever marks stand between; in a longer sequence, or with letters, four with
    the same thing between them.
    """
    text = match[0]
    numbers = list(_NUMBER.finditer(text))
    octets = [_is_octet(number[0]) for number in numbers]
    marks = [text[one.end() : other.start()] for one, other in pairwise(numbers)]
    lettered = any(map(str.isalpha, "".join(marks)))
    at = 0
    kept = ""
    place = 0
    while place + 3 < len(numbers):
        alike = len({mark.strip() or mark for mark in marks[place : place + 3]}) == 1
        alike = alike or (len(numbers) == 4 and not lettered)
        if all(octets[place : place + 4]) and alike:
            kept += text[at : numbers[place].start()] + "[ip]"
            at = numbers[place + 3].end()
            place += 4
        else:
            place += 1
    return kept + text[at:]


def _is_octet(number: str) -> bool:
    """Whether a number is 0 to 255, in decimal or, with a leading zero, in octal as inet_aton(3) reads it."""
    if int(number) <= 255:
        return True
    return number.startswith("0") and not set(number) & {"8", "9"} and int(number, 8) <= 255


def _version_6(match: re.Match[str]) -> str:
    """Return what has colons as it is where it is no IPv6 address or prefix: a time of day is none."""
    text = match[0].partition("%")[0]
    groups = [group for group in text.split(":") if group]
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return "[ip]" if len(groups) >= 4 else match[0]
    return "[ip]"


def _lookalike(match: re.Match[str]) -> str:
    """Return letters that stand for digits as they are where there are hardly any digits among them."""
    return "[ip]" if sum(character.isdigit() for character in match[0]) >= 3 else match[0]


def _token(match: re.Match[str]) -> str:
    """Return a token, or a word in its place where base64 or base32 (RFC 4648 4, 5, 6) of it names somebody."""
    token = match[0].rstrip("=").replace("-", "+").replace("_", "/")[:_MOST_IN_TOKEN]
    for decode, size in ((base64.b64decode, 4), (base64.b32decode, 8)):
        whole = token[: len(token) - (len(token) % 4 == 1)] if size == 4 else token
        try:
            decoded = plain(decode(whole + "=" * (-len(whole) % size)).decode("utf-8"))
        except (binascii.Error, UnicodeDecodeError):
            continue
        if decoded.isprintable() and _without(decoded, _NAMES) != decoded:
            return "[ip]"
    return match[0]


_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
_NAMES: Final[tuple[_Rule, ...]] = (
    (_MAC, "[mac]"),
    (_IPV6, _version_6),
    (_IPV6_DASHED, "[ip]"),
    (_NIBBLES, "[ip]"),
    (_NUMBERS, _address),
    (_HEX_GROUPS, "[ip]"),
    (_LOOKALIKE, _lookalike),
    (_MAIL, "[mail]"),
)
_ENCODED: Final[tuple[_Rule, ...]] = ((_TOKEN, _token), (_TOKEN_OF_WEB, _token))


def _long(match: re.Match[str]) -> str:
    """Return a long token, or a word in its place where it is no word: padded, or capitals and digits mixed in it."""
    token = match[0]
    padded = token.endswith("=") and not _is_alnum(match.string[match.end() : match.end() + 1])
    mixed = any(map(str.isdigit, token)) or (any(map(str.isupper, token)) and any(map(str.islower, token)))
    if padded and (mixed or token.endswith("==")):
        return "[id]"
    pieces = re.split("([-_])", token)
    return "".join("[id]" if _is_mixed(piece) else piece for piece in pieces)


def _is_mixed(token: str) -> bool:
    """Whether sixteen characters and more hold capitals and at least two digits: base32, base64, base62."""
    return len(token) >= 16 and any(map(str.isupper, token)) and sum(map(str.isdigit, token)) >= 2


def _hex(match: re.Match[str]) -> str:
    """Return a run of hex digits, or a word in its place where it has eight and a figure among them."""
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
    digits = match[0].removeprefix("0x").replace("-", "")
    whole = not (_is_alnum(before) or _is_alnum(after))
    longest = max(len(group) for group in match[0].removeprefix("0x").split("-"))
    found = whole and len(digits) >= 8 and longest >= 4 and any(map(str.isdigit, digits))
    return "[id]" if found else match[0]


def _is_alnum(character: str) -> bool:
    return character.isascii() and character.isalnum()


_NUMBERED: Final[tuple[_Rule, ...]] = (
    (_HEX, _hex),
    (_LONG, _long),
    (_DIGITS, "[id]"),
)


def _without(text: str, rules: tuple[_Rule, ...]) -> str:
    for pattern, instead in rules:
        text = pattern.sub(instead, text)
    return text


def _views(text: str) -> tuple[str, ...]:
    """Return a text as it is and, where it holds tags, as a browser would join what they part."""
    return (text, _TAG.sub("", text)) if "<" in text else (text,)


@lru_cache(maxsize=16)
def names_somebody(text: str) -> bool:
    """Whether a text holds an address, a hardware address or a mail address, in whatever script or encoding."""
    found = plain(text)
    return any(_without(each, _NAMES + _ENCODED) != each for each in _views(found))


@lru_cache(maxsize=64)
def anonymous(text: str) -> str:
    """Return a text without addresses, MACs, mail addresses and numbers that could be somebody's.

    It comes back as it was, but for unprintable characters, where there is nothing of the kind in it; otherwise in its
    plain form with a word in the place of each.
    """
    found = plain(text)
    for each in _views(found)[1:]:
        if _without(each, _NAMES + _ENCODED) != each:
            found = each
    redacted = _without(found, _NAMES + _ENCODED + _NUMBERED)
    return without_controls(text if redacted == found else redacted)


def without_controls(text: str) -> str:
    """Return a text with a blank in the place of what no terminal, page or JSON should be given."""
    return _UNPRINTABLE.sub(" ", text)


def redacted(text: str, most: int) -> str:
    """Return ``anonymous`` of a text's beginning, at most ``most`` characters."""
    return anonymous(text[: most * 8])[:most]


def _may_be_part(label: str) -> bool:
    """Whether a label could be what is left of an address: a number, or one digit of a reversed IPv6 address."""
    return len(label) == 1 or any(map(str.isdigit, label))


def redacted_name(name: str) -> str:
    """Return a host name without the labels in front that name somebody; empty where nothing is left.

    ``203-0-113-5.dyn.isp.example`` is ``redacted.isp.example``: who runs it is told, who was asked for is not.
    """
    if anonymous(name) == name:
        return name
    labels = name.split(".")
    while labels and (anonymous(".".join(labels)) != ".".join(labels) or _may_be_part(labels[0])):
        labels = labels[1:]
    return ".".join(("redacted", *labels)) if len(labels) >= 2 else ""
