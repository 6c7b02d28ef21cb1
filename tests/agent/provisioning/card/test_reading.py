"""Whatever a person, an editor or a power cut made of the settings file: the right line, the mend, and no exception."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from balise_agent.provisioning.card.findings import MOST, Severity
from balise_agent.provisioning.card.merge import merge
from balise_agent.provisioning.card.reading import KEYS, read
from balise_agent.provisioning.card.text import LARGEST
from balise_agent.provisioning.card.wording import settings_part
from balise_wire import card, card_token
from balise_wire.card import CardConsent, CardSettings, HardwareAddress, Ssh, Wifi
from balise_wire.words import Access, ProbeRole, Profile

TOKEN = card_token.make(bytes(range(15)))
BARE = card_token.normalise(TOKEN)
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDHOZqYO3WZxMZ2VzZCZzlPIyVT1QCMdVlX/jm7GRpcR"
PASSWORD = "correct horse"
GOOD = CardSettings(
    enrol=("https://198.51.100.7:8443",),
    fingerprint="0123456789abcdef" * 4,
    token=TOKEN,
    country="PK",
    provider="cable",
    wifi=Wifi(name="Zia\u2019s house", password=PASSWORD, country="PK"),
    ssh=Ssh(key=SSH_KEY),
    consent=CardConsent(version=card.CONSENT_VERSION, accepted=True),
)
TEXT = card.render(GOOD)
EXPECTED = msgspec.structs.replace(GOOD, token=BARE)
"""The token is handed on in its bare form."""


def line_of(text: str, start: str) -> int:
    """Return the number that an editor shows for the first line that begins so."""
    return next(at for at, line in enumerate(re.split(r"\r\n|\r|\n", text), 1) if line.startswith(start))


def swapped(old: str, new: str, *, count: int = 1) -> Callable[[str], bytes]:
    """Return a mangling that puts one text in the place of another; the other has to be there."""

    def mangle(text: str) -> bytes:
        assert old in text
        return text.replace(old, new, count).encode()

    return mangle


def encoded(encoding: str) -> Callable[[str], bytes]:
    """Return a mangling that saves the file in another encoding."""
    return lambda text: text.encode(encoding)


@dataclass(frozen=True)
class Mangling:
    """One way to spoil the file."""

    name: str
    mangle: Callable[[str], bytes]
    line: str | int
    """Beginning of the good file's line that is to be named, or a number; 0 is the file as a whole."""
    told: tuple[str, ...]
    """Pieces of that one finding: what, and the mend."""
    severity: Severity = Severity.MENDED
    changed: dict[str, Any] = field(default_factory=dict)
    """Where the settings that are read differ from the good ones; a dotted key each."""
    nothing: bool = False
    """No settings can be read at all."""


