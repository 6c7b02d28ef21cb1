"""The duties that keep a probe in order: disk, batches, notes for the next start, watchdog, status.

Lives here: each of them as one function of the parts. Must not live here: how often (app.py has the list), or what
follows for measuring.
"""

import logging
from pathlib import Path
from typing import Final

import msgspec

from balise_agent import __version__
from balise_agent.delivery.delivery_profile import delay_factor
from balise_agent.run import exit_traces, last_exit
from balise_agent.run.parts import Parts
from balise_agent.system import hardware
from balise_wire.status import EventKind

_log = logging.getLogger(__name__)

CLOCK_FILE: Final = "clock"
ADDRESSES: Final = "addresses"
"""The note of what was learned of addresses."""
_FACTOR_APART: Final = 10.0
"""How much longer a batch stays open while no broker listens: fewer, larger and better compressed ones to keep."""


class Upkeep:
    """The duties of one run of the program."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._started_at = parts.clock.monotonic()
        self._replies_seen = -1
        self._words = ""
        self._addresses_noted = ""

    def tell_start(self) -> None:
        """Tell that we run, why the last run ended, and what it warned of if that was no good end."""
        spool, warnings, root = self._parts.spool, self._parts.warnings, self._parts.root
        boot = hardware.boot_id(root)
        before, ended = spool.noted("boot"), bool(spool.noted("ended"))
        uptime = hardware.read(root).uptime_s
        traces = exit_traces.read(boot, before, ended=ended, uptime_s=uptime, root=root)
        anew, why = last_exit.story(traces)
        spool.note("boot", boot or before)
        spool.note("ended", "")
        if anew:
            self._parts.recorder.event(EventKind.REBOOT, why)
        if spool.lost:
            self._parts.recorder.tell_damage()
        told = f"balise-agent {__version__}, clock {self._parts.clock.state()}"
        self._parts.recorder.event(EventKind.STARTED, told if anew or not why else f"{told}; {why}")
        if before and not ended and warnings is not None:
            for line in warnings.before[-exit_traces.MOST_TOLD :]:
                self._parts.recorder.event(EventKind.STARTED, f"last warning before that: {line}")

    def look_at_the_disk(self) -> None:
        """Try a disk again that refused, and tell what damage has cost."""
        if self._parts.spool.disk_refuses:
            self._parts.spool.retry()
        self._parts.recorder.tell_damage()

    def seal_in_time(self) -> None:
        """Seal the open batch when it is full or something in it waited long enough."""
        up_seconds = self._parts.clock.monotonic() - self._started_at
        connected = self._parts.publisher.connected
        factor = delay_factor(self._parts.config, up_seconds) if connected else _FACTOR_APART
        if self._parts.spool.due(self._parts.clock.now(), delay_factor=factor):
            self._parts.recorder.seal()

    def remember(self) -> None:
        """Write down what must survive a power cut and may be a few minutes old."""
        self._parts.clock.remember(Path(self._parts.config.probe.state_dir) / CLOCK_FILE)
        self._parts.spool.note("bytes today", self._parts.egress.usage.account())
        addresses = self._parts.follower.kept.text()
        if addresses != self._addresses_noted:
            self._addresses_noted = addresses
            self._parts.spool.note(ADDRESSES, addresses)
        if self._parts.warnings is not None:
            self._parts.warnings.keep()

    def follow_networks(self) -> None:
        """Refuse and hide the network that the machine stands in *now*: it may have come up after us, or changed."""
        lan, rules = self._parts.local_networks(), self._parts.egress.rules
        if lan == rules.lan:
            return
        _log.info("this machine's own networks are now %s", ", ".join(lan) or "none")
        rules = msgspec.structs.replace(rules, lan=lan)
        self._parts.egress.follow(rules)
        self._parts.follower.follow_limits(rules)

    def feed_the_watchdog(self) -> None:
        """Feed it when the conductor progressed, or had nothing to do."""
        conductor = self._parts.runs.conductor
        if conductor.replies != self._replies_seen or not conductor.busy:
            self._replies_seen = conductor.replies
            self._parts.service.alive(self._parts.clock.monotonic())
        self._parts.service.status(self._parts.reports.line())

    def tell_status(self) -> None:
        """Write the status files: at once when state or problem changed, else now and then."""
        if self._parts.status is None:
            return
        hindrance = self._parts.follower.hindrance
        words = f"{self._parts.follower.lifecycle()} {hindrance.id if hindrance else ''}"
        at_once, self._words = words != self._words, words
        monotonic = self._parts.clock.monotonic()
        if at_once or self._parts.status.due(monotonic):
            self._parts.status.write(self._parts.reports.status(), monotonic, at_once=at_once)
