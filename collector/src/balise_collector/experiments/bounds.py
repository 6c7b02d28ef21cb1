"""What numbers and texts of an observation can be: ranges, shapes and lengths by the field's name. Pure and total.

Lives here: the kinds of checks, and the record in which an experiment states its own (experiments/<x>/intake.py). A
field that nobody names has the bounds of its type, so that a field which is added to the wire is bounded on the day it
is added. What the network wrote (titles, certificates, headers) is bounded in length and otherwise free: a page that
could make a measurement unbelievable could mute the probe that saw it. Must not live here: the walk over a measurement,
and the bounds of what all experiments share (intake/believable.py).
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from balise_wire.experiments.traits import Transport

MS: Final = (-1e9, 1e9)
"""Milliseconds: eleven days. A clock that was set between two looks makes an ordinary duration negative."""
BYTE: Final = (0, 255)
COUNT: Final = (0, 1_000_000)
BYTES: Final = (0, 2**40)

Check = Callable[[str], str]
"""Says what is wrong with a text; empty when nothing is."""


class Bounds(NamedTuple):
    """The bounds of some records' fields; a key is a field's name, or ``Kind.field`` where one kind differs."""

    numbers: Mapping[str, tuple[float, float]] = {}
    """Least and most."""
    texts: Mapping[str, Check] = {}
    items: Mapping[str, int] = {}
    """Most items of a list; the probe's scrubber lets less through."""


class Destination(NamedTuple):
    """Where a trial of the subject went, as far as the trial tells: it is held against the task (fleet/claims.py)."""

    name: str | None = ""
    """The name that was shown; ``None`` where there was none, empty where the probe struck it out or none belongs."""
    named: bool = False
    """Whether a name belongs to it."""
    address: str = ""
    port: int | None = None
    """``None`` where the port says nothing of the target."""
    transport: Transport = Transport.TCP

    def __str__(self) -> str:
        """Say it for the quarantine's reader."""
        place = f"{self.address!r} port {self.port}" if self.port is not None else ""
        if self.named:
            return f"{self.name!r} ({place})" if place else repr(self.name)
        return place or "?"


def long(most: int) -> Check:
    """Bound what the network wrote."""
    return lambda text: f"has {len(text)} characters, {most} are allowed" if len(text) > most else ""


def word(most: int) -> Check:
    """Bound what we or the operator named: no line breaks, no control characters, no code points that are none."""

    def check(text: str) -> str:
        if len(text) > most:
            return f"is longer than {most} characters"
        return "" if text.isprintable() else "holds characters that cannot be printed"

    return check


def shaped(pattern: str, what: str) -> Check:
    """Ask for a pattern; ``what`` says what is missing where it does not match."""
    shape = re.compile(pattern)
    return lambda text: "" if shape.fullmatch(text) else f"is {quoted(text)}, {what}"


def address(text: str) -> str:
    """Ask for an IP address, or nothing."""
    return "" if not text or _is_address(text) else f"is {quoted(text)}, no address"


def route(text: str) -> str:
    """A router's address leaves the probe as its prefix, or as the word for what is inside the home (scrub.py)."""
    if text in {"", "private"} or _is_address(text) or _is_prefix(text):
        return ""
    return f"is {quoted(text)}, no address and no prefix"


DIGEST: Final = shaped("[0-9a-f]{0,64}", "no digest in hex")

CERTIFICATE: Final = Bounds(
    numbers={"not_after": (-1e12, 1e12), "not_before": (-1e12, 1e12)},
    texts={"issuer": long(1100), "sha256": DIGEST, "spki_sha256": DIGEST, "subject": long(1100)},
)
"""Of a certificate, whichever experiment saw it."""


def quoted(value: object) -> str:
    """Quote what a stranger wrote, bounded and printable."""
    try:
        return repr(value)[:60]
    except ValueError:  # an integer of thousands of digits
        return f"{value:.6e}" if isinstance(value, float) else type(value).__name__


@lru_cache(maxsize=65_536)
def _is_address(text: str) -> bool:
    if len(text) > 45 or "%" in text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _is_prefix(text: str) -> bool:
    network, slash, length = text.partition("/")
    return bool(slash) and length.isascii() and length.isdigit() and len(length) <= 3 and _is_address(network)
