"""What one measurement of ``throughput`` shows: the ratio of each direction, how it is held down, what froze. Pure.

Must not live here: what follows from the facts (rules.py), the interval's arithmetic (ratio.py).
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from balise_collector.experiments.throughput.ratio import Ratio, ratio_of
from balise_collector.judge.context import Context
from balise_collector.judge.references import Seen
from balise_collector.judge.rules import Facts, common, spread_out
from balise_collector.judge.trials import began, ended, seen_of_target, trials_of
from balise_collector.judge.verdict import RateRatio
from balise_wire.experiments.throughput import ThroughputObservation, ratio
from balise_wire.measurement import Measurement
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, TransferDirection, TransferEnd

ENOUGH_PAIRS: Final = 4
THROTTLED: Final = 0.5
EXTREME: Final = 0.1
FINE: Final = 0.6
"""A subject of one pair, or of pairs that do not settle it, that has so much of its control's rate works."""
_SLOW_LINE: Final = 0.5
_WELCOME: Final = 400
"""HTTP statuses from which on another thing than the page moved."""
FREEZE_LEAST, FREEZE_MOST = 8_000, 64_000
"""TCP payload bytes after which transfers freeze (as in http)."""
_LOSSES: Final = 0.02
"""Share of segments behind holes that a policer leaves more than its control has (Flach et al. 2016, figure 5)."""
_LOSSIER: Final = 1.5
"""So many times a lossy line's own share, which a policer's comes on top of."""
_QUEUED: Final = 1.25
"""A round trip that a queue has made so many times as long as the control's: a far server's is never doubled by one."""
_LEAST_QUEUE: Final = 50.0
_QUEUE: Final = 6_000.0
"""Bytes, four segments: more wait in a shaper's queue. A sender that waits for its own timer (RFC 6298; 200 ms and
more) shows as long a round trip behind a policer, and has one or two on the way (measured at 100 kbit/s: 2,800 bytes at
most, against 8,400 and more behind a shaper)."""
_SUBJECTS: Final = frozenset({Arm.SUBJECT, Arm.NEUTRAL})


class Pair(NamedTuple):
    """Two transfers side by side."""

    control: ThroughputObservation
    subject: ThroughputObservation

    @property
    def ratio(self) -> float | None:
        """Subject over control (`balise_wire.experiments.throughput.ratio`); ``None`` where either tells no rate."""
        served = _served(self.subject)
        held = served is None and self.subject.end in {TransferEnd.FROZEN, TransferEnd.TIME}
        return ratio(self.control, self.subject) if _served(self.control) and (served or held) else None

    @property
    def by_flights(self) -> bool:
        """Whether its ratio is that of the rates within flights, since slow start took all of the control."""
        return self.control.settled is False and None not in {self.control.train_kbps, self.subject.train_kbps}

    @property
    def waited_ms(self) -> float | None:
        """Milliseconds by which the subject's round trip is longer where it holds a queue that the control's does not.

        ``None`` elsewhere, and where a kernel did not say.
        """
        ours, theirs = self.subject.rtt_ms, self.control.rtt_ms
        if ours is None or theirs is None or ours < _QUEUED * theirs or ours - theirs < _LEAST_QUEUE:
            return None
        return ours - theirs

    @property
    def waiting(self) -> float:
        """Bytes that come in the time that the subject waited longer: so many stood before it (Little 1961)."""
        return (self.waited_ms or 0.0) * (self.subject.told_kbps or 0.0) / 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputFacts(Facts):
    """What one measurement of ``throughput`` shows."""

    direction: TransferDirection
    """The one that is told: downloads that freeze, else the slower of two."""
    ratio: Ratio | None
    """``None`` where no pair tells both rates."""
    slowed: bool
    """Four pairs, all but at most one of them below half, every subject settled, and the interval's upper end below."""
    extreme: bool
    """The upper end is below a tenth."""
    held: Mechanism
    """How it is held down."""
    fine: bool
    """Nothing speaks against the subject's rate."""
    frozen: bool
    """Every transfer of the subject stopped after some kilobytes."""
    all_frozen: bool
    """Those of its controls on the same address did, too."""
    elsewhere_whole: bool
    """A transfer from another hoster went past the place at which those of this one stop."""
    below: bool
    """No transfer of the subject, or none of its control, began: the layers below tell."""
    unequal: bool
    """The two were no answers of one kind: an error's page moves otherwise than a picture."""
    slow_line: bool
    """The control itself had less than half of what this line usually has."""
    baseline: bool
    """It is known what this line usually has."""
    awaits_references: bool
    """Fewer than two references have spoken of these minutes, and more are expected to."""
    references: Seen
    """What references saw of the target meanwhile, by the same experiment."""


