"""The traits of throughput and what it costs, held against its plan and its document."""

from __future__ import annotations

import msgspec
import pytest

from balise_wire.assignment import Target
from balise_wire.experiments import cost
from balise_wire.experiments.throughput import TRAITS, ThroughputObservation, ThroughputParameters, ratio, spent
from balise_wire.experiments.traits import RunShape
from balise_wire.words import Arm, Design, Experiment, TargetRole, TransferEnd

TARGET = Target(id="s/web/h/4", service="s", role=TargetRole.WEB, host="h", addresses=("192.0.2.1",))


@pytest.mark.parametrize(
    ("design", "helpers", "size"),
    [
        (Design.SENTINEL, 0, 252_268),
        (Design.SENTINEL, 1, 432_444),
        (Design.PAIRED, 0, 648_712),
        (Design.PAIRED, 1, 1_009_064),
    ],
)
def test_what_a_run_costs(design: Design, helpers: int, size: int) -> None:
    """docs/experiments/throughput.md states these bytes."""
    assert cost(Experiment.THROUGHPUT, RunShape(target=TARGET, design=design, controls=helpers)) == size


def test_a_sample_is_bounded() -> None:
    """mission.md S22: at most 200 KB."""
    assert not TARGET.saying(ThroughputParameters(sample_bytes=204_800)).complaint()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"sample_bytes": 204_801}, ThroughputParameters)
    assert spent(204_800) < 240_000


def test_it_runs_alone_and_in_its_turn() -> None:
    """A rate is measured while nothing else moves; it costs too much for every interval."""
    assert (TRAITS.exclusive, TRAITS.heavy, TRAITS.cadence) == (True, True, "throughput_every")


def test_where_it_asks() -> None:
    """The consent manifest names this port."""
    assert TARGET.port_of(Experiment.THROUGHPUT) == 443


def download(
    kbps: float | None, *, moved: int = 49_152, end: TransferEnd = TransferEnd.ENOUGH
) -> ThroughputObservation:
    """One download at a rate."""
    return ThroughputObservation(
        arm=Arm.SUBJECT, at=0.0, address="192.0.2.1", port=443, name="h", moved_bytes=moved, goodput_kbps=kbps, end=end
    )


def test_what_a_board_read_late_is_no_rate() -> None:
    """Bytes that lie in its buffer come at once: two that moved in ten milliseconds are alike, a slow one is not."""
    assert ratio(download(3_900_000.0), download(188_000.0)) == 1.0
    assert ratio(download(3_900_000.0, moved=65_536), download(188_000.0, moved=16_384)) == 1.0
    assert ratio(download(3_900_000.0), download(400.0)) == pytest.approx(0.01, rel=0.02)
    assert ratio(download(5_000.0), download(2_000.0)) == pytest.approx(0.4)


def test_a_download_that_ran_out_of_time_is_slow() -> None:
    """Of less than a first flight in ten seconds the most is known; of one that ended otherwise nothing is."""
    assert ratio(download(5_000.0), download(None, moved=2_896, end=TransferEnd.TIME)) == pytest.approx(9.6 / 5_000)
    assert ratio(download(5_000.0), download(None, moved=2_896, end=TransferEnd.WHOLE)) is None


def unsettled(kbps: float, train: float | None, *, settled: bool = False) -> ThroughputObservation:
    """One that slow start took all of, with the rate within its flights."""
    return msgspec.structs.replace(download(kbps), settled=settled, train_kbps=train)


@pytest.mark.parametrize(
    ("control", "subject", "found"),
    [
        (unsettled(700.0, 9_000.0), unsettled(550.0, 900.0), 0.1),
        (unsettled(700.0, 9_000.0), unsettled(650.0, 9_000.0), 1.0),
        (unsettled(700.0, 9_000.0), unsettled(140.0, 9_000.0, settled=True), 0.2),
        (unsettled(700.0, 9_000.0), unsettled(140.0, None), 0.2),
        (unsettled(700.0, None), unsettled(350.0, 900.0), 0.5),
        (unsettled(500.0, 9_000.0, settled=True), unsettled(500.0, 900.0, settled=True), 1.0),
    ],
    ids=["narrow", "alike", "slower in all", "no flights", "no flights of the control's", "both settled"],
)
def test_flights_count_where_slow_start_took_the_control(
    control: ThroughputObservation, subject: ThroughputObservation, found: float
) -> None:
    """Both sides have the round trip's rate then, whatever the link's."""
    assert ratio(control, subject) == pytest.approx(found)


def test_the_rate_that_is_told_is_the_links() -> None:
    """Behind slow start, or within flights; else it is a lower bound, and says so."""
    assert (unsettled(550.0, 900.0).told_kbps, unsettled(550.0, 900.0).is_sure) == (900.0, True)
    assert (unsettled(550.0, 900.0, settled=True).told_kbps, unsettled(550.0, None).is_sure) == (550.0, False)