MENDED, IGNORED, WRONG = Severity
MANGLINGS = (
    Mangling("UTF-8 with BOM", encoded("utf-8-sig"), 1, ("mark", "read without it")),
    Mangling("UTF-16 LE from Notepad", lambda t: b"\xff\xfe" + t.encode("utf-16-le"), 1, ("UTF-16-LE", "read")),
    Mangling("UTF-16 BE", lambda t: b"\xfe\xff" + t.encode("utf-16-be"), 1, ("UTF-16-BE", "read")),
    Mangling("UTF-16 without mark", encoded("utf-16-le"), 1, ("UTF-16-LE", "read")),
    Mangling("Windows-1252", encoded("cp1252"), "name", ("old encoding", "Windows-1252")),
    Mangling("CR only", swapped("\r\n", "\r", count=-1), 1, ("old Mac", "read")),
    Mangling("curly quotes", swapped('country = "PK"', "country = \u201cPK\u201d"), "country", ("curly", "straight")),
    Mangling("low quotes", swapped('country = "PK"', "country = \u201ePK\u201c"), "country", ("curly", "straight")),
    Mangling("guillemets", swapped('"cable"', "\u00abcable\u00bb"), "provider", ("curly", "straight")),
    Mangling("one curly quote", swapped('"cable"', '"cable\u201d'), "provider", ("curly", "straight")),
    Mangling("non-breaking spaces", swapped("country = ", "country\u00a0=\u00a0"), "country", ("blanks", "ordinary")),
    Mangling("soft hyphen in a key", swapped("country =", "coun\u00adtry ="), "country", ("blanks", "ordinary")),
    Mangling("marks of direction", swapped("country =", "country \u200f= \u200f"), "country", ("blanks", "ordinary")),
    Mangling(
        "wide letters",
        swapped('country = "PK"', 'country = "\uff30\uff2b"'),
        "country",
        ("for a country", 'read as "PK"'),
    ),
    Mangling("zero-width space in front", swapped("country =", "\u200bcountry ="), "country", ("blanks", "ordinary")),
    Mangling("no quotes", swapped('"cable"', "cable"), "provider", ("no quotation marks", "read as if")),
    Mangling("no closing quote", swapped('"cable"', '"cable'), "provider", ("closing quotation", "line's end")),
    Mangling("no opening quote", swapped('"cable"', 'cable"'), "provider", ("before the value", "read without")),
    Mangling("three quotes", swapped('"cable"', '"""cable"""'), "provider", ("three", "read as one")),
    Mangling("colon for equals", swapped("country =", "country:"), "country", (":", "read as =")),
    Mangling("arrow for equals", swapped("country =", "country =>"), "country", ("=>", "read as =")),
    Mangling("no equals sign", swapped("country =", "country"), "country", ("no =", "as if it stood there")),
    Mangling("key in capitals", swapped("country =", "COUNTRY ="), "country", ("COUNTRY", "read as country")),
    Mangling(
        "True in capitals",
        swapped("\r\naccepted = true", "\r\naccepted = True"),
        "accepted",
        ('"True"', "read as true"),
    ),
    Mangling("YES", swapped("\r\naccepted = true", "\r\naccepted = YES"), "accepted", ('"YES"', "read as true")),
    Mangling(
        "quoted true", swapped("\r\naccepted = true", '\r\naccepted = "true"'), "accepted", ('"true"', "read as true")
    ),
    Mangling(
        "neither yes nor no",
        swapped("\r\naccepted = true", "\r\naccepted = maybe"),
        "accepted",
        ('"maybe"', "accepted = true"),
        WRONG,
        {"consent.accepted": False},
    ),
    Mangling(
        "other remark sign",
        swapped("# The box empties the next line after the f", "; The box empties the next line after the f"),
        31,
        ("remark", "the sign is #"),
    ),
    Mangling("remark without a sign", swapped('"cable"', '"cable" our line'), "provider", ("after the closing", "#")),
    Mangling("comma at the end", swapped('"cable"', '"cable",'), "provider", (",", "left out")),
    Mangling(
        "key twice",
        swapped('provider = "cable"', 'provider = "cable"\r\nprovider = "dsl"'),
        line_of(TEXT, "provider") + 1,
        (f"line {line_of(TEXT, 'provider')} already", "the last one counts"),
        MENDED,
        {"provider": "dsl"},
    ),
    Mangling(
        "consent twice",
        swapped("\r\naccepted = true", "\r\naccepted = false\r\naccepted = true"),
        line_of(TEXT, "accepted") + 1,
        ("already",),
        MENDED,
        {"consent.accepted": False},
    ),
    Mangling(
        "unknown key",
        swapped("provider =", "provder ="),
        "provider",
        ("provder is unknown", "did you mean provider?"),
        IGNORED,
        {"provider": ""},
    ),
    Mangling("other word", swapped('name = "Zia', 'ssid = "Zia'), "name", ("ssid", "read as name")),
    Mangling(
        "unknown table", swapped("[network]", "[netwrk]"), "[network]", ("[netwrk]", "did you mean [network]"), IGNORED
    ),
    Mangling("table without brackets", swapped("[wifi]", "wifi:"), "[wifi]", ("brackets", "read as [wifi]")),
    Mangling("table with two brackets", swapped("[wifi]", "[[WiFi]"), "[wifi]", ("brackets", "read as [wifi]")),
    Mangling(
        "key in the wrong table",
        lambda t: t.replace(f'token = "{TOKEN}"\r\n', "").replace("[ssh]", f'[ssh]\r\ntoken = "{TOKEN}"').encode(),
        "[ssh]",
        ("token belongs above", "read as if there"),
    ),
    Mangling(
        "line that is nothing",
        swapped("[ssh]", "here comes the key\r\n[ssh]"),
        "[ssh]",
        ("not understood", "key = "),
        IGNORED,
    ),
    Mangling(
        "address of nothing",
        swapped('enrol = "https://198.51.100.7:8443"', 'enrol = "https://"'),
        "enrol",
        ("is no address", "https://host:port"),
        WRONG,
        {"enrol": ()},
    ),
    Mangling("list for a text", swapped('"cable"', '["cable"]'), "provider", ("in brackets", "read without")),
    Mangling(
        "list of two for a text",
        swapped('"cable"', '["cable", "b"]'),
        "provider",
        ("2 values", "write one"),
        WRONG,
        {"provider": ""},
    ),
    Mangling(
        "list without end",
        swapped('"https://198.51.100.7:8443"', '["https://198.51.100.7:8443"'),
        "enrol",
        ("no ]", "read up"),
    ),
    Mangling("address without scheme", swapped("https://198", "198"), "enrol", ("no https://", "as if it stood there")),
    Mangling("address with http", swapped("https://198", "http://198"), "enrol", ("http://", "read as https")),
    Mangling("address with a path", swapped(":8443", ":8443/enrol"), "enrol", ("after host and port", "read without")),
    Mangling(
        "address of a broker",
        swapped("https://198", "mqtt://198"),
        "enrol",
        ('"mqtt"', "https://"),
        WRONG,
        {"enrol": ()},
    ),
    Mangling(
        "token with a wrong character",
        swapped(TOKEN, TOKEN[:-1] + ("X" if TOKEN[-1] != "X" else "Y")),
        "token",
        ("mistyped", "copy it again"),
        WRONG,
        {"token": ""},
    ),
    Mangling("token too short", swapped(TOKEN, TOKEN[:-2]), "token", ("23 characters", "copy"), WRONG, {"token": ""}),
    Mangling("token with blanks", swapped(TOKEN, TOKEN.replace("-", " ")), "token", ("blanks", "as it was meant")),
    Mangling("token with O for 0", swapped(TOKEN, TOKEN.replace("0", "O")), "token", ("O for 0", "as it was meant")),
    Mangling(
        "fingerprint with colons",
        swapped(GOOD.fingerprint, ":".join(re.findall("..", GOOD.fingerprint.upper()))),
        "fingerprint",
        ("colons", "read as plain"),
    ),
    Mangling(
        "fingerprint too short",
        swapped(GOOD.fingerprint, GOOD.fingerprint[:-1]),
        "fingerprint",
        ("63 digits instead of 64", "copy it again"),
        WRONG,
        {"fingerprint": ""},
    ),
    Mangling(
        "fingerprint with O",
        swapped(GOOD.fingerprint, "O" + GOOD.fingerprint[1:]),
        "fingerprint",
        ("has o in it", "copy it again"),
        WRONG,
        {"fingerprint": ""},
    ),
    Mangling(
        "value wrapped by a mail program",
        swapped(GOOD.fingerprint, GOOD.fingerprint[:40] + "\r\n" + GOOD.fingerprint[40:]),
        "fingerprint",
        ("next line", "read as one"),
    ),
    Mangling("country by name", swapped('country = "PK"', 'country = "Pakistan"'), "country", ('"Pakistan"', '"PK"')),
    Mangling("country in small letters", swapped('country = "PK"', 'country = "pk"'), "country", ('"pk"', '"PK"')),
    Mangling(
        "country that is none",
        swapped('country = "PK"', 'country = "Pakestan"'),
        "country",
        ('"Pakestan"', "did you mean PK (Pakistan)?"),
        WRONG,
        {"country": ""},
    ),
    Mangling("everyday word", swapped('access = "fixed"', 'access = "DSL"'), "access", ('"DSL"', '"fixed"')),
    Mangling(
        "mistyped choice",
        swapped('profile = "standard"', 'profile = "metred"'),
        "profile",
        ('"metred"', 'did you mean "metered"?'),
        WRONG,
    ),
    Mangling(
        "Wi-Fi password too short",
        swapped(PASSWORD, "horse"),
        "password",
        ("5 characters", "8 to 63"),
        WRONG,
        {"wifi.password": ""},
    ),
    Mangling(
        "backslash",
        swapped(PASSWORD, "correct\\horse"),
        "password",
        ("backslash", "' '"),
        MENDED,
        {"wifi.password": "correct\\horse"},
    ),
    Mangling(
        "quotes inside",
        swapped(PASSWORD, 'the "best" horse'),
        "password",
        ("inside", "kept"),
        MENDED,
        {"wifi.password": 'the "best" horse'},
    ),
    Mangling(
        "Wi-Fi name too long",
        swapped("Zia\u2019s house", "the house of Zia in the long street"),
        "name",
        ("32 bytes", "as phones show it"),
        WRONG,
        {"wifi.name": ""},
    ),
    Mangling(
        "private SSH key",
        swapped(SSH_KEY, "-----BEGIN OPENSSH PRIVATE KEY-----"),
        "key",
        ("private", ".pub"),
        WRONG,
        {"ssh.key": ""},
    ),
    Mangling(
        "no SSH key", swapped(SSH_KEY, "ssh-ed25519 AAAA"), "key", ("no public SSH key", ".pub"), WRONG, {"ssh.key": ""}
    ),
    Mangling(
        "old consent",
        swapped(f'version = "{card.CONSENT_VERSION}"', 'version = "2019-01"'),
        "version",
        ('"2019-01"', "read the text again"),
        WRONG,
        {"consent.version": ""},
    ),
    Mangling(
        "zero bytes at the end",
        lambda t: t.encode() + b"\0" * 512,
        len(TEXT.splitlines()) + 1,
        ("zero bytes", "left out"),
    ),
    Mangling(
        "cut in a value",
        lambda t: t[: t.index('"cable"') + 4].encode(),
        "provider",
        ("ends here", "copy the whole file"),
        IGNORED,
        {"provider": "", "wifi": Wifi(), "ssh": Ssh(), "consent": CardConsent()},
    ),
    Mangling("empty", lambda _: b"", 0, ("empty", "copy the file"), WRONG, nothing=True),
    Mangling("only zero bytes", lambda t: b"\0" * len(t), 0, ("zero bytes", "copy the file"), WRONG, nothing=True),
    Mangling(
        "a picture", lambda t: b"\x89PNG\r\n\x1a\n" + t.encode(), 0, ("picture", "plain text"), WRONG, nothing=True
    ),
    Mangling(
        "a Word document", lambda t: b"PK\x03\x04" + t.encode(), 0, ("document", "plain text"), WRONG, nothing=True
    ),
    Mangling("RTF", lambda t: rb"{\rtf1 " + t.encode(), 0, ("RTF", "plain text"), WRONG, nothing=True),
    Mangling("random bytes", lambda _: bytes(range(1, 32)) * 40, 0, ("not text", "plain text"), WRONG, nothing=True),
    Mangling(
        "another file", lambda _: b"Dear Ana,\nthank you.\n", 0, ("no setting", "copy the file"), WRONG, nothing=True
    ),
    Mangling("huge", lambda t: t.encode() + b"# x\n" * LARGEST, 0, ("larger than", "beginning"), IGNORED),
)


