"""What the box goes by: the file on the card, with the last good values where it fails, and what is still missing.

A fault never makes a working box deaf: what cannot be read keeps its last good value. The one exception is consent: an
answer that cannot be understood is no consent. Must not live here: reading, storing, or the words of the status.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from balise_agent.provisioning.card.findings import CardProblem, Finding, Notes
from balise_agent.provisioning.card.reading import KEYS, CardReading, Place
from balise_wire.card import CardConsent, CardSettings

_CONSENT: Final = frozenset({("consent", "version"), ("consent", "accepted")})


@dataclass(frozen=True)
class Merged:
    """The settings in force."""

    settings: CardSettings
    findings: tuple[Finding, ...]
    consented: bool
    """Without it nothing is measured, nothing is sent, and the network stays down."""
    complete: bool
    """Everything that is needed to report is there."""


def digest(token: str) -> str:
    """Return what a wiped box remembers of a token, so that it does not use it again; empty for no token."""
    return hashlib.sha256(token.encode()).hexdigest() if token else ""


def merge(
    reading: CardReading, last: CardSettings | None, *, enrolled: bool, wiped: frozenset[str] = frozenset()
) -> Merged:
    """Combine a file with what was good before.

    Args:
        reading: of the file on the card.
        last: the settings in force until now; ``None`` on a new or wiped box.
        enrolled: the box has its certificate, so that it needs no token.
        wiped: digests of tokens that were on the card when the box was wiped.
    """
    notes = Notes()
    settings = _kept(reading, last, notes)
    if digest(settings.token) in wiped:
        line = reading.lines.get(("", "token"), 0)
        notes.wrong(CardProblem.TOKEN_WIPED, line, "this token was here when the box was wiped", "ask for a new one")
        settings = msgspec.structs.replace(settings, token="")
    consented = _check_consent(settings, reading, notes)
    complete = _check_enrolment(settings, reading, notes, enrolled=enrolled)
    _check_wifi(settings, reading, notes)
    findings = sorted((*reading.findings, *notes.found), key=lambda finding: finding.line)
    return Merged(settings, tuple(findings), consented, complete)


def _kept(reading: CardReading, last: CardSettings | None, notes: Notes) -> CardSettings:
    """Return the file's settings, with last good values for what failed, was cut off, or was blanked by us."""
    new = reading.settings or CardSettings()
    if last is None:
        return new
    if reading.settings is None and not reading.failed:
        notes.mended(CardProblem.LAST_GOOD, 0, "the file could not be used", "the last good settings stay in force")
        return last
    missing = frozenset(KEYS) - reading.said if reading.cut else reading.failed
    places = missing - (reading.failed & _CONSENT)
    kept = _replaced(new, {place: _value(last, place) for place in places})
    told = sorted(".".join(filter(None, place)) for place in places if _value(kept, place) != _value(new, place))
    if told:
        notes.mended(
            CardProblem.LAST_GOOD, 0, f"not usable in the file: {', '.join(told)}", "the last good values are used"
        )
    wifi = kept.wifi
    if wifi.name and not wifi.password and not wifi.open and wifi.name == last.wifi.name:
        kept = _replaced(kept, {("wifi", "password"): last.wifi.password})
    return kept


def _value(settings: CardSettings, place: Place) -> Any:
    table, key = place
    return getattr(getattr(settings, table) if table else settings, key)


def _replaced(settings: CardSettings, values: Mapping[Place, Any]) -> CardSettings:
    for (table, key), value in values.items():
        if table:
            inner = msgspec.structs.replace(getattr(settings, table), **{key: value})
            settings = msgspec.structs.replace(settings, **{table: inner})
        else:
            settings = msgspec.structs.replace(settings, **{key: value})
    return settings


def _check_consent(settings: CardSettings, reading: CardReading, notes: Notes) -> bool:
    """Tell whether the host agreed to a text that we know."""
    consent: CardConsent = settings.consent
    if consent.accepted and consent.version:
        return True
    place = ("consent", "accepted")
    if not consent.accepted and place not in reading.failed:
        notes.wrong(
            CardProblem.CONSENT,
            reading.lines.get(place, 0),
            "nobody has agreed yet",
            "read the text in the file; who agrees writes  accepted = true ; until then the box does nothing",
        )
    elif consent.accepted and ("consent", "version") not in reading.failed:
        notes.wrong(
            CardProblem.CONSENT, 0, "[consent] has no version", "take the file you were given, the text stands in it"
        )
    return False


def _check_enrolment(settings: CardSettings, reading: CardReading, notes: Notes, *, enrolled: bool) -> bool:
    """Tell whether everything is there that makes this box known to its operator."""
    needed = [("enrol", settings.enrol), ("fingerprint", settings.fingerprint)]
    if not enrolled:
        needed.append(("token", settings.token))
    for key, value in needed:
        if not value and ("", key) not in reading.failed and not any(_tells_of(found, key) for found in notes.found):
            line = reading.lines.get(("", key), 0)
            notes.wrong(CardProblem.MISSING, line, f"{key} is empty", "copy it from what the operator gave you")
    return all(value for _, value in needed)


def _tells_of(finding: Finding, key: str) -> bool:
    return finding.problem is CardProblem.TOKEN_WIPED and key == "token"


def _check_wifi(settings: CardSettings, reading: CardReading, notes: Notes) -> None:
    """Note what keeps the box from joining a wireless network."""
    wifi = settings.wifi
    line = reading.lines.get(("wifi", "password"), 0)
    failed = reading.failed & {("wifi", "password"), ("wifi", "name")}
    if wifi.name and not wifi.password and not wifi.open and not failed:
        mend = "type it, or write  open = true  for a network that has none"
        notes.wrong(CardProblem.MISSING, line, "the Wi-Fi password is empty", mend)
    if wifi.password and not wifi.name and not failed:
        line = reading.lines.get(("wifi", "name"), line)
        notes.wrong(
            CardProblem.MISSING, line, "there is a Wi-Fi password but no Wi-Fi name", "write the network's name"
        )
    if wifi.password and wifi.open:
        mend = "the password is used; write  open = false"
        notes.mended(CardProblem.CHOICE, reading.lines.get(("wifi", "open"), 0), "open = true with a password", mend)
    if wifi.name and not (wifi.country or settings.country):
        line = reading.lines.get(("wifi", "country"), 0)
        notes.ignored(
            CardProblem.COUNTRY, line, "no country for the Wi-Fi", "some channels stay unused; write two letters"
        )
