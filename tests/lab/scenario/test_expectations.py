"""Reading what a run must end with."""

from balise_lab.scenario.load import parse
from tests.lab.scenario.examples import WHOLE, with_timeline


def test_an_expectation_may_name_a_whole_provider() -> None:
    """``probe: city-net`` stands for each of its probes, ``refde`` for the references there."""
    text = WHOLE.replace("probe: asn64501p1", "probe: [city-net, refde, asn64501-2]")
    expect = parse(text).expect
    assert expect is not None
    assert expect.verdicts[0].probes == ("citynetp1", "citynetp2", "refde1", "refde2", "asn64501p2")


def test_no_expectation_is_no_error() -> None:
    """A scenario may just be played."""
    assert parse(with_timeline("{at: 22:00, start: {kind: isp.shutdown, where: asn64501}}")).expect is None
