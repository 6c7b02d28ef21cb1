"""The program from its start to SIGTERM: a board that enrols, then a probe, anew where another enrolment is in force.

Lives here: what runs when, the lock on the state folder, and the signals. Must not live here: what a part is made of
(build.py), or what it does.
"""

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

from balise_agent.delivery.lookup import lookup_through
from balise_agent.measure.assignments import Notice
from balise_agent.net.resolvers import Resolvers
from balise_agent.provisioning.card import wiping
from balise_agent.provisioning.enrolment.attempts import Applicant
from balise_agent.provisioning.enrolment.files import FOLDER as ENROLMENT_FOLDER
from balise_agent.provisioning.enrolment.files import Files, Kept
from balise_agent.provisioning.enrolment.loop import EnrolmentLoop
from balise_agent.run.build import open_probe, reconnection_rng
from balise_agent.run.settle import Settled, with_enrolment, with_limits
from balise_agent.run.upkeep import CLOCK_FILE
from balise_agent.system import disk, hardware
from balise_agent.system.config import Config
from balise_agent.system.errors import DataError
from balise_agent.system.identity import Identity, load_or_create
from balise_agent.system.lifecycle import PAUSE_FILE
from balise_agent.system.lock import alone
from balise_agent.system.reactor import Reactor
from balise_agent.system.service import Service
from balise_agent.system.status_file import StatusFile
from balise_wire.enrolment import Enrolment
from balise_wire.status import EventKind

_WIPE_LOOKED_FOR_EVERY: Final = 1.0
"""Real seconds."""


def run(settled: Settled) -> None:
    """Be a probe until SIGTERM or Ctrl-C, and become one first where need be (LinkUnusable, ConfigError)."""
    state_dir = Path(settled.read.probe.state_dir)
    wiping.refuse(state_dir)
    identity = load_or_create(state_dir)
    reactor = Reactor(settled.clock)
    stop = _Stop()
    with contextlib.ExitStack() as stack:
        stack.callback(reactor.close)
        stack.enter_context(alone(state_dir))
        _end_for_a_wipe(state_dir, reactor, stop)
        for folder in (state_dir, state_dir / ENROLMENT_FOLDER):
            disk.sweep(folder)
        if settled.read.by_hand:
            _be_a_probe(settled, identity, reactor, stop)
            return
        news: tuple[Notice, ...] = ()
        while not stop.asked:
            kept = _kept(settled.read, identity)
            if kept.enrolment is not None:
                known = with_limits(with_enrolment(settled.read, kept.enrolment), settled.clock, settled.read)
                if not _be_a_probe(known, identity, reactor, stop, kept.enrolment, news):
                    return
                news = ()
            else:
                news = _until_enrolled(settled, kept.damaged, identity, reactor, stop)


def _end_for_a_wipe(state_dir: Path, reactor: Reactor, stop: "_Stop") -> None:
    """Look for the mark of a wipe, and let go of everything when it is there: the wipe waits for our lock."""
    if wiping.wanted(state_dir):
        stop.ask()
    else:
        reactor.after(_WIPE_LOOKED_FOR_EVERY, lambda: _end_for_a_wipe(state_dir, reactor, stop))


def _kept(config: Config, identity: Identity) -> Kept:
    """Return the enrolment on disk (DataError where its folder does not let us)."""
    files = Files(Path(config.probe.state_dir))
    try:
        return files.load(identity, config.enrolment.fingerprint)
    except OSError as error:
        raise DataError(f"{files.folder}: {error.strerror}; make it writable for the agent's user") from None


def _be_a_probe(
    settled: Settled,
    identity: Identity,
    reactor: Reactor,
    stop: "_Stop",
    enrolment: Enrolment | None = None,
    news: tuple[Notice, ...] = (),
) -> bool:
    """Be a probe; return whether to be one again at once, with another enrolment."""
    with open_probe(settled, identity, reactor, enrolment, news) as app:
        stop.ends(app.stop)
        app.run()
        return app.again


def _until_enrolled(
    settled: Settled, damaged: str, identity: Identity, reactor: Reactor, stop: "_Stop"
) -> tuple[Notice, ...]:
    """Return once enrolled, with the news of it, or once somebody stopped the program."""
    config, clock = settled.read, settled.clock
    state_dir = Path(config.probe.state_dir)
    loop = EnrolmentLoop(
        Applicant(
            config=config,
            identity=identity,
            files=Files(state_dir),
            reactor=reactor,
            clock=clock,
            lookup=lookup_through(Resolvers(config.network.resolvers).addresses),
            rng=reconnection_rng(identity),
            hardware=hardware.read().model,
        ),
        damaged=damaged,
        service=Service(),
        status=StatusFile(config.runtime_dir()),
        paused=(state_dir / PAUSE_FILE).exists,
    )
    stop.ends(loop.stop)
    if loop.run() is None:
        return ()
    clock.remember(state_dir / CLOCK_FILE)
    return (Notice(EventKind.ENROLLED, f"the certificate was made after {loop.attempts.visits} visits"),)


class _Stop:
    """SIGTERM, Ctrl-C and a wipe end whoever runs at the moment."""

    def __init__(self) -> None:
        self.asked = False
        self._whom: Callable[[], None] = lambda: None
        signal.signal(signal.SIGTERM, self._heard)
        signal.signal(signal.SIGINT, self._heard)

    def ends(self, whom: Callable[[], None]) -> None:
        """Name who is to be ended; at once, if the signal was earlier."""
        self._whom = whom
        if self.asked:
            whom()

    def ask(self) -> None:
        """End whoever runs, or whoever would."""
        self.asked = True
        self._whom()

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self.ask()