def differing(settings: CardSettings) -> dict[str, Any]:
    """Return the dotted keys in which settings differ from the good ones."""
    found: dict[str, Any] = {}
    for table, key in KEYS:
        ours, theirs = (getattr(one, table) if table else one for one in (settings, EXPECTED))
        if getattr(ours, key) != getattr(theirs, key):
            found[f"{table}.{key}" if table else key] = getattr(ours, key)
    return found


def flattened(changed: dict[str, Any]) -> dict[str, Any]:
    """Return the expected differences with tables taken apart."""
    whole = {key: value for key, value in changed.items() if not isinstance(value, msgspec.Struct)}
    for table, value in changed.items():
        if isinstance(value, msgspec.Struct):
            good = msgspec.structs.asdict(getattr(EXPECTED, table))
            fields = msgspec.structs.asdict(value).items()
            whole.update({f"{table}.{key}": inner for key, inner in fields if inner != good[key]})
    return whole


@pytest.mark.parametrize("mangling", MANGLINGS, ids=lambda one: one.name)
def test_a_mangled_file_is_mended_or_told_with_its_line(mangling: Mangling) -> None:
    """The status names the right line and the mend; everything that is not spoilt is still read."""
    reading = read(mangling.mangle(TEXT))
    status = settings_part(reading.findings)
    number = mangling.line if isinstance(mangling.line, int) else line_of(TEXT, mangling.line)
    about = [one for one in reading.findings if one.line == number and all(word in str(one) for word in mangling.told)]
    assert about, f"{mangling.name}: line {number} should tell {mangling.told}:\n{status}"
    assert {one.severity for one in about} == {mangling.severity}
    assert (f"line {number}: " if number else mangling.told[0]) in status
    if mangling.nothing:
        assert reading.settings is None
    else:
        assert reading.settings is not None
        assert differing(reading.settings) == flattened(mangling.changed), status
    for secret in (TOKEN, BARE, PASSWORD, "horse"):
        assert secret not in status


