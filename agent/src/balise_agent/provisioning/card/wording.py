"""The words of the status file: what a person with any laptop reads. Neutral: no product, no purpose, no address.

Lives here: its text, with Windows line ends. Must not live here: what the box does about it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from balise_agent.provisioning.card.findings import Finding, Severity
from balise_agent.provisioning.card.merge import Merged

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


def settings_part(findings: Sequence[Finding]) -> str:
    """Return what is to be said about the settings file, by severity, then by line."""
    if not findings:
        return "Settings file: everything was understood."
    parts = ["Settings file:"]
    for severity, heading in _HEADINGS:
        some = [finding for finding in findings if finding.severity is severity]
        parts += [f"  {heading}:"] * bool(some)
        parts += [f"    {finding}" for finding in some]
    return "\n".join(parts)


def starting_part(merged: Merged, *, paused: bool) -> str:
    """Return the first words after a start, before the box has tried anything."""
    if not merged.consented:
        return "Waiting: the agreement is missing or not complete, so the box does nothing and its network stays off."
    if not merged.complete:
        return "Waiting: the settings are not complete."
    if paused:
        return PAUSED
    return "Starting. Leave the card in for some minutes, then look again."


def failures_part(failures: Sequence[str]) -> list[str]:
    """Return what could not be written, with the mend."""
    mend = "If this stays after a restart, the card is worn out or full: use a new one."
    return [*(f"Trouble: {failure}." for failure in failures), *([mend] if failures else [])]


def whole(state: str, settings: str, *, at: float | None = None) -> str:
    """Return the whole file; ``at`` is UNIX seconds where the state does not say itself when it was written."""
    written = "" if at is None else f", written {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC by its own clock"
    parts = [f"Status of this box{written}", state.strip(), settings.strip()]
    return "\r\n".join("\n\n".join(filter(None, parts)).splitlines()) + "\r\n"
