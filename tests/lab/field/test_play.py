"""A situation is played by the programs' own code, and told right or wrong."""

from dataclasses import replace

import msgspec
import pytest

from balise_collector.incidents import IncidentKind
from balise_lab.errors import ConfigError
from balise_lab.field import table
from balise_lab.field.expect import Way, judged
from balise_lab.field.play import Played, play
from balise_lab.field.situation import Event, Expect, Probes, Situation, Wanted, When

pytestmark = pytest.mark.slow

MINUTE = 60.0
BLOCK = Situation(
    id="block",
    title="hellos die",
    services=("twitter",),
    probes=(Probes(country="PK", provider=64501, count=3), Probes(country="PK", provider=64502)),
    lasts=80 * MINUTE,
    events=(Event(kind="sni.drop", at=30 * MINUTE, providers=(64501,), extra={"services": ["twitter"]}),),
    expect=Expect(
        incidents=(
            Wanted(
                kind=IncidentKind.INTERFERENCE,
                country="PK",
                services=("twitter",),
                mechanisms=("sni.drop",),
                affected=(64501,),
                onset=When(contains=30 * MINUTE, width=15 * MINUTE),
                opened_within=30 * MINUTE,
            ),
        )
    ),
)


def test_a_block_is_told_and_only_it() -> None:
    """The whole way from the shipped catalogue to the report, without a socket or a wait."""
    found = judged(play(BLOCK))
    assert found.way is Way.RIGHT, "\n".join(table.why(found))
    assert "Twitter" in found.played.text
    assert not found.played.centre.refused


def test_a_board_that_starts_again_delivers_what_it_measures_from_then_on() -> None:
    """Also where it was about to seal what it had recorded; every board is switched off at another moment."""
    boards = (Probes(country="PK", provider=64501, count=6),)
    offs = tuple(
        Event(kind=kind, at=(12 + n) * MINUTE + 17 * n, until=(15 + n) * MINUTE, probes=(f"pk64501n{n + 1}",))
        for n, kind in enumerate(("power", "power", "power", "reboot", "reboot", "reboot"))
    )
    quiet = msgspec.structs.replace(BLOCK, probes=boards, events=offs, lasts=40 * MINUTE, expect=Expect())
    found = judged(play(quiet))
    late = {one.probe for one in found.played.centre.verdicts if one.at > found.played.start + 30 * MINUTE}
    assert {f"pk64501n{n}" for n in range(1, 7)} <= late


def test_what_is_not_right_is_named_in_its_way() -> None:
    """Silent, false and late are three things; each says which expectation does not hold."""
    played = play(BLOCK)

    def way(**changes: object) -> Way:
        wanted = msgspec.structs.replace(BLOCK.expect.incidents[0], **changes)
        expect = msgspec.structs.replace(BLOCK.expect, incidents=(wanted,))
        return judged(held_against(played, expect)).way

    assert way(services=("zoom",)) is Way.FALSE  # what was said of Twitter is then said too much
    assert way(affected=(64501, 64502)) is Way.SILENT
    assert way(onset=When(contains=5 * MINUTE)) is Way.FALSE
    assert way(opened_within=1 * MINUTE) is Way.LATE
    assert way(kbps=1_000.0) is Way.SILENT  # a block has no rate
    assert judged(held_against(played, Expect())).way is Way.FALSE


def held_against(played: Played, expect: Expect) -> Played:
    """The same play, held against other expectations."""
    return replace(played, situation=msgspec.structs.replace(played.situation, expect=expect))


def test_a_situation_that_names_what_there_is_not_is_refused() -> None:
    """A mistyped service or probe would otherwise be a quiet day that is told right."""
    for event in (
        Event(kind="sni.dorp"),
        Event(kind="sni.drop", extra={"services": ["twiter"]}),
        Event(kind="power", probes=("nobody*",)),
        Event(kind="power", extra={"seconds": 3}),
    ):
        with pytest.raises(ConfigError):
            play(msgspec.structs.replace(BLOCK, events=(event,)))