def test_there_are_more_than_thirty() -> None:
    """The promise was thirty."""
    assert len({one.name for one in MANGLINGS}) == len(MANGLINGS) >= 60


@pytest.mark.parametrize("language", card.languages())
@pytest.mark.parametrize(
    "settings",
    [
        CardSettings(consent=CardConsent(version=card.CONSENT_VERSION)),
        EXPECTED,
        msgspec.structs.replace(
            EXPECTED,
            enrol=("https://a.example:443", "https://[2001:db8::1]:8443"),
            access=Access.MOBILE,
            profile=Profile.METERED,
            role=ProbeRole.REFERENCE,
            wifi=Wifi(name='a "b" \\ c', password='it\'s # a \\ "test"', country="TM", hidden=True),
            network=card.CardNetwork(hardware_address=HardwareAddress.OWN),
        ),
    ],
)
def test_what_the_operator_is_given_is_read_without_a_word(language: str, settings: CardSettings) -> None:
    """A file that nobody touched gives the same settings and no finding, in every language."""
    reading = read(card.render(settings, language).encode())
    assert reading.settings == settings
    assert reading.findings == ()
    assert reading.said == frozenset(KEYS) - ({("", "role")} if settings.role is ProbeRole.PROBE else set())


def test_the_keys_are_those_of_the_contract() -> None:
    """Nothing in the contract is unread, and nothing is read that the contract lacks."""
    tables = {"wifi": Wifi, "network": card.CardNetwork, "ssh": Ssh, "consent": CardConsent}
    fields = {("", name) for name in CardSettings.__struct_fields__ if name not in tables}
    fields |= {(table, name) for table, kind in tables.items() for name in kind.__struct_fields__}
    assert set(KEYS) == fields


