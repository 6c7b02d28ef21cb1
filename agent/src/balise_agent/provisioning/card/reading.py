"""The whole settings file: bytes in, settings and findings out, whatever the bytes are.

Lives here: which keys there are, where they belong, what people call them otherwise, and that a fault costs one value
and never the file. Must not live here: text, lines and values (the modules of those names), or what was good before
(merge.py).
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from balise_agent.provisioning.card import values
from balise_agent.provisioning.card.findings import CardProblem, Finding, Notes
from balise_agent.provisioning.card.lines import CardLine, scan
from balise_agent.provisioning.card.text import lines_of
from balise_wire.card import SECRET_KEYS, CardSettings, HardwareAddress
from balise_wire.words import Access, ProbeRole, Profile

Reader = Callable[[CardLine, Notes], Any]

_ACCESS: Final = {
    **dict.fromkeys(("cable", "fibre", "fiber", "dsl", "adsl", "vdsl", "ethernet", "lan", "landline"), Access.FIXED),
    **dict.fromkeys(("sim", "3g", "4g", "5g", "lte", "gsm", "cellular"), Access.MOBILE),
    **dict.fromkeys(("starlink", "vsat", "sat"), Access.SATELLITE),
}
_ADDRESS: Final = {"madeup": HardwareAddress.MADE_UP, "random": HardwareAddress.MADE_UP, "real": HardwareAddress.OWN}
_PROFILE: Final = {"normal": Profile.STANDARD, "default": Profile.STANDARD, "light": Profile.LEAN, "low": Profile.LEAN}

KEYS: Final[Mapping[tuple[str, str], Reader]] = {
    ("", "enrol"): values.addresses_of,
    ("", "fingerprint"): values.fingerprint_of,
    ("", "token"): values.token_of,
    ("", "country"): values.country_of,
    ("", "provider"): values.label_of,
    ("", "access"): values.choice_of(Access, _ACCESS),
    ("", "profile"): values.choice_of(Profile, _PROFILE),
    ("", "role"): values.choice_of(ProbeRole, {}),
    ("wifi", "name"): values.wifi_name_of,
    ("wifi", "password"): values.wifi_password_of,
    ("wifi", "country"): values.country_of,
    ("wifi", "open"): values.flag_of,
    ("wifi", "hidden"): values.flag_of,
    ("network", "hardware_address"): values.choice_of(HardwareAddress, _ADDRESS),
    ("ssh", "key"): values.ssh_key_of,
    ("consent", "version"): values.consent_version_of,
    ("consent", "accepted"): values.flag_of,
}
"""Every key and its reader; a test holds them against the fields of CardSettings."""
TABLES: Final = frozenset(table for table, _ in KEYS if table)
_OTHER_WORDS: Final = {
    "enroll": "enrol",
    "url": "enrol",
    "urls": "enrol",
    "enrolment": "enrol",
    "ssid": "name",
    "psk": "password",
    "passphrase": "password",
    "wifi_name": "name",
    "wifi_password": "password",
    "ssh_key": "key",
    "accept": "accepted",
    "agreed": "accepted",
}
_OTHER_TABLES: Final = {"wlan": "wifi", "wi-fi": "wifi", "wireless": "wifi"}
Place = tuple[str, str]


@dataclass(frozen=True)
class CardReading:
    """What one file says."""

    settings: CardSettings | None
    """``None``: nothing in it could be used."""
    findings: tuple[Finding, ...] = ()
    said: frozenset[Place] = frozenset()
    """The keys that stand there with a value that can be used."""
    failed: frozenset[Place] = frozenset()
    """The keys that stand there with a value that cannot."""
    cut: bool = False
    lines: Mapping[Place, int] = field(default_factory=dict)
    """Where each of those keys stands."""
    secrets: tuple[str, ...] = ()
    """Every text that was written where a secret belongs, as it stands there: what blanking takes out."""


def read(data: bytes) -> CardReading:
    """Read a settings file; never raises."""
    notes = Notes()
    lines = lines_of(data, notes)
    if lines is None:
        return CardReading(None, tuple(notes.found))
    scanned = scan(lines, TABLES.union(_OTHER_TABLES), notes)
    for table, line in scanned.tables:
        _check_table(table, line, notes)
    placed = [(place, entry) for entry in scanned.entries if (place := _place(entry, notes))]
    chosen: dict[Place, tuple[CardLine, Any]] = {}
    failed: set[Place] = set()
    for place, entry in placed:
        value = KEYS[place](entry, notes)
        if place in chosen:
            earlier = chosen[place]
            notes.mended(
                CardProblem.TWICE,
                entry.line,
                f"{entry.key} stands in line {earlier[0].line} already",
                "the last one counts",
            )
            # Of two answers to the question of consent, the cautious one counts.
            if place == ("consent", "accepted") and earlier[1] is False:
                continue
        if value is None:
            failed.add(place)
        else:
            failed.discard(place)
            chosen[place] = (entry, value)
    secrets = tuple(text for entry in scanned.entries for text in entry.values if text and _is_secret(entry.key))
    places = {place: entry.line for place, entry in placed}
    if not chosen and not failed:
        # What was noted line by line says nothing of a file in which no line is ours.
        notes = Notes()
        notes.wrong(CardProblem.UNREADABLE, 0, "no setting was found in the file", "copy the file you were given again")
    settings = _built({place: value for place, (_, value) in chosen.items() if place not in failed})
    return CardReading(
        settings if chosen else None,
        _in_order(notes),
        frozenset(chosen) - failed,
        frozenset(failed),
        scanned.cut,
        places,
        secrets,
    )


def _in_order(notes: Notes) -> tuple[Finding, ...]:
    return tuple(sorted(notes.found, key=lambda finding: finding.line))


def _built(chosen: Mapping[Place, Any]) -> CardSettings:
    """Return the settings with the values that were read, and defaults elsewhere."""
    table: dict[str, Any] = {}
    for (section, key), value in chosen.items():
        (table.setdefault(section, {}) if section else table)[key] = value
    return msgspec.convert(table, CardSettings)


def _spelled(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def _check_table(table: str, line: int, notes: Notes) -> None:
    """Note a table that we do not have."""
    if table in TABLES:
        return
    if table in _OTHER_TABLES:
        notes.mended(CardProblem.OTHER_WORD, line, f"[{table}]", f"read as [{_OTHER_TABLES[table]}]")
        return
    near = difflib.get_close_matches(table, TABLES, n=1, cutoff=0.6)
    mend = f"did you mean [{near[0]}]?" if near else f"known are {', '.join(f'[{name}]' for name in sorted(TABLES))}"
    notes.ignored(
        CardProblem.UNKNOWN_TABLE, line, f"[{table[:40]}] is unknown", f"its lines are looked at one by one; {mend}"
    )


def _place(entry: CardLine, notes: Notes) -> Place | None:
    """Return the place of an entry's key among ours, or note that there is none."""
    key = _spelled(entry.key)
    table = _OTHER_TABLES.get(entry.table, entry.table)
    if key in _OTHER_WORDS and (table, key) not in KEYS:
        notes.mended(CardProblem.OTHER_WORD, entry.line, f"{entry.key}", f"read as {_OTHER_WORDS[key]}")
        key = _OTHER_WORDS[key]
    elif key != entry.key and any(key == known for _, known in KEYS):
        notes.mended(CardProblem.CASE, entry.line, f"{entry.key}", f"read as {key}")
    if (table, key) in KEYS:
        return table, key
    homes = [place for place in KEYS if place[1] == key]
    if len(homes) == 1:
        where = f"[{homes[0][0]}]" if homes[0][0] else "the first table"
        notes.mended(
            CardProblem.WRONG_PLACE, entry.line, f"{key} belongs {_side(homes[0])} {where}", "read as if there"
        )
        return homes[0]
    if homes:
        where = " or ".join(f"{_side(home)} {f'[{home[0]}]' if home[0] else 'the first table'}" for home in homes)
        notes.ignored(CardProblem.WRONG_PLACE, entry.line, f"{key} belongs {where}", "left out; move it to its place")
        return None
    known = [name for home, name in KEYS if home == table] or [name for _, name in KEYS]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6) or difflib.get_close_matches(
        key, [name for _, name in KEYS], n=1, cutoff=0.6
    )
    mend = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    notes.ignored(CardProblem.UNKNOWN_KEY, entry.line, f"{entry.key[:40]} is unknown", f"left out; {mend}")
    return None


def _side(place: Place) -> str:
    return "under" if place[0] else "above"


def _is_secret(word: str) -> bool:
    """Tell whether a key is, or was surely meant to be, one of a secret."""
    key = _OTHER_WORDS.get(_spelled(word), _spelled(word))
    return bool(difflib.get_close_matches(key, SECRET_KEYS, n=1, cutoff=0.7))