def _served(trial: ThroughputObservation) -> bool | None:
    """Tell whether what moved was what was asked for; an upload has no status until its end.

    ``None`` where that is not known: of an answer that is held down hard, its first record does not come to an end.
    """
    if trial.direction is TransferDirection.UP:
        return True
    return None if trial.status is None else trial.status < _WELCOME


def pairs_of(trials: Sequence[ThroughputObservation]) -> list[Pair]:
    """Return neighbouring trials of one direction that are control and subject, whichever came first."""
    found, left = [], None
    for one in trials:
        if left is not None and (left.arm in _SUBJECTS) != (one.arm in _SUBJECTS):
            control, subject = (left, one) if one.arm in _SUBJECTS else (one, left)
            found.append(Pair(control, subject))
            left = None
        else:
            left = one
    return found


def facts(measurement: Measurement, context: Context) -> ThroughputFacts:
    """Gather what the rules ask from one measurement."""
    trials = trials_of(measurement, ThroughputObservation)
    own = [trial for trial in trials if not trial.carried]
    both = [
        _direction([t for t in own if t.direction is way]) for way in (TransferDirection.DOWN, TransferDirection.UP)
    ]
    frozen = _frozen([t for t in trials if t.arm in _SUBJECTS and t.direction is TransferDirection.DOWN])
    told = min((one for one in both if one is not None), key=lambda one: (not one.slowed, one.rank), default=None)
    told = (both[0] if frozen else told) or _Direction(TransferDirection.DOWN, ())
    subjects = [p.subject for p in told.pairs]
    slow = [t for t in trials if t.arm in _SUBJECTS and t.direction is told.way and (t.carried or told.slowed)]
    since, until = began(slow or subjects, measurement), ended(slow or subjects, measurement)
    seen = seen_of_target(measurement, context, since, until)
    beside = [p.control for p in told.pairs]
    all_frozen = frozen and all(t.end is TransferEnd.FROZEN for t in beside)
    fine = told.fine and not frozen
    others = [t for t in own if t.arm in {Arm.NEUTRAL_CONTROL, Arm.SIBLING}]
    return ThroughputFacts(
        **common(
            measurement,
            context,
            failed=bool(subjects) and not fine,
            passed=fine and all(one is None or one.fine for one in both),
            failing=(since, until),
            silent=any(t.end is TransferEnd.FROZEN for t in subjects),
        ),
        rate=told.told,
        direction=told.way,
        ratio=told.ratio,
        slowed=told.slowed,
        extreme=told.slowed and told.ratio is not None and told.ratio.high < EXTREME,
        held=told.held,
        fine=fine,
        frozen=frozen,
        all_frozen=all_frozen,
        elsewhere_whole=any(t.moved_bytes > FREEZE_MOST // 2 for t in others if t.failure is None),
        below=not any(t.moved_bytes for t in subjects) or not any(t.moved_bytes for t in beside),
        unequal=any(_served(t) is False for t in subjects)
        or any(not _served(t) for t in beside if t.moved_bytes and not (all_frozen and t.status is None)),
        slow_line=told.slow_line is True,
        baseline=told.slow_line is not None,
        awaits_references=seen.expected and seen.word.too_few and not seen.answered,
        references=seen,
    )


class _Direction:
    """What the pairs of one direction say."""

    def __init__(self, way: TransferDirection, trials: Sequence[ThroughputObservation]) -> None:
        self.way = way
        self.pairs = pairs_of(trials)
        valid = [(pair, one) for pair in self.pairs if (one := pair.ratio) is not None]
        self.ratio = ratio_of([one for _, one in valid])
        few = sum(one < THROTTLED for _, one in valid) >= len(valid) - 1
        sure = all(pair.subject.is_sure for pair, _ in valid)
        enough = len(valid) >= ENOUGH_PAIRS
        self.held = _held([pair for pair, _ in valid])
        # Random loss draws a flow's flights out as a throttle does, and spares a control now and then.
        chance = self.held is Mechanism.RATE_LIMIT and any(p.by_flights and p.subject.lost for p, _ in valid)
        below = self.ratio is not None and self.ratio.high < THROTTLED
        self.slowed = enough and few and sure and below and not chance
        self.fine = self._is_fine(enough=enough)
        self.rank = self.ratio.ratio if self.ratio is not None else 1.0
        self.told = self._told([pair for pair, _ in valid])
        self.slow_line = self._is_slow_line()

    def _is_fine(self, *, enough: bool) -> bool:
        """Tell whether the subject is as fast as it should be."""
        if self.ratio is None or self.slowed:
            return False
        if not enough:
            return self.ratio.ratio >= FINE
        return self.ratio.low >= THROTTLED or (self.ratio.ratio >= FINE and self.ratio.high >= 1.0)

    def _told(self, pairs: Sequence[Pair]) -> RateRatio | None:
        if self.ratio is None:
            return None
        subject = _let_through(pairs)
        control = statistics.median(pair.control.told_kbps or 0.0 for pair in pairs)
        interval = self.ratio.pairs > 1
        return RateRatio(
            ratio=round(self.ratio.ratio, 4),
            low=round(self.ratio.low, 4) if interval else None,
            high=round(self.ratio.high, 4) if interval else None,
            kbps=round(subject, 1),
            control_kbps=round(control, 1),
            pairs=self.ratio.pairs,
            up=self.way is TransferDirection.UP,
        )

    def _is_slow_line(self) -> bool | None:
        """Tell whether the controls have less than half of the line's usual rate; ``None`` where that is not known."""
        usual = next((p.control.line_kbps for p in self.pairs if p.control.line_kbps is not None), None)
        rates = [p.control.goodput_kbps for p in self.pairs if p.control.goodput_kbps is not None]
        if usual is None or not rates or self.way is TransferDirection.UP:
            return None
        return statistics.median(rates) < _SLOW_LINE * usual


def _direction(trials: Sequence[ThroughputObservation]) -> _Direction | None:
    return _Direction(trials[0].direction, trials) if trials else None


def _let_through(pairs: Sequence[Pair]) -> float:
    """Return the rate that is let through, kilobits a second: the middle of the subjects', or the fastest.

    What a line loses at random slows some flows below what a box lets through (Mathis et al. 1997), and none beyond it.
    Where the controls lose nothing, a full bucket may have made one of them faster.
    """
    told = [pair.subject.told_kbps or 0.0 for pair in pairs]
    return max(told) if any(pair.control.lost for pair in pairs) else statistics.median(told)


def _frozen(subjects: Sequence[ThroughputObservation]) -> bool:
    """Tell whether every transfer of the subject stopped after some kilobytes, at more than one time."""
    stopped = [t for t in subjects if t.end is TransferEnd.FROZEN and FREEZE_LEAST <= t.moved_bytes <= FREEZE_MOST]
    return len(stopped) == len(subjects) >= ENOUGH_PAIRS - 1 and spread_out([t.at for t in stopped])


def _held(pairs: Sequence[Pair]) -> Mechanism:
    """Tell a policer, which drops, from a shaper, which lets wait (Flach et al. 2016); both beside the control's line.

    What both sides suffer alike is the line's. A shaper drops, too, where its queue is full: in some transfers, while
    others fill the queue and lose nothing. A policer lets nothing wait, and takes something from whatever it holds.
    """
    theirs = _loss([p.control for p in pairs]) or 0.0
    waited = [p for p in pairs if p.waited_ms is not None]
    if not _is_policed(_loss([p.subject for p in pairs]), theirs):
        return Mechanism.RATE_SHAPE if len(waited) > len(pairs) // 2 else Mechanism.RATE_LIMIT
    spared = [p for p in waited if p.waiting >= _QUEUE and not _is_policed(_loss([p.subject]), theirs)]
    if not spared:
        return Mechanism.RATE_POLICE
    return Mechanism.RATE_SHAPE if 2 * len(spared) >= len(pairs) else Mechanism.RATE_LIMIT


def _is_policed(ours: float | None, theirs: float) -> bool:
    """Tell whether more was lost than the line's own share by as much as a policer takes."""
    return ours is not None and ours - theirs >= _LOSSES and ours > _LOSSIER * theirs


def _loss(trials: Sequence[ThroughputObservation]) -> float | None:
    """Return the share of segments that were lost; ``None`` where no kernel counted."""
    counted = [(one.lost, one.segments) for one in trials if one.lost is not None and one.segments]
    return sum(lost for lost, _ in counted) / sum(sent for _, sent in counted) if counted else None
