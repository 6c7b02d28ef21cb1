"""Which of the files on the card is meant: Windows hides endings and adds some, people make copies.

Lives here: names, and the choice between several readings. Must not live here: opening anything.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from balise_agent.provisioning.card.findings import CardProblem, Finding, Notes
from balise_agent.provisioning.card.reading import CardReading
from balise_wire.card import SETTINGS_FILE

_STEM: Final = SETTINGS_FILE.removesuffix(".toml")
_NAME: Final = re.compile(
    rf"(?:(?:copy of|copie de) )?{_STEM}(?:[ _-]*(?:\(\d+\)|\d+|copy|copie|new))*"
    r"(?:\.(?:toml|tom|txt|text|ini|conf|new))*"
    rf"|{_STEM[:6]}~\d\.(?:tom|txt)"
)
_ORDER: Final = re.compile(r"(?P<word>pause|wipe)(?: \(\d+\))?(?:\.(?:txt|text|toml))*")


@dataclass(frozen=True)
class Candidate:
    """One file that may be the settings."""

    name: str
    modified: float
    """UNIX seconds as FAT remembers them; good only for comparing."""
    reading: CardReading


def is_settings(name: str) -> bool:
    """Tell whether a file's name may be the settings file's, as it is or as a computer changed it."""
    return _NAME.fullmatch(name.lower()) is not None


def order_of(name: str) -> str:
    """Return ``pause`` or ``wipe`` for a file that asks for it, else an empty text."""
    found = _ORDER.fullmatch(name.lower())
    return found["word"] if found else ""


def choose(candidates: Sequence[Candidate]) -> tuple[Candidate | None, tuple[Finding, ...]]:
    """Return the file to go by: the one that is filled in, then the one with the right name, then the newest."""
    notes = Notes()
    if not candidates:
        mend = "copy the file you were given onto the card again"
        notes.wrong(CardProblem.NO_FILE, 0, "there is no settings file on the card", mend)
        return None, tuple(notes.found)
    chosen = max(candidates, key=lambda one: (_filled(one), _right(one), one.modified, one.name))
    if not _right(chosen):
        what = f"the settings file's name ends in {_ending(chosen)}"
        notes.mended(CardProblem.OTHER_NAME, 0, what, "read; better give it the name back that it came with")
    if others := sorted(_ending(one) for one in candidates if one is not chosen):
        what = f"more than one settings file; the others end in {', '.join(others[:4])}"
        notes.ignored(
            CardProblem.SEVERAL_FILES, 0, what, f"the one ending in {_ending(chosen)} is used; remove the others"
        )
    return chosen, tuple(notes.found)


def _ending(candidate: Candidate) -> str:
    """Return what tells a name from the others, without the word that they share: the status shall not say it."""
    _, _, ending = candidate.name.lower().partition(_STEM)
    return f'"{ending or candidate.name[6:]}"'


def _right(candidate: Candidate) -> bool:
    return candidate.name.lower() == SETTINGS_FILE


def _filled(candidate: Candidate) -> int:
    """Tell how much a file is filled in: the image's own empty one must not hide the operator's."""
    settings = candidate.reading.settings
    return 0 if settings is None else 1 + bool(settings.enrol) + bool(settings.token)
