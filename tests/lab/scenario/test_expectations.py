"""Reading what a run must end with."""

import pytest

from balise_lab.scenario.load import parse
from tests.lab.scenario.examples import WHOLE, errors, with_timeline


def test_an_expectation_may_name_a_whole_provider() -> None:
    """``probe: city-net`` stands for each of its probes, ``refde`` for the references there."""
    text = WHOLE.replace("probe: asn64501p1", "probe: [city-net, refde, asn64501-2]")
    expect = parse(text).expect
    assert expect is not None
    assert expect.verdicts[0].probes == ("citynetp1", "citynetp2", "refde1", "refde2", "asn64501p2")


def test_no_expectation_is_no_error() -> None:
    """A scenario may just be played."""
    assert parse(with_timeline("{at: 22:00, start: {kind: isp.shutdown, where: asn64501}}")).expect is None


@pytest.mark.parametrize(
    ("written", "read"),
    [("rate: 128", (128.0, 0.3)), ("rate: {kbps: 64, within: 15%}", (64.0, 0.15)), ("family: 6", None)],
)
def test_a_rate_is_expected_with_or_without_a_tolerance(written: str, read: tuple[float, float] | None) -> None:
    """Kilobits a second, and the share by which it may differ."""
    expect = parse(WHOLE.replace("locality: local", f"locality: local, {written}")).expect
    assert expect is not None
    assert expect.incidents[0].rate == read
    assert expect.incidents[0].family == ("" if read else "6")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("rate: 0", "is no rate; write kilobits a second, such as 128"),
        ("rate: {within: 15%}", "kbps is missing"),
        ("rate: {kbps: fast}", "'fast' is not a number"),
        ("rate: {kbps: 64, within: 150%}", "is outside 0 to 100"),
        ("family: 5", "'5' is not known"),
    ],
)
def test_a_rate_or_ip_version_that_cannot_be_is_refused(written: str, said: str) -> None:
    """With the mend."""
    assert any(said in line for line in errors(WHOLE.replace("locality: local", f"locality: local, {written}")))
