"""What one scalar means."""

from collections.abc import Callable

import pytest

from balise_lab.scenario import scalars
from balise_lab.scenario.load import parse
from tests.lab.scenario.examples import WHOLE, with_timeline


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("22:00", 7200),
        ("22:00:30", 7230),
        ("20:00", 0),
        ("19:59", 23 * 3600 + 59 * 60),
        ("01:30", 19800),
        ("+90m", 5400),
        ("+1h30m", 5400),
        ("+45s", 45),
        ("2020-05-18T01:30", 19800),
        ('"2020-05-18 01:30:15"', 19815),
    ],
)
def test_times_run_forward_from_the_start(written: str, seconds: float) -> None:
    """A time of day is its first occurrence at or after the start; the others say themselves when they are."""
    scenario = parse(with_timeline(f"{{at: {written}, start: {{kind: ip.drop, match: [zoom]}}}}"))
    assert scenario.timeline[0].at == seconds


def test_a_start_by_night_crosses_a_change_of_the_clock() -> None:
    """In a night in which the clocks go forward, 03:30 comes half an hour after 01:59, not an hour and a half."""
    text = WHOLE.replace("Asia/Karachi", "Europe/Paris").replace("2020-05-17T20:00", "2020-03-29T01:30")
    scenario = parse(text.split("timeline:")[0] + "timeline: [{at: 03:30, start: {kind: isp.shutdown}}]\n")
    assert scenario.timeline[0].at == 3600.0


@pytest.mark.parametrize(
    ("parse_text", "written", "value"),
    [
        (scalars.duration, "1h30m", 5400.0),
        (scalars.duration, "90", 90.0),
        (scalars.clock_error, "-45m", -2700.0),
        (scalars.clock_error, "+31d", 31 * 86_400.0),
        (scalars.milliseconds, "0.3s", 300.0),
        (scalars.percent, "5 %", 5.0),
        (scalars.number, "0.5", 0.5),
        (scalars.integer, "0x4242", 0x4242),
        (scalars.yes_no, "Off", False),
        (scalars.host, "Twitter.LAB.", "twitter.lab"),
        (scalars.asn, "AS64501", 64501),
    ],
)
def test_a_scalar_is_written_as_people_write_it(
    parse_text: Callable[[str], object], written: str, value: object
) -> None:
    """Units, signs and cases are taken as they come."""
    assert parse_text(written) == value


@pytest.mark.parametrize(
    ("parse_text", "written", "mend"),
    [
        (scalars.duration, "soon", "write 10m, 180s or 1h30m"),
        (scalars.clock_error, "2h", r"write \+2h"),
        (scalars.milliseconds, "-1", "write 300 or 300ms"),
        (scalars.percent, "101", "write 5 for five per cent"),
        (scalars.number, "many", "write one such as 130"),
        (scalars.integer, "1.5", "write one such as 3"),
        (scalars.whole(1, 9), "10", "from 1 to 9"),
        (scalars.yes_no, "maybe", "write yes or no"),
        (scalars.address, "::1", "such as 10.10.34.34"),
        (scalars.pattern, "*", "matches no name"),
    ],
)
def test_a_scalar_that_is_none_is_told_with_its_mend(
    parse_text: Callable[[str], object], written: str, mend: str
) -> None:
    """Every parser says what to write instead."""
    with pytest.raises(ValueError, match=mend):
        parse_text(written)