def test_a_hand_written_file_needs_no_remarks() -> None:
    """Short and plain, with other words: read, and not taken for a cut one."""
    reading = read(f"wlan:\nssid: house\npsk: {PASSWORD}\ntoken: {TOKEN.lower()}\ncountry: Kazakhstan".encode())
    assert reading.settings is not None
    assert reading.settings.wifi == Wifi(name="house", password=PASSWORD, country="KZ")
    assert reading.settings.token == BARE
    assert not reading.cut


def test_a_key_of_two_tables_under_a_third_is_told_where_it_belongs() -> None:
    """Which of the two was meant cannot be known; "unknown, did you mean country?" would help nobody."""
    reading = read(b'provider = "cable"\n[ssh]\ncountry = "PK"\n')
    told = [str(one) for one in reading.findings if one.line == 3]
    assert told == ["line 3: country belongs above the first table or under [wifi]; left out; move it to its place"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"house\\"', "house\\"),
        ('"house\\" # the one upstairs', "house\\"),
        ('"house\\"  # say "hello"', "house\\"),
        ('"a\\b\\"', "a\\b\\"),
        ('"C:\\\\net\\"', "C:\\\\net\\"),
        ('"house\\\\"', "house\\"),
        ('"a\\"b"', 'a"b'),
        ('"a\\"b\\""', 'a"b"'),
        ('"\\"house\\""', '"house"'),
        ("'house\\'", "house\\"),
        ("'say \"hi\"'", 'say "hi"'),
        ('"house\\",', "house\\"),
        ("house\\", "house\\"),
        ('"#1 house = ours"', "#1 house = ours"),
        ('"=#"', "=#"),
        ("\u00ab\u00a0house\u00a0\u00bb", "house"),
        ("\u00ab\u202fhouse\u202f\u00bb  # chez nous", "house"),
        ("\u00a0\u00ab\u00a0house\u00a0\u00bb\u00a0", "house"),
        ("\u00ab house \u00bb", "house"),
        ("\u00abhouse\u00bb", "house"),
        ("\u00bbhouse\u00ab", "house"),
        ("\u2039\u00a0house\u00a0\u203a", "house"),
        ("\u00ab\u00a0house\\\u00a0\u00bb", "house\\"),
        ("\u201c\u00a0house\u00a0\u201d", "house"),
        ("\u201c house \u201d", " house "),
        ('" house "', " house "),
        ('"\u00ab house \u00bb"', "\u00ab house \u00bb"),
        ('"bon\u00a0soir"', "bon\u00a0soir"),
    ],
)
def test_a_value_is_what_a_person_means_by_it(written: str, meant: str) -> None:
    """A backslash, a hash sign or a mark at an end, and the blanks that French typography adds to guillemets."""
    reading = read(f'[wifi]\r\nname = {written}\r\ncountry = "PK"\r\n'.encode())
    assert reading.settings is not None
    assert (reading.settings.wifi.name, reading.settings.wifi.country) == (meant, "PK")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), min_size=1, max_size=15))
