"""The words of the status file: what a person with any laptop reads. Neutral: no product, no purpose, no address.

Lives here: its text, with Windows line ends. Must not live here: what the box does about it.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from balise_agent.card.findings import Finding, Severity
from balise_agent.card.merge import Merged

_HEADINGS: Final = (
    (Severity.WRONG, "Please change"),
    (Severity.MENDED, "Read anyway, nothing to do"),
    (Severity.IGNORED, "Left out"),
)
PAUSED: Final = "Paused: there is a file named pause on the card. Take it away to go on."
WIPED: Final = (
    "This box was wiped: its key, its results and the secrets in the settings file are gone. It does nothing, and it\n"
    "stays so until somebody writes a new token into the settings file."
)


def settings_part(name: str, findings: Sequence[Finding]) -> str:
    """Return what is to be said about the settings file, by severity, then by line."""
    if not findings:
        return f"Settings file {name}: everything was understood."
    parts = [f"Settings file {name}:" if name else "Settings file:"]
    for severity, heading in _HEADINGS:
        some = [finding for finding in findings if finding.severity is severity]
        parts += [f"  {heading}:"] * bool(some)
        parts += [f"    {finding}" for finding in some]
    return "\n".join(parts)


def starting_part(merged: Merged, *, paused: bool) -> str:
    """Return the first words after a start, before the box has tried anything."""
    if not merged.consented:
        return "Waiting: nobody has agreed yet, so the box does nothing and its network stays off."
    if not merged.complete:
        return "Waiting: the settings are not complete."
    if paused:
        return PAUSED
    return "Starting. Leave the card in for some minutes, then look again."


def whole(at: float, state: str, settings: str) -> str:
    """Return the whole file; ``at`` is UNIX seconds on the box's clock, which may still be wrong."""
    written = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
    text = f"Status, written {written} UTC by the clock of this box\n\n{state.strip()}\n\n{settings.strip()}\n"
    return "\r\n".join(text.splitlines()) + "\r\n"


def differs(old: str, new: str) -> bool:
    """Tell whether two status files say different things; other numbers (times, counts) are the same thing."""
    return re.sub(r"\d+", "0", old) != re.sub(r"\d+", "0", new)
