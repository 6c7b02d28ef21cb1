"""What each hypothesis expects of each group, and how often each is the case: data (attribution.md 2.5).

A shape is a Beta distribution of the share that is ok. Scope (one provider, several, all) and way (name or address,
port, range, IP version, rate, protocol, list) cross: the rows of ways leave the scope open, by ``ANY_SCOPE``. What a
row does not name is UNKNOWN, and *not* left out: the posterior asks every row of every group, or rows with few words
would win. Must not live here: arithmetic (posterior.py), or where counts come from (gather.py).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from balise_collector.incidents.hypotheses.model import Group, Hypothesis


class Shape(NamedTuple):
    """Beta(a, b) of the share that is ok."""

    a: float
    b: float


UP: Final = Shape(38.0, 2.0)
DOWN: Final = Shape(1.0, 19.0)
MIX: Final = Shape(2.0, 2.0)
UNKNOWN: Final = Shape(1.0, 1.0)
NEVER: Final = Shape(1.0, 199.0)
ONE_RATE: Final = Shape(1_999.0, 1.0)
BY_CHANCE: Final = Shape(1.0, 53.6)
"""Against it e^4 to 1: that several providers' rates are within a tenth of each other by themselves (detectors.md 2.8:
Russia, 2021)."""
ALWAYS: Final = Shape(199.0, 1.0)
"""What only a broken or lying probe can contradict."""

EITHER: Final = (UP, DOWN)
"""One or the other, for all."""
ANY_SCOPE: Final = (UP, MIX, DOWN)
"""One provider, some, all: what a way of blocking says nothing of."""

OTHER_PATH: Final = (UP, UP, DOWN)
"""It works, but where what is blocked is read on the way to the proxy as well."""

_G = Group
Row = Mapping[Group, Shape | tuple[Shape, ...]]
"""Several shapes are a mixture with equal weights."""
_UNFORGED: Final[Row] = {_G.UNFORGED: ALWAYS}
"""No server, edge or board of ours forges."""
_ALIVE: Final[Row] = {_G.SPEAKING: UP, _G.DOMESTIC: UP, _G.GATEWAY: ALWAYS}
_LINE_UP: Final[Row] = {**_ALIVE, _G.FOREIGN: UP}
_BY_NAME: Final[Row] = {
    **_LINE_UP,
    _G.TARGET: DOWN,
    _G.SERVICES: UP,
    _G.REFERENCES: UP,
    _G.ADDRESS: UP,
    _G.NEIGHBOUR: UP,
    _G.TUNNEL: OTHER_PATH,
    _G.SWAP: DOWN,
    _G.SIBLING_ADDRESS: UP,
    _G.OTHER_VERSION: DOWN,
    _G.TOGETHER: UP,
    _G.UNSLOWED: UP,
    _G.UNREFUSED: ALWAYS,
    _G.FAMILY: DOWN,
    _G.FAMILY_CONTROL: UP,
    _G.SAME_VERSION: UP,
    _G.PORT: DOWN,
    _G.SHAPE: DOWN,
    _G.BY_NAME: EITHER,
    _G.BEYOND_DNS: EITHER,
    _G.UNFORGED: EITHER,
    _G.SIBLINGS: (DOWN, MIX),
}
"""A service that the network keeps from probes."""
_GONE: Final[Row] = {
    _G.TARGET: DOWN,
    _G.SERVICES: DOWN,
    _G.ROLES: DOWN,
    _G.FOREIGN: DOWN,
    _G.REFERENCES: UP,
    _G.ADDRESS: UP,
    _G.NEIGHBOUR: DOWN,
    _G.SWAP: DOWN,
    _G.PORT: DOWN,
    _G.SHAPE: DOWN,
    _G.SIBLING_ADDRESS: DOWN,
    _G.FAMILY: DOWN,
    _G.UNFORGED: ALWAYS,
    _G.UNREFUSED: ALWAYS,
    _G.UNSLOWED: UP,
    _G.OTHER_VERSION: DOWN,
    _G.SAME_VERSION: UP,
}
"""A line over which nothing comes."""
_BLOCK_ISP: Final[Row] = {**_BY_NAME, _G.OTHERS: UP}
_BOARDS: Final[Row] = {
    **_GONE,
    _G.DOMESTIC: DOWN,
    _G.SPEAKING: NEVER,
    _G.COUNTRY_ALIVE: UP,
    _G.ELSEWHERE_ALIVE: UP,
}

_ROWS: Final[Mapping[Hypothesis, Row]] = {
    Hypothesis.OK: {
        **_LINE_UP, **_UNFORGED,
        _G.TARGET: UP, _G.SERVICES: UP, _G.REFERENCES: UP, _G.ADDRESS: UP, _G.SIBLINGS: UP, _G.OTHERS: UP,
        _G.TOGETHER: MIX,
    },
    Hypothesis.PROBE_FAULT: {
        **_UNFORGED,
        _G.TARGET: DOWN, _G.ROLES: MIX, _G.SERVICES: DOWN, _G.SPEAKING: UP, _G.DOMESTIC: MIX, _G.FOREIGN: MIX,
        _G.GATEWAY: UP, _G.REFERENCES: UP, _G.ADDRESS: UP, _G.SIBLINGS: (UP, MIX), _G.OTHERS: (UP, MIX),
        _G.TOGETHER: DOWN, _G.PROVIDER_ALIVE: UP, _G.NEIGHBOUR: DOWN, _G.SWAP: DOWN, _G.FAMILY: DOWN,
        _G.SIBLING_ADDRESS: DOWN, _G.UNREFUSED: UP, _G.UNSLOWED: MIX,
    },
    Hypothesis.HOME_FILTER: {
        **_BY_NAME,
        _G.SIBLINGS: (UP, MIX), _G.OTHERS: (UP, MIX), _G.TOGETHER: DOWN, _G.UNFORGED: UP,
        _G.SWAP: MIX, _G.NEIGHBOUR: MIX,
        _G.BEYOND_DNS: DOWN,
        _G.OTHER_VERSION: UNKNOWN,
    },
    Hypothesis.LAN: {
        **_GONE,
        _G.GATEWAY: DOWN, _G.DOMESTIC: DOWN, _G.SPEAKING: MIX, _G.SIBLINGS: (UP, MIX), _G.OTHERS: (UP, MIX),
        _G.PROVIDER_ALIVE: (UP, MIX), _G.DISTRICT_ALIVE: (UP, MIX), _G.COUNTRY_ALIVE: UP, _G.SAME_BOOT: UP,
        _G.TOGETHER: DOWN,
        _G.ELSEWHERE_ALIVE: UP,
    },
    Hypothesis.BOARD: {
        **_BOARDS,
        _G.TOGETHER: DOWN, _G.PROVIDER_ALIVE: (UP, MIX), _G.DISTRICT_ALIVE: (UP, MIX), _G.SIBLINGS: MIX,
        _G.OTHERS: (UP, MIX),
        _G.SAME_BOOT: DOWN,
    },
    Hypothesis.POWER: {
        **_BOARDS,
        _G.TOGETHER: UP, _G.PROVIDER_ALIVE: MIX, _G.DISTRICT_ALIVE: (DOWN, MIX), _G.SAME_BOOT: NEVER,
        _G.ELSEWHERE_ALIVE: MIX,
        _G.COUNTRY_ALIVE: (UP, MIX),
    },
    Hypothesis.DISTRICT_OUTAGE: {
        **_GONE,
        _G.TOGETHER: UP, _G.SPEAKING: DOWN, _G.DOMESTIC: DOWN, _G.GATEWAY: UP, _G.PROVIDER_ALIVE: MIX,
        _G.DISTRICT_ALIVE: (DOWN, MIX), _G.COUNTRY_ALIVE: UP, _G.SAME_BOOT: ALWAYS,
        _G.ELSEWHERE_ALIVE: MIX,
    },
    Hypothesis.ISP_OUTAGE: {
        **_GONE,
        _G.TOGETHER: UP, _G.SPEAKING: MIX, _G.DOMESTIC: DOWN, _G.GATEWAY: UP, _G.PROVIDER_ALIVE: DOWN,
        _G.DISTRICT_ALIVE: UP, _G.COUNTRY_ALIVE: UP, _G.SAME_BOOT: ALWAYS, _G.SIBLINGS: DOWN, _G.OTHERS: UP,
        _G.ELSEWHERE_ALIVE: UP,
    },
    Hypothesis.COUNTRY_OUTAGE: {
        **_GONE,
        _G.TOGETHER: UP, _G.SPEAKING: MIX, _G.DOMESTIC: DOWN, _G.GATEWAY: UP, _G.PROVIDER_ALIVE: DOWN,
        _G.DISTRICT_ALIVE: DOWN, _G.COUNTRY_ALIVE: DOWN, _G.SAME_BOOT: ALWAYS, _G.SIBLINGS: DOWN, _G.OTHERS: DOWN,
        _G.ELSEWHERE_ALIVE: DOWN,
    },
    Hypothesis.SHUTDOWN: {
        **_GONE,
        _G.TOGETHER: UP, _G.SPEAKING: MIX, _G.DOMESTIC: UP, _G.GATEWAY: UP, _G.PROVIDER_ALIVE: MIX,
        _G.COUNTRY_ALIVE: MIX, _G.SAME_BOOT: ALWAYS, _G.SIBLINGS: DOWN, _G.OTHERS: DOWN,
        _G.ELSEWHERE_ALIVE: MIX,
    },
    Hypothesis.SERVICE_FAULT: {
        **_LINE_UP, **_UNFORGED,
        _G.TARGET: DOWN, _G.ROLES: MIX, _G.SERVICES: UP, _G.REFERENCES: DOWN, _G.ADDRESS: DOWN, _G.NEIGHBOUR: MIX,
        _G.SIBLINGS: DOWN, _G.OTHERS: DOWN, _G.TUNNEL: DOWN, _G.SWAP: UP, _G.TOGETHER: UP, _G.OTHER_VERSION: DOWN,
        _G.UNREFUSED: MIX, _G.UNSLOWED: UP, _G.FAMILY: DOWN, _G.FAMILY_CONTROL: UP,
    },
    Hypothesis.EDGE_FAULT: {
        **_LINE_UP, **_UNFORGED,
        _G.TARGET: DOWN, _G.ROLES: MIX, _G.SERVICES: UP, _G.REFERENCES: UP, _G.ADDRESS: DOWN, _G.NEIGHBOUR: DOWN,
        _G.SIBLINGS: DOWN, _G.OTHERS: ANY_SCOPE, _G.TUNNEL: DOWN, _G.SWAP: UP, _G.BY_NAME: UP,
        _G.PORT: DOWN, _G.SHAPE: DOWN, _G.TOGETHER: UP, _G.OTHER_VERSION: DOWN, _G.UNREFUSED: ALWAYS,
        _G.UNSLOWED: UP, _G.FAMILY: MIX, _G.FAMILY_CONTROL: UP,
    },
    Hypothesis.SERVER_GEO: {
        **_LINE_UP, **_UNFORGED,
        _G.TARGET: DOWN, _G.ROLES: DOWN, _G.SERVICES: UP, _G.REFERENCES: UP, _G.ADDRESS: UP, _G.NEIGHBOUR: UP,
        _G.SIBLINGS: DOWN, _G.OTHERS: NEVER, _G.TUNNEL: UP, _G.SWAP: UP, _G.TOGETHER: UP, _G.OTHER_VERSION: DOWN,
        _G.UNREFUSED: DOWN, _G.UNSLOWED: UP, _G.FAMILY: DOWN, _G.FAMILY_CONTROL: UP,
    },
    Hypothesis.SERVER_FRONT: {
        **_LINE_UP, **_UNFORGED,
        _G.TARGET: DOWN, _G.SERVICES: UP, _G.REFERENCES: UP, _G.ADDRESS: UP, _G.NEIGHBOUR: UP,
        _G.SIBLINGS: DOWN, _G.OTHERS: NEVER, _G.TUNNEL: UP, _G.SWAP: ALWAYS, _G.TOGETHER: UP, _G.OTHER_VERSION: DOWN,
        _G.UNREFUSED: UP, _G.UNSLOWED: UP, _G.FAMILY: MIX, _G.FAMILY_CONTROL: UP, _G.SIBLING_ADDRESS: UP,
        _G.BY_NAME: DOWN, _G.BEYOND_DNS: ALWAYS,
    },
    Hypothesis.BLOCK_ISP: _BLOCK_ISP,
    Hypothesis.BLOCK_MULTI_ISP: {**_BY_NAME, _G.OTHERS: MIX},
    Hypothesis.BLOCK_NATIONAL: {**_BY_NAME, _G.OTHERS: DOWN},
    Hypothesis.THROTTLE: {
        **_BY_NAME, **_UNFORGED,
        _G.SIBLINGS: DOWN, _G.OTHERS: ANY_SCOPE, _G.UNSLOWED: DOWN, _G.ROLES: UNKNOWN, _G.SWAP: UNKNOWN,
        _G.ONE_RATE: ONE_RATE,
    },
    Hypothesis.PROTOCOL_BLOCK: {
        **_BY_NAME, **_UNFORGED,
        _G.SIBLINGS: DOWN, _G.OTHERS: ANY_SCOPE, _G.SHAPE: ALWAYS, _G.SWAP: UNKNOWN, _G.NEIGHBOUR: DOWN,
        _G.SIBLING_ADDRESS: DOWN, _G.PORT: EITHER, _G.BY_NAME: UP,
    },
    Hypothesis.PORT_BLOCK: {
        **_BY_NAME, **_UNFORGED,
        _G.SIBLINGS: DOWN, _G.OTHERS: ANY_SCOPE, _G.PORT: ALWAYS, _G.NEIGHBOUR: DOWN, _G.SERVICES: EITHER,
        _G.SIBLING_ADDRESS: EITHER, _G.BY_NAME: UP,
    },
    Hypothesis.PREFIX_BLOCK: {
        **_BY_NAME, **_UNFORGED,
        _G.SIBLINGS: DOWN, _G.OTHERS: ANY_SCOPE, _G.PORT: DOWN, _G.NEIGHBOUR: DOWN, _G.SIBLING_ADDRESS: DOWN,
        _G.SWAP: UP, _G.BY_NAME: UP,
    },
    Hypothesis.WHITE_LIST: {
        **_BY_NAME,
        _G.SIBLINGS: DOWN, _G.OTHERS: ANY_SCOPE, _G.SERVICES: DOWN, _G.ROLES: DOWN, _G.FOREIGN: MIX, _G.NEIGHBOUR: DOWN,
        _G.SIBLING_ADDRESS: DOWN, _G.FAMILY: DOWN,
    },
    Hypothesis.FAMILY_FAULT: {
        **_GONE,
        _G.FAMILY: UP, _G.FAMILY_CONTROL: DOWN, _G.DOMESTIC: UP, _G.FOREIGN: UP, _G.GATEWAY: UP, _G.SPEAKING: UP,
        _G.SERVICES: MIX, _G.ROLES: MIX, _G.TOGETHER: MIX, _G.SWAP: UNKNOWN,
    },
    Hypothesis.FAMILY_BLOCK: {
        **_BY_NAME,
        _G.SIBLINGS: DOWN, _G.OTHERS: ANY_SCOPE, _G.FAMILY: ALWAYS, _G.FAMILY_CONTROL: ALWAYS,
    },
    Hypothesis.INSTRUMENT_FAULT: {
        **_LINE_UP, **_UNFORGED,
        _G.TARGET: DOWN, _G.SERVICES: MIX, _G.REFERENCES: UNKNOWN, _G.ADDRESS: UP, _G.SIBLINGS: ANY_SCOPE,
        _G.OTHERS: ANY_SCOPE, _G.OTHER_VERSION: ALWAYS, _G.SAME_VERSION: DOWN, _G.NEIGHBOUR: UP, _G.TOGETHER: MIX,
        _G.UNREFUSED: UP, _G.UNSLOWED: UP,
    },
}  # fmt: skip
ROWS: Final[Mapping[Hypothesis, Row]] = {one: {_G.ONE_RATE: BY_CHANCE, **row} for one, row in _ROWS.items()}
"""Every hypothesis."""

PRIORS: Final[Mapping[Hypothesis, float]] = {
    Hypothesis.OK: 4.0,
    Hypothesis.PROBE_FAULT: 4.0,
    Hypothesis.HOME_FILTER: 2.0,
    Hypothesis.LAN: 4.0,
    Hypothesis.BOARD: 8.0,
    Hypothesis.POWER: 3.0,
    Hypothesis.ISP_OUTAGE: 2.0,
    Hypothesis.DISTRICT_OUTAGE: 1.0,
    Hypothesis.SHUTDOWN: 0.5,
    Hypothesis.COUNTRY_OUTAGE: 0.5,
    Hypothesis.SERVICE_FAULT: 4.0,
    Hypothesis.EDGE_FAULT: 1.0,
    Hypothesis.SERVER_GEO: 1.0,
    Hypothesis.SERVER_FRONT: 0.1,
    Hypothesis.BLOCK_ISP: 1.0,
    Hypothesis.BLOCK_MULTI_ISP: 1.0,
    Hypothesis.BLOCK_NATIONAL: 1.0,
    Hypothesis.THROTTLE: 0.5,
    Hypothesis.PROTOCOL_BLOCK: 0.03,
    Hypothesis.PORT_BLOCK: 0.1,
    Hypothesis.PREFIX_BLOCK: 0.5,
    Hypothesis.WHITE_LIST: 0.2,
    Hypothesis.FAMILY_FAULT: 0.25,
    Hypothesis.FAMILY_BLOCK: 0.25,
    Hypothesis.INSTRUMENT_FAULT: 0.5,
}
"""How often each is the case where the detector has opened, by hand: only ratios count."""