@example("\\")
@example('"')
@example("a\\")
@example('a"#')
@example("a'")
def test_a_name_arrives_byte_by_byte(name: str) -> None:
    """As the operator's command writes it, and typed by hand between marks where no escape can be meant."""
    if name.isprintable():
        written = card.render(msgspec.structs.replace(GOOD, wifi=Wifi(name=name, password=PASSWORD)))
        assert read(written.encode()).settings == msgspec.structs.replace(
            EXPECTED, wifi=Wifi(name=name, password=PASSWORD)
        )
        plain = "".join(letter for letter in name if letter not in "\"'\\\u00ab\u00bb\u00b4`")
        typed = read(f'[wifi]\nname = "{plain}\\"\n'.encode()).settings
        assert typed is not None
        assert typed.wifi.name == plain + "\\"


def test_secrets_are_known_as_they_were_written() -> None:
    """Blanking finds also the ones under a mistyped key."""
    reading = read(TEXT.replace("password =", "pasword =").encode())
    assert set(reading.secrets) == {TOKEN, PASSWORD}


def test_findings_are_bounded() -> None:
    """A long file of nonsense fills no card, and what is wrong is not crowded out."""
    reading = read(b"what\n" * 5000 + b'country = "Xyzzy"\n')
    assert len(reading.findings) <= MOST + 2
    assert any(one.severity is Severity.WRONG for one in reading.findings)


def test_a_hostile_file_costs_no_time() -> None:
    """Long lines of quotation marks, blanks and brackets: bounded work, no exception (pytest's time-out watches)."""
    for piece in ('"', "\u00a0", "[", 'a = "', "= ", '"\u201d#', "\\", "a.b."):
        read(b"x = " + piece.encode() * (LARGEST // len(piece.encode())))
        read((f"x = {piece * 300}\n" * 60).encode())


@given(st.binary(max_size=4000))
@example(b"\xff\xfe\x00")
@example(b"[")
@example(b"a=[")
@example(b"enrol = https://[::1")
@example(b"token = \xe2\x80")
def test_any_bytes_are_read(data: bytes) -> None:
    """Nothing that stands in a file raises, and its status can be written."""
    reading = read(data)
    merged = merge(reading, GOOD, enrolled=False)
    settings_part(merged.findings).encode()


@given(st.data())
def test_any_cut_and_edit_of_a_good_file_is_read(data: st.DataObject) -> None:
    """Cut anywhere, with anything put anywhere: read; and a cut alone never takes away what worked."""
    whole = TEXT.encode()
    end = data.draw(st.integers(0, len(whole)))
    cut = merge(read(whole[:end]), EXPECTED, enrolled=False)
    if end > 40:
        assert differing(cut.settings) == {}
        assert cut.consented
    at = data.draw(st.integers(0, end))
    read(whole[:at] + data.draw(st.binary(max_size=40)) + whole[at + data.draw(st.integers(0, 80)) : end])


@given(st.text(), st.sampled_from(sorted(KEYS)))
def test_any_value_is_read(value: str, place: tuple[str, str]) -> None:
    """In any key's place, quoted and bare."""
    table, key = place
    header = f"[{table}]\n" if table else ""
    read(f"{header}{key} = {value}\n{key} = {card.quoted(value)}".encode(errors="replace"))
