"""What runs share: endpoints where a name may still be remembered, who is there now, and hosts' tokens. Pure.

Must not live here: what heats an endpoint (experiments/<x>/outcome.py), or whose turn it is (agenda.py).
"""

import math
from collections.abc import Iterable
from typing import Final

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.task import Endpoint
from balise_agent.measure.run import Claim, Run
from balise_agent.policy.rates import HostRates
from balise_wire.observations import Observation

COOL_DOWN: Final = 180.0
"""Clock seconds for which residual blocking of an endpoint is expected to last (GFW: 90-180 s)."""
FORGETS: Final = 3600.0
"""Clock seconds for which an endpoint is not expected to remember a name, once a control was answered right after one
that failed there. A series asks again; where it meets residual blocking after all, the endpoint rests as ever."""
FLOOD_REST: Final = 900.0
"""Clock seconds for which an endpoint or name rests whose answer was a flood: it was seen, and a host pays for more."""
STAGGER: Final = 1.0
"""Least clock seconds between the starts of two runs of one target: never the same instant."""


class Shared:
    """Until when each endpoint is hot, the runs in flight there, and how often each host was contacted."""

    def __init__(self, per_minute: int) -> None:
        """Let every host have so many connections a minute."""
        self.rates = HostRates(per_minute)
        self._hot: dict[Endpoint, float] = {}
        self._forgetful: dict[Endpoint, float] = {}
        """Until when a failure at an endpoint heats it not: a control was answered there right after one."""
        self._busy: dict[Endpoint, dict[Claim, bool]] = {}
        """By run, whether it shows a name: then it is alone there. SYNs may be several."""
        self._started: dict[str, float] = {}
        """When each target was last begun with."""

    def cool(self, now: float) -> None:
        """Forget what has cooled down."""
        self._hot = {endpoint: until for endpoint, until in self._hot.items() if until > now}
        self._forgetful = {endpoint: until for endpoint, until in self._forgetful.items() if until > now}

    def clock_went_back(self, now: float) -> None:
        """Let nothing that was dated by another clock last longer than a cool-down."""
        self._hot = {endpoint: min(until, now + COOL_DOWN) for endpoint, until in self._hot.items()}
        self._forgetful.clear()
        self._started.clear()
        self.rates.clear()

    def is_idle(self, endpoint: Endpoint) -> bool:
        """Tell whether an endpoint is cool and nobody is there."""
        return endpoint not in self._hot and not self._is_busy(endpoint, alone=True)

    def are_free(self, run: Run) -> bool:
        """Tell whether all of a run's endpoints are cool, and nobody is there with whom it could spoil a result."""
        return not any(
            endpoint in self._hot or self._is_busy(endpoint, alone=_alone(run)) for endpoint in run.load.endpoints
        )

    def begin(self, run: Run, now: float) -> bool:
        """Let a run start whose endpoints are free, unless its target or its host has to wait; tell whether it may."""
        if now - self._started.get(run.target.id, -math.inf) < STAGGER:
            return False
        if not self.rates.take(_host(run), run.load.connections, now):
            return False
        self._started[run.target.id] = now
        for endpoint in run.load.endpoints:
            self._busy.setdefault(endpoint, {})[run.claim] = _alone(run)
        return True

    def end(self, run: Run, observations: Iterable[Observation], now: float) -> None:
        """Take what a run left behind at its endpoints."""
        for runs in self._busy.values():
            runs.pop(run.claim, None)
        self._busy = {endpoint: runs for endpoint, runs in self._busy.items() if runs}
        reader, seen = REGISTRY[run.experiment].reader, tuple(observations)
        for where, remembers in reader.remembering(seen).items():
            self._forgetful.pop(where, None)
            if not remembers:
                self._forgetful[where] = now + FORGETS
        self._hot.update((where, now + COOL_DOWN) for where in reader.heated(seen) if where not in self._forgetful)
        self._hot.update(dict.fromkeys(reader.flooding(seen), now + FLOOD_REST))

    def ready_at(self, run: Run, now: float) -> float:
        """Return the earliest time at which a run could start; infinity where one in flight says when it is done."""
        load = run.load
        if any(self._is_busy(endpoint, alone=_alone(run)) for endpoint in load.endpoints):
            return math.inf
        cool = max((self._hot.get(endpoint, -math.inf) for endpoint in load.endpoints), default=-math.inf)
        return max(run.due, cool, now + self.rates.wait(_host(run), load.connections, now))

    def _is_busy(self, endpoint: Endpoint, *, alone: bool) -> bool:
        runs = self._busy.get(endpoint, {})
        return bool(runs) and (alone or any(runs.values()))


def _alone(run: Run) -> bool:
    """Tell whether a run shows a name that a censor could react to."""
    return REGISTRY[run.experiment].traits.reveals_name


def _host(run: Run) -> str:
    return run.task.address or run.target.host
