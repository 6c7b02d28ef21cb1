"""The file that is meant is found among the names that computers make of it."""

from __future__ import annotations

import pytest

from balise_agent.provisioning.card.choice import Candidate, choose, is_settings, order_of
from balise_agent.provisioning.card.reading import read

BLANK = read(b'enrol = ""\ntoken = ""\ncountry = ""\n')
FILLED = read(b'enrol = "https://192.0.2.1"\ncountry = "PK"\n')
SPOILT = read(b"\0\0\0\0")


@pytest.mark.parametrize(
    "name",
    [
        "balise.toml",
        "BALISE.TOM",
        "Balise.TOML",
        "balise.toml.txt",
        "balise.txt",
        "balise (1).toml",
        "balise - Copy.toml",
        "balise copy 2.toml",
        "Copy of balise.toml",
        "BALISE~1.TOM",
        "balise.toml.txt.txt",
        "balise",
        "balise.new",
    ],
)
def test_names_that_computers_make_are_settings(name: str) -> None:
    """Windows hides endings and shortens names, people copy, and a power cut leaves a draft."""
    assert is_settings(name)


@pytest.mark.parametrize(
    "name", ["._balise.toml", "balise-status.txt", ".balise.toml.swp", "config.txt", "balise.toml~", "balise.dtb", ""]
)
def test_other_names_are_not(name: str) -> None:
    """A Mac's shadow file, our own status, an editor's rest and the firmware's files are left alone."""
    assert not is_settings(name)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("pause", "pause"),
        ("PAUSE.TXT", "pause"),
        ("pause.txt.txt", "pause"),
        ("Wipe.txt", "wipe"),
        ("wipe", "wipe"),
        ("pause (1).txt", "pause"),
        ("wiped.txt", ""),
        ("do not wipe.txt", ""),
        ("wipe.bin", ""),
        ("pauses", ""),
    ],
)
def test_an_order_is_one_word(name: str, order: str) -> None:
    """With or without the ending that Windows hides; anything else is somebody's file."""
    assert order_of(name) == order


@pytest.mark.parametrize(
    ("files", "used", "told"),
    [
        ({"balise.toml": FILLED}, "balise.toml", ()),
        ({"balise.toml.txt": FILLED}, "balise.toml.txt", ('ends in ".toml.txt"',)),
        ({"balise.toml": BLANK, "balise.toml.txt": FILLED}, "balise.toml.txt", ("ends in", "more than one")),
        ({"balise.toml": FILLED, "balise (1).toml": FILLED}, "balise.toml", ('others end in " (1).toml"',)),
        ({"balise.toml": SPOILT, "balise.new": FILLED}, "balise.new", ("ends in", "more than one")),
        ({"balise copy.toml": FILLED, "balise (1).toml": FILLED}, "balise copy.toml", ("ends in", "more than one")),
        ({}, None, ("no settings file",)),
    ],
)
def test_the_filled_file_with_the_right_name_is_used(
    files: dict[str, object], used: str | None, told: tuple[str, ...]
) -> None:
    """The image's empty file must not hide the one the operator saved beside it; what is not used is told."""
    names = sorted(files, reverse=True)
    found = [Candidate(name, 1000.0 - at, files[name]) for at, name in enumerate(names)]  # type: ignore[arg-type]
    chosen, findings = choose(found)
    assert (chosen.name if chosen else None) == used
    assert len(findings) == len(told)
    for piece, finding in zip(told, findings, strict=True):
        assert piece in str(finding)
