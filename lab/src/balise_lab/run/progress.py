"""What a person at the terminal sees while a scenario plays: virtual time, the truth, and what the detector believes.

Lives here: wording and printing; plain lines where there is no terminal, one live line where there is. Words and shapes
carry the meaning, never colour alone. Must not live here: asking or deciding.
"""

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TextIO

from balise_lab.boxes.engine.registry import KINDS
from balise_lab.compare.expect import Row
from balise_lab.scenario.schema import Disturbance, Scenario

_EVERY = 600.0
"""Virtual seconds between two lines."""
_DAY = 86400.0
_SHAPES = {"open": "▲", "closed": "▽", "standing": "■", "unconfirmed": "?", "withdrawn": "x"}


@dataclass(frozen=True, slots=True)
class Look:
    """What is known at one moment of a run."""

    moment: float
    on: tuple[Disturbance, ...]
    """Running now: the truth."""
    incidents: Sequence[Mapping[str, Any]]
    """What the collector believes."""
    measurements: int


class Progress:
    """Tells how a run goes, on one stream."""

    def __init__(self, scenario: Scenario, stream: TextIO | None = None) -> None:
        """Write to ``stream``; standard output by default."""
        self._scenario = scenario
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._next = float("-inf")
        self._told: dict[str, str] = {}

    def say(self, text: str) -> None:
        """Print one line now."""
        self._clear()
        print(text, file=self._stream, flush=True)

    def at(self, moment: float, text: str) -> None:
        """Print one line with the country's time."""
        self.say(f"{self._scenario.local(moment):%H:%M}  {text}")

    def begins(self) -> None:
        """Say what is going to be played."""
        scenario = self._scenario
        start, end = scenario.local(0), scenario.local(scenario.ends)
        minutes = scenario.ends / scenario.scale / 60
        self.say(f"{scenario.name}: {scenario.summary}")
        until = f"{end:%H:%M}" if scenario.ends < _DAY else f"{end:%d %B %Y, %H:%M}"
        self.say(
            f"plays {start:%d %B %Y, %H:%M} to {until} ({scenario.zone}) at {scenario.scale:g} times the speed:"
            f" {minutes:.1f} min"
        )
        if scenario.slowed > 1.0:
            usual = minutes / scenario.slowed
            self.say(
                f"this machine has other work: played {scenario.slowed:.1f} times slower than usual ({usual:.1f} min)"
            )
        isps = ", ".join(f"{_provider(isp.label, isp.asn)} ({isp.probes})" for isp in scenario.isps)
        abroad = ", ".join(f"{place.code} ({place.probes})" for place in scenario.abroad)
        self.say(f"probes: {isps}; references: {abroad or 'none'}")

    def again(self, scenario: Scenario) -> None:
        """Say that all begins anew, slower."""
        self._scenario, self._next = scenario, float("-inf")
        self._told.clear()
        minutes = scenario.ends / scenario.scale / 60
        self.say(
            "this machine was too busy: not every probe measured before the first entry of the timeline. It begins anew"
            f" at {scenario.scale:.3g} times the speed: {minutes:.1f} min"
        )

    def started(self, moment: float, what: Disturbance) -> None:
        """Say that something begins."""
        self.at(moment, f"+ begins  {describe(what)}")

    def stopped(self, moment: float, what: Disturbance) -> None:
        """Say that something ends."""
        self.at(moment, f"- ends    {describe(what)}")

    def look(self, look: Look) -> None:
        """Tell news of incidents at once, and the state of things every ten virtual minutes (live on a terminal)."""
        for incident in look.incidents:
            told = news_of(incident)
            if self._told.get(incident["id"]) != told:
                self._told[incident["id"]] = told
                self.at(look.moment, f"  {sentence(self._scenario, incident)}")
        due = look.moment >= self._next
        if due:
            self._next = (look.moment // _EVERY + 1) * _EVERY
        if self._live:
            self._clear()
            width = shutil.get_terminal_size().columns - 1
            print(self._state(look)[:width], end="\r", file=self._stream, flush=True)
        elif due:
            self.say(self._state(look))

    def _state(self, look: Look) -> str:
        """Return the one line that sums things up."""
        on = ", ".join(f"{one.kind} on {_where(one)}" for one in look.on) or "nothing"
        believed = [one for one in look.incidents if one.get("state") == "open" and not one.get("end")]
        names = ", ".join(f"{one['service']} {one['kind']}" for one in believed) or "nothing unusual"
        local = self._scenario.local(look.moment)
        return f"{local:%H:%M}  in force: {on} | detector: {names} | {look.measurements} measurements"

    def _clear(self) -> None:
        """Wipe the live line."""
        if self._live:
            print("\033[2K\r", end="", file=self._stream)


def news_of(incident: Mapping[str, Any]) -> str:
    """Return what of an incident is worth a new line when it changes: its state, whom it touches and how."""
    scope = incident.get("scope") or {}
    mechanisms = sorted({share["mechanism"] for share in incident.get("mechanisms") or ()})
    return f"{incident.get('state')} {bool(incident.get('end'))} {sorted(scope.get('affected') or ())} {mechanisms}"


def describe(what: Disturbance) -> str:
    """Return a disturbance in words."""
    names = [*what.hosts, *what.addresses]
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    settings = ", ".join(f"{name} {value}" for name, value in what.settings.items())
    parts = [f"{what.kind} ({KINDS[what.kind].means})", f"on {_where(what)}", f"for {shown}" if shown else "", settings]
    return " ".join(part for part in parts if part)


def _shape(incident: Mapping[str, Any]) -> str:
    """Return the sign of where an incident stands; what one probe alone saw is a question wherever it stands."""
    return _SHAPES.get(str(incident.get("state")), "?") if incident.get("confirmed", True) else "?"


def _where(what: Disturbance) -> str:
    """Return whom a disturbance touches."""
    return what.where if what.where not in {"gateway", "exchange"} else ", ".join(what.isps)


def _provider(label: str, asn: int) -> str:
    """Return a provider for people."""
    return f"{label} AS{asn}" if label else f"AS{asn}"


def sentence(scenario: Scenario, incident: Mapping[str, Any]) -> str:
    """Return an incident in one line: service, kind, providers, mechanisms, from when to when."""
    scope = incident.get("scope") or {}
    mechanisms = ", ".join(sorted({share["mechanism"] for share in incident.get("mechanisms") or ()}))
    parts = [
        f"{_shape(incident)} {incident['service']}: {incident['kind']}",
        f"({incident.get('state')}, {incident.get('locality', 'unknown')})",
        f"affected {_asns(scope.get('affected') or ())}",
        f"clean {_asns(scope.get('clean') or ())}",
        f"by {mechanisms}" if mechanisms else "",
        f"since {interval(scenario, incident['onset'])}",
        f"until {interval(scenario, incident['end'])}" if incident.get("end") else "",
    ]
    return " ".join(part for part in parts if part)


def _asns(numbers: Iterable[int]) -> str:
    return ", ".join(f"AS{number}" for number in numbers) or "none"


def interval(scenario: Scenario, found: Mapping[str, Any]) -> str:
    """Return an interval of an incident in the country's time."""

    def local(unix: float) -> datetime:
        return scenario.local(unix - scenario.starts)

    latest = local(found["latest"])
    if found.get("earliest") is None:
        return f"before {latest:%H:%M}"
    earliest = local(found["earliest"])
    return f"{earliest:%H:%M}" if f"{earliest:%H:%M}" == f"{latest:%H:%M}" else f"{earliest:%H:%M}-{latest:%H:%M}"


def closing(standing: str, public: str, operator: str, token: str, k: int, delay: int) -> list[str]:
    """Return the lines that tell where the two views are and how one gets in.

    Args:
        standing: when the clock stands, in words.
        public: address of the view for everybody.
        operator: address of the operator's view.
        token: opens the latter.
        k: probes behind what the public view tells.
        delay: minutes by which it is late.
    """
    return [
        "",
        f"The pages are up, as of a day later: their clock stands at {standing}.",
        f"  for everybody:     {public}",
        f"                     tells what at least {k} probes measured, {delay} minutes late; the evidence is redrawn,",
        "                     and there because it is a day old and the lab released it, as an operator would",
        f"  for the operator:  {operator}",
        f"                     asks for a token: {token}",
        "                     (paste it into the form; a program sends it as `Authorization: Bearer TOKEN`)",
        "Ctrl-C ends the lab.",
    ]


def table(rows: Sequence[Row]) -> list[str]:
    """Return the expectations as lines: a word, what, expected, found."""
    cells = [("", "what", "expected", "found"), *((_word(row), row.what, row.expected, row.found) for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(3)]
    return [
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3])).rstrip()
        for row in cells
    ]


def _word(row: Row) -> str:
    return "ok" if row.ok else "WRONG"
