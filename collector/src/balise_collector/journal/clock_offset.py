"""How far each probe's clock is from ours, and whether that is known: pure, with a memory of its own.

Lives here: the estimate from live messages, and what it says of a message that waited. Must not live here: clocks
(receive times are arguments), storage (the journal keeps what was decided with each batch, so that a replay decides
nothing anew).

Nobody's word on a clock is taken: "synchronised" says that some time server answered, and whoever holds the line can
be that server. A live message was sealed a moment before it arrived, or longer ago where the network held it back; it
never arrives before it was sealed. So receive minus send time is the clock's error plus a delay of zero or more, and
the least of several is nearest to the error (the minimum filter of NTP, RFC 5905 section 10). A single message that
comes late may be a slow clock or a slow network: its date is in doubt, and nothing is concluded from it.
"""

from collections import OrderedDict
from typing import Final

import msgspec

from balise_wire.envelope import Envelope
from balise_wire.words import ClockState

TRANSIT: Final = 60.0
"""Seconds between sealing and receipt that are ordinary: a batch waits for company and for the window."""
_APART: Final = 30.0
"""Seconds of the sender's clock between two messages that bear each other out: a stalled connection delivers all that
it held at once, and each with another delay."""
_DRIFT: Final = 200e-6
"""Seconds a second by which an estimate may age: a board's crystal (RFC 5905 appendix A, MAXFREQ is 500 ppm)."""
_RUNS: Final = 4
"""Runs of a probe's machine that are remembered: what was sealed before a power cut arrives after it."""
_MEMORY: Final = 30 * 86_400.0
"""Seconds for which a wrong clock is remembered: longer than a shutdown that people could wait out."""


class Dating(msgspec.Struct, frozen=True):
    """What is known of the clock that dated one message."""

    offset: float = 0.0
    """Seconds, probe's clock minus ours; 0 where they agree within ``TRANSIT``."""
    doubtful: bool = False
    """The message came late, and nothing says whether its clock or its way is to blame."""


RIGHT: Final = Dating()


class _Run(msgspec.Struct):
    """One run of a machine, or one stream of a probe that names no run."""

    least: float
    """Least receive time minus the sender's steady time: when the run began, on our clock, plus the least delay."""
    at: float
    """Receive time of the newest message."""
    first: float
    """The sender's steady time in its first message."""
    last: float
    count: int = 1
    other: float | None = None
    """A later difference that a step of the clock would explain, if a second message bears it out."""
    other_at: float = 0.0


class _Probe(msgspec.Struct):
    runs: OrderedDict[str, _Run] = msgspec.field(default_factory=OrderedDict)
    wrong_at: float | None = None
    """Receive time of the last message whose clock was wrong."""


class ProbeClocks:
    """The clocks of the fleet. Memory is bounded by its members: whoever asks knows them."""

    def __init__(self, *, laboratory: bool = False) -> None:
        """Begin with nothing known; in a ``laboratory`` one clock drives every program, and no message is dated."""
        self._laboratory = laboratory
        self._probes: dict[str, _Probe] = {}

    def date(self, envelope: Envelope, received_at: float) -> Dating:
        """Say by how much a verified message's times are off, and learn from it where it came live.

        Args:
            envelope: of an approved probe, verified.
            received_at: UNIX seconds, ours.
        """
        if self._laboratory and envelope.clock_state is ClockState.LABORATORY:
            return RIGHT
        probe = self._probes.setdefault(envelope.probe, _Probe())
        steady = envelope.uptime if envelope.boot else envelope.sent_at
        name = envelope.boot or f"stream {envelope.stream}"
        dating = (
            self._of_old(probe, probe.runs.get(name), envelope, steady, received_at)
            if envelope.historical
            else self._of_live(probe, name, envelope, steady, received_at)
        )
        if dating.offset:
            probe.wrong_at = received_at
        return dating

    def forget(self, probe: str) -> None:
        """Forget a probe that is no member any more."""
        self._probes.pop(probe, None)

    def _of_live(self, probe: _Probe, name: str, envelope: Envelope, steady: float, received_at: float) -> Dating:
        """Learn from a message that came as it was sealed."""
        sample = received_at - steady
        run = probe.runs.get(name)
        if run is None:
            run = probe.runs[name] = _Run(least=sample, at=received_at, first=steady, last=steady)
            while len(probe.runs) > _RUNS:
                probe.runs.popitem(last=False)
        elif not self._learn(run, sample, steady, received_at, steps=not envelope.boot):
            return Dating(0.0, doubtful=True)
        return _judged(envelope, envelope.sent_at - (run.least + steady), run)

    @staticmethod
    def _learn(run: _Run, sample: float, steady: float, received_at: float, *, steps: bool) -> bool:
        """Take one more message of a run into account; False where it may mean a step and nothing bears that out yet.

        Args:
            run: changed in place.
            sample: receive time minus the sender's time.
            steady: the sender's time: of its machine's run, or (``steps``) of a clock that may be stepped.
            received_at: UNIX seconds, ours.
            steps: whether the sender's time can jump.
        """
        aged = run.least + _DRIFT * max(0.0, received_at - run.at)
        if steps and sample > aged + TRANSIT:
            borne_out = run.other is not None and abs(sample - run.other) <= TRANSIT
            if not borne_out or abs(steady - run.other_at) < _APART:
                if not borne_out:
                    run.other, run.other_at = sample, steady
                return False
            run.least, run.first, run.last, run.count = sample, run.other_at, steady, 2
            run.at, run.other = received_at, None
            return True
        stepped = steps and sample < aged - TRANSIT
        run.least, run.at, run.other = min(aged, sample), received_at, None
        run.first, run.count = (steady, 1) if stepped else (min(run.first, steady), run.count + 1)
        run.last = steady if stepped else max(run.last, steady)
        return True

    @staticmethod
    def _of_old(probe: _Probe, run: _Run | None, envelope: Envelope, steady: float, received_at: float) -> Dating:
        """Date a message that waited: by its machine's run where that is known, else it is in doubt or believed."""
        if run is not None and envelope.boot:
            return _judged(envelope, envelope.sent_at - (run.least + steady), run)
        was_wrong = probe.wrong_at is not None and received_at - probe.wrong_at < _MEMORY
        return Dating(0.0, doubtful=was_wrong and envelope.checked is None)


def _judged(envelope: Envelope, offset: float, run: _Run) -> Dating:
    """Say what an apparent offset means."""
    if abs(offset) <= TRANSIT:
        return RIGHT
    if offset > 0.0 or not envelope.clock_state.vouched:
        # Sealed in our future: no delay explains that. And a clock for which nobody vouches has no word to weigh.
        return Dating(offset)
    if envelope.checked is not None and envelope.checked <= TRANSIT:
        return RIGHT  # our own signed answer bounds that clock: the way was slow, not the clock
    borne_out = run.count > 1 and run.last - run.first >= _APART
    return Dating(offset) if borne_out else Dating(0.0, doubtful=True)


def offset_of_older(envelope: Envelope, received_at: float) -> float:
    """Return the offset of a batch that was journalled before offsets were decided at receipt.

    Args:
        envelope: of the batch, verified.
        received_at: UNIX seconds, ours.
    """
    ahead = envelope.sent_at - received_at
    settled = envelope.historical or envelope.clock_state.vouched or abs(ahead) <= TRANSIT
    return 0.0 if settled else ahead
