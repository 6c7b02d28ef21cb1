"""How long before its start a scenario's programs are started, and what a run does that was not ready in time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from balise_lab.run import runner
from balise_lab.run.progress import Progress
from balise_lab.run.runner import lead, warmed_up
from balise_lab.run.speed import slower
from balise_lab.scenario.load import parse
from balise_lab.scenario.schema import Scenario

HEAD = """\
name: x
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: {probes: 10}}
services: {twitter: {web: twitter.lab}}
"""


def test_a_late_first_entry_needs_no_lead() -> None:
    """Forty minutes before the first entry are enough for ten probes to enrol and to measure a baseline."""
    assert lead(parse(HEAD + "timeline: [{at: 22:10, start: {kind: isp.shutdown}}]\n")) == 0.0


def test_an_early_first_entry_gets_a_baseline() -> None:
    """What begins at the start must not begin before the first measurement: programs are up real seconds before."""
    text = HEAD + "timeline: [{at: +0m, start: {kind: isp.shutdown}}]\n"
    assert lead(parse(text)) == 33.0 * 60
    assert lead(parse(text + "clock: {scale: 10}\n")) == 900.0
    assert lead(slower(parse(text), 2.0)) == 33.0 * 60, "twice as many real seconds at half the speed"


@pytest.mark.parametrize(
    ("took", "scales", "notes"),
    [((0.9,), [60.0], 0), ((1.6, 0.9), [60.0, 25.0], 0), ((9.0, 1.2), [60.0, 15.0], 1)],
)
def test_who_was_not_ready_in_time_begins_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, took: tuple[float, ...], scales: list[float], notes: int
) -> None:
    """Once more and slower, in an empty folder, and with everything of before taken down; a second time with a note."""
    played: list[float] = []
    times, out, up = iter(took), io.StringIO(), [0]

    @contextmanager
    def staged(scenario: Scenario, folder: Path, **_: Any) -> Iterator[SimpleNamespace]:
        assert list(folder.iterdir()) == []
        assert up == [0]
        (folder / "journal").touch()
        played.append(scenario.scale)
        up[0] += 1
        yield SimpleNamespace(scenario=scenario, notes=[])
        up[0] -= 1

    monkeypatch.setattr(runner, "staged", staged)
    monkeypatch.setattr(runner, "warm_up", lambda _stage: next(times))
    scenario = parse(HEAD + "timeline: [{at: 22:10, start: {kind: isp.shutdown}}]\n")
    folder = tmp_path / "run"
    folder.mkdir()
    with warmed_up(scenario, folder, port=8_000, progress=Progress(scenario, out)) as stage:
        assert len(stage.notes) == notes
    assert played == pytest.approx(scales)
    assert up == [0]
    assert ("begins anew" in out.getvalue()) == (len(scales) > 1)
