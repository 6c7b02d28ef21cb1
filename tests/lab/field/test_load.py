"""Reading situations: whatever is wrong is told at once, with file, line and mend."""

from pathlib import Path

import pytest

from balise_lab.field import boards, network, table
from balise_lab.field.load import SituationError, load
from balise_lab.field.situation import Expect, Probes, Situation, Wanted, When
from balise_wire.words import Profile

LEAST = """\
- id: one
  title: a title
  probes: [PK 64501 x2 lean]
"""


def read(tmp_path: Path, text: str) -> list[Situation]:
    """What a file of this text holds."""
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_short_forms_and_times(tmp_path: Path) -> None:
    """Minutes, lengths with units and times of day in the country's zone are one thing: seconds from the start."""
    (one,) = read(
        tmp_path,
        LEAST
        + """\
  start: 2026-11-10T18:40:00Z
  lasts: 2 h
  events: [{kind: sni.drop, from: 00:00, to: 1d 03:15, duty: [90 s, 5], services: [twitter]}]
  expect: {incidents: [{kind: interference, onset: 20, end: {contains: 30, width: 10}}]}
""",
    )
    assert one.probes == (Probes(country="PK", provider=64501, count=2, profile=Profile.LEAN),)
    assert one.lasts == 7200.0
    event = one.events[0]
    assert (event.at, event.until, event.duty) == (1200.0, 12_900.0, (90.0, 300.0))
    assert event.extra == {"services": ["twitter"]}
    wanted = one.expect.incidents[0]
    assert wanted.onset == When(contains=1200.0)
    assert wanted.end == When(contains=1800.0, width=600.0)


def test_a_table_of_variants(tmp_path: Path) -> None:
    """Each row of ``for:`` is a situation of its own; a text that is one variable becomes what stands in the row."""
    found = read(
        tmp_path,
        """\
defaults: {lasts: 30, services: [zoom]}
situations:
  - id: v-$n
    title: with $n
    for: [{n: 1, who: [a1]}, {n: 2, who: [b1, b2]}]
    probes: [PK 64501 x$n]
    events: [{kind: power, probes: $who}]
""",
    )
    assert [(one.id, one.probes[0].count, one.events[0].probes, one.lasts) for one in found] == [
        ("v-1", 1, ("a1",), 1800.0),
        ("v-2", 2, ("b1", "b2"), 1800.0),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (LEAST + "  lasst: 3\n", 4, "did you mean lasts"),
        (LEAST + "  lasts: soon\n", 4, "minutes from the start"),
        ("- id: one\n  title: t\n  probes: [Pakistan]\n", 3, "PK 64501 x3 lean"),
        ("- id: one\n  title: t\n", 1, "probes is missing"),
        (LEAST + "  expect: {incidents: [{kind: blocked}]}\n", 4, "known here"),
        (LEAST + "  interval: 5\n", 4, ">= 60"),
        (LEAST + "  start: yesterday\n", 4, "2026-11-10"),
        (LEAST + LEAST, 4, "there twice"),
        ("- id: v-$n\n  title: t\n  for: [{m: 1}]\n  probes: [PK 64501]\n", 1, "not in the table"),
        ("- id: One!\n  title: t\n  probes: [PK 64501]\n", 1, "a-z"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_its_mend(tmp_path: Path, text: str, line: int, words: str) -> None:
    """An author who mistypes a key must not play something else than what was meant."""
    with pytest.raises(SituationError) as told:
        read(tmp_path, text)
    assert f"s.yaml:{line}:" in str(told.value)
    assert words in str(told.value)


def test_the_document_names_every_key_and_every_kind(repo_root: Path) -> None:
    """docs/field.md holds the tables as `balise-lab field --kinds` prints them, and a row for each key."""
    document = (repo_root / "docs" / "field.md").read_text(encoding="utf-8")
    assert table.kinds() in document
    for kind in (Situation, Probes, Expect, Wanted):
        for name in kind.__struct_fields__:
            assert f"`{name}`" in document, f"{kind.__name__}.{name}"
    assert not set(boards.KINDS) & set(network.KINDS)
