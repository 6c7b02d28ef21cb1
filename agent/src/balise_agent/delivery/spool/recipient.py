"""For whom this probe boxes what it keeps: the newest word that the collector signed. Pure.

Lives here: which of two words counts, and the line of text that carries it to the next start. Must not live here: boxes
(wire), the spool that they lie in, or where a word was read.

The word can be taken back: a collector that was put back to an older program says in a newer, signed message that it
opens no boxes, and results must go on reaching it. Nobody but the collector can say so: an older message, which a
broker may have kept, counts for nothing.
"""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipient:
    """What a collector said of its boxes."""

    collector: str = ""
    """Its signing key, 64 hex digits: another collector's word says nothing of this one."""
    signed_at: float = 0.0
    """UNIX seconds on its clock when it said so."""
    key: str = ""
    """The X25519 key to box for, 64 hex digits; empty: it opens no boxes, or never said."""

    def told(self, collector: str, signed_at: float, key: str) -> "Recipient":
        """Return what counts after another word was heard.

        Args:
            collector: the signing key of the collector in force.
            signed_at: when it signed the message.
            key: what the message says; empty where it says nothing.
        """
        if collector == self.collector and signed_at < self.signed_at:
            return self
        return Recipient(collector, signed_at, key)

    def line(self) -> str:
        """Return one line of text, with a check: a damaged one must not box for a key that nobody has."""
        words = f"{self.collector} {self.signed_at!r} {self.key or '-'}"
        return f"{words} {_check(words)}"


def read(line: str, collector: str) -> Recipient:
    """Return what a line says of this collector; nothing where it is damaged, or of another one."""
    words, _, check = line.rpartition(" ")
    fields = words.split(" ")
    if len(fields) != 3 or check != _check(words) or fields[0] != collector:
        return Recipient(collector)
    try:
        signed_at = float(fields[1])
    except ValueError:
        return Recipient(collector)
    return Recipient(collector, signed_at, "" if fields[2] == "-" else fields[2])


def _check(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:16]
