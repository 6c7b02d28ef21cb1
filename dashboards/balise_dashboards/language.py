"""One visual language in Grafana too: each state's colour, shape and word, and how queries tell states.

InfluxQL cannot choose between words, so a bin's states are added up as bits, the gravest highest, and reachability by
its majority: a range of sums is one state. It is the roll-ups' rule: trouble if there is any, else reachable where more
than half are, else grey; so grey is never shown as green. The colours are the pages' dark ones: Grafana writes on them
in black or white by itself, in both of its themes. Must not live here: panels, queries.
"""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models import dashboard as models

from balise_collector.conclude.probe_events import TROUBLES
from balise_collector.incidents.model import IncidentKind, IncidentState
from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.drawing.palette import DARK, PAINTS, shape, word
from balise_collector.words.tables import EVENTS, KINDS, MECHANISMS
from balise_dashboards.names import STATE_CODES
from balise_wire.status import EventKind

BITS: Final = {
    VerdictState.INSUFFICIENT: 0,
    VerdictState.OK: 2,
    VerdictState.SERVER_SIDE: 4,
    VerdictState.DOWN: 8,
    VerdictState.THROTTLED: 16,
    VerdictState.BLOCKED: 32,
}
"""The least sum of a bin in which the state is the gravest; ok's 2 is twice the median of ``is_ok`` (a tie is grey)."""
GREY: Final = PAINTS[VerdictState.INSUFFICIENT].dark
ACCENT: Final = DARK.accent
ALARM: Final = PAINTS[VerdictState.BLOCKED].dark
WARN: Final = PAINTS[VerdictState.THROTTLED].dark
FINE: Final = PAINTS[VerdictState.OK].dark

Mapping = models.ValueMapping


def colour(state: VerdictState) -> str:
    """Return the colour of a state as #rrggbb."""
    return PAINTS[state].dark


def label(state: VerdictState) -> str:
    """Return shape and word of a state."""
    return f"{shape(state)} {word(state)}"


def of_bits() -> list[Mapping]:
    """Return the mappings from a bin's sum to the gravest state in it."""
    return [
        models.RangeMap(
            options=models.DashboardRangeMapOptions(
                from_val=float(bit),
                to=2.0 * max(bit, 1) - 0.5,
                result=models.ValueMappingResult(text=label(state), color=colour(state), index=index),
            )
        )
        for index, (state, bit) in enumerate(BITS.items())
    ]


def of_codes() -> list[Mapping]:
    """Return the mappings from ``state_code`` (docs/storage.md) to states."""
    return of_words({str(code): (label(state), colour(state)) for state, code in STATE_CODES.items()})


def of_words(words: dict[str, tuple[str, str]]) -> list[Mapping]:
    """Return the mapping of values to (text, colour); an empty colour leaves the field's own."""
    return [
        models.ValueMap(
            options={
                value: models.ValueMappingResult(text=text, color=paint or None, index=index)
                for index, (value, (text, paint)) in enumerate(words.items())
            }
        )
    ]


STATE_WORDS: Final = {state.value: (label(state), colour(state)) for state in VerdictState}
FLAG_WORDS: Final = {"0": ("○ no", GREY), "1": ("■ yes", ALARM)}
ALIVE_WORDS: Final = {"0": ("■ silent", ALARM), "1": ("● heard", FINE)}
KIND_WORDS: Final = {kind.value: (KINDS[kind], "") for kind in IncidentKind}
MECHANISM_WORDS: Final = {
    mechanism.value: (f"{words} ({mechanism.value})", "") for mechanism, words in MECHANISMS.items()
}
STANDING_WORDS: Final = {
    IncidentState.UNCONFIRMED.value: ("○ going on", GREY),
    IncidentState.OPEN.value: ("■ open", ALARM),
    IncidentState.CLOSED.value: ("● over", FINE),
    IncidentState.STANDING.value: ("■ since before we measured", ALARM),
    IncidentState.WITHDRAWN.value: ("○ withdrawn", GREY),
}
EVENT_WORDS: Final = {
    kind.value: (words, WARN if kind in TROUBLES or kind is EventKind.REBOOT else "") for kind, words in EVENTS.items()
}
UNCONFIRMED_WORDS: Final = {state: (words, GREY) for state, (words, _) in STANDING_WORDS.items()}
"""What one probe saw wears grey wherever it stands."""
CLOCK_WORDS: Final = {
    "synced": ("● set by a time protocol", FINE),
    "hinted": ("● set by the collector's hint", FINE),
    "unsynced": ("▲ nobody vouches for it", WARN),
    "laboratory": ("◆ a scenario's time", ACCENT),
}


def steps(*limits: tuple[float | None, str]) -> dashboards.ThresholdsConfig:
    """Return thresholds in the unit of the value; the first limit is None (everything below the second)."""
    return (
        dashboards.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=paint) for value, paint in limits])
    )
