"""A trial as data: three files in a folder of image/scenarios, read into frozen records.

`balise.toml` is what stands on the card ($enrol, $fingerprint and $token are filled in), `fault.toml` what happens,
`expect.toml` what must be so at the end. It thinks only, but for reading that folder. Must not live here: doing it.
"""

import tomllib
from enum import StrEnum
from pathlib import Path
from string import Template

import msgspec

from balise_image.recipe import RecipeError


class Do(StrEnum):
    """What a step may be."""

    ON = "on"
    """Switch on, with ``cable`` and ``clock``."""
    CUT = "cut"
    """Cut the power."""
    WAIT = "wait"
    """Until ``until`` is so, at most ``seconds``."""
    PASS = "pass"  # noqa: S105 - no password
    """Let ``seconds`` pass."""
    BROKER = "broker"
    """Stop the broker, or start it again (``up``)."""
    CABLE = "cable"
    """Pull the network cable, or put it back (``up``)."""
    PUT = "put"
    """Write ``file`` with ``text`` onto the card, in a laptop."""
    REMOVE = "remove"
    """Remove ``file`` from the card, in a laptop."""
    FILL = "fill"
    """Fill the data partition but for ``left`` KiB, in a laptop."""
    EMPTY = "empty"
    """Take away what ``fill`` put there."""


class Until(StrEnum):
    """What a step may wait for."""

    ENROLLED = "enrolled"
    MEASURED = "measured"
    """A measurement arrived that is newer than the last switching on, stop of the broker or pulled cable."""
    STATUS = "status"
    """The card's status file contains ``text``."""
    CONSOLE = "console"
    """The machine said ``text`` on its console since it was switched on."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that happens."""

    do: Do
    until: Until = Until.MEASURED
    seconds: float = 900.0
    cable: bool = True
    clock: str = "utc"
    up: bool = True
    file: str = ""
    text: str = ""
    left: int = 0


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must be so at the end."""

    enrolments: int = 1
    """Probes that the collector knows: a power cut must not make a second one of a board."""
    measured: bool = True
    """Whether anything was measured at all."""
    at_least: int = 0
    """Measurements, all told."""
    status: tuple[str, ...] = ()
    """Texts that the status file holds."""
    not_on_card: tuple[str, ...] = ()
    """Texts that no file on the boot partition may hold; $token and the like are filled in."""
    not_on_line: tuple[str, ...] = ()
    """Words that nothing on the line may hold, whatever their case; the chip's own address is always among them."""
    silent: bool = False
    """Whether not one packet may have left."""
    gone: tuple[str, ...] = ()
    """Files that the data partition may not have."""
    kept: tuple[str, ...] = ()
    """Files that it must have."""
    grown: bool = False
    """Whether the data partition reaches the end of the card."""


class Scenario(msgspec.Struct, frozen=True):
    """The three files."""

    name: str
    about: str
    settings: str
    steps: tuple[Step, ...]
    expectation: Expectation
    card_mib: int = 0


class _Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    about: str
    step: tuple[Step, ...]
    card_mib: int = 0
    """Size of the card; 0: no larger than the image."""


def read(folder: Path) -> Scenario:
    """Read one scenario (RecipeError names the file and what is wrong)."""
    try:
        fault = msgspec.convert(tomllib.loads((folder / "fault.toml").read_text(encoding="utf-8")), _Fault)
        expected = msgspec.convert(tomllib.loads((folder / "expect.toml").read_text(encoding="utf-8")), Expectation)
        settings = (folder / "balise.toml").read_bytes().decode()
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"scenario {folder.name}: {error}") from None
    return Scenario(folder.name, fault.about, settings, fault.step, expected, fault.card_mib)


def read_all(folder: Path) -> list[Scenario]:
    """Read every scenario, the happy path first."""
    found = [read(one) for one in sorted(folder.iterdir()) if one.is_dir()]
    return sorted(found, key=lambda one: (one.name != "happy-path", one.name))


def filled(text: str, values: dict[str, str]) -> str:
    """Fill in what the operator's command wrote; a $ that means nothing stays."""
    return Template(text).safe_substitute(values)
