"""What each probe measures with, and whether its board ran on: versions and boots as they arrive. Pure.

Lives here: the newest versions of program and catalogue of each probe, and the last boots of its board. Must not live
here: what follows from either (incidents/hypotheses/).
"""

from collections.abc import Mapping
from typing import Final

import msgspec

_BOOTS: Final = 16
"""Boots remembered of one board: those of two weeks where electricity comes and goes."""


class Boot(msgspec.Struct):
    """One run of one board, as far as it was heard."""

    name: str
    first: float
    """UNIX seconds on the collector's clock of the oldest measurement of it."""
    last: float


class Instrument(msgspec.Struct):
    """One probe's."""

    software: str = ""
    catalogue: str = ""
    at: float = 0.0
    """UNIX seconds of the newest measurement that told the versions."""
    boots: list[Boot] = []


class Instruments:
    """Everybody's."""

    def __init__(self, held: Mapping[str, Instrument] | None = None) -> None:
        """Go on from what is remembered."""
        self._held: dict[str, Instrument] = dict(held or {})

    def note(self, probe: str, software: str, catalogue: str, boot: str, at: float) -> None:
        """Take in what one measurement tells; in any order.

        Args:
            probe: its id.
            software: version of the agent.
            catalogue: version of the catalogue.
            boot: name of the board's run; empty where the sender does not say.
            at: UNIX seconds on the collector's clock at which it was measured.
        """
        one = self._held.setdefault(probe, Instrument())
        if at >= one.at:
            one.software, one.catalogue, one.at = software, catalogue, at
        if not boot:
            return
        known = next((b for b in one.boots if b.name == boot), None)
        if known is not None:
            known.first, known.last = min(known.first, at), max(known.last, at)
            return
        one.boots = sorted([*one.boots, Boot(boot, at, at)], key=lambda b: b.first)[-_BOOTS:]

    def versions(self, probe: str) -> tuple[str, str]:
        """Return the versions of program and catalogue; empty for not known."""
        one = self._held.get(probe)
        return (one.software, one.catalogue) if one else ("", "")

    def ran_on(self, probe: str, since: float) -> bool | None:
        """Tell whether a board that went quiet at ``since`` (UNIX seconds) ran on; ``None`` while it is not known."""
        one = self._held.get(probe)
        before = next((b for b in reversed(one.boots) if b.first <= since), None) if one else None
        if one is None or before is None:
            return None
        if before.last > since:
            return True
        return False if any(b.first > since for b in one.boots) else None

    def memory(self) -> bytes:
        """Return what a restart needs."""
        return msgspec.json.encode(self._held)

    @classmethod
    def restored(cls, memory: bytes | None) -> "Instruments":
        """Go on from ``memory``; an earlier version kept none."""
        return cls(msgspec.json.decode(memory, type=dict[str, Instrument]) if memory else None)
