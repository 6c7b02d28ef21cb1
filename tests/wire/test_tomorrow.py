"""Messages of tomorrow, piece by piece: an observation, an event, an acceptance that today's reader does not know."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from balise_wire.measurement import Measurement, read_measurement
from balise_wire.status import STOP, Acceptance, Event, EventKind, acceptance, acceptance_detail, read_event

GOLDEN = Path(__file__).parent / "golden"
MEASUREMENTS = [
    raw
    for path in sorted(GOLDEN.glob("measurements-*.json"))
    for raw in msgspec.json.decode(path.read_bytes(), type=list[msgspec.Raw])
]


@pytest.mark.parametrize("raw", MEASUREMENTS)
def test_an_observation_of_tomorrow_costs_itself(raw: msgspec.Raw) -> None:
    """The others are read as they were, and its type is told."""
    message = msgspec.json.decode(raw)
    whole = msgspec.json.decode(raw, type=Measurement)
    assert read_measurement(raw) == (whole, ())
    new = {"is": "ticc", "arm": "subject", "at": 1.0, "spin": [True, {"x": None}]}
    message["observations"] = [new, *message.get("observations", []), {**new, "is": "warp"}, new]
    read, newer = read_measurement(msgspec.json.encode(message))
    assert read == whole
    assert newer == ("ticc", "warp")


@pytest.mark.parametrize("wrong", [{"is": "tcp", "arm": "subject"}, {"arm": "subject", "at": 1.0}, {"is": 7}, None, 7])
def test_an_observation_that_is_wrong_is_the_senders_error(wrong: object) -> None:
    """It is no word of tomorrow: a measurement with a broken trial is not believed in part."""
    message = msgspec.json.decode(MEASUREMENTS[0])
    for place in ([wrong], [wrong, {"is": "ticc"}]):
        message["observations"] = place
        with pytest.raises(msgspec.DecodeError):
            read_measurement(msgspec.json.encode(message))


def test_an_event_of_tomorrow_keeps_its_word() -> None:
    """People read what the probe wrote, although no program here knows it."""
    assert read_event(b'{"kind":"sauna_on","at":5.0,"detail":"90 degrees"}') == Event(
        kind=EventKind.UNKNOWN, at=5.0, detail="sauna_on: 90 degrees"
    )
    assert read_event(b'{"kind":"sauna_on","at":5.0,"steam":{}}').detail == "sauna_on"
    assert read_event(b'{"kind":"halted","at":5.0,"detail":"x"}').detail == "x"
    with pytest.raises(msgspec.DecodeError):
        read_event(b'{"kind":7,"at":5.0}')


@pytest.mark.parametrize(
    ("detail", "found"),
    [
        ("version 12: stop", Acceptance(12, halted=True)),
        ("version 3: 4 of 5 targets; line 10 to 30", Acceptance(3, halted=False)),
        (acceptance_detail(9, STOP), Acceptance(9, halted=True)),
        ("version 3: stop the press", Acceptance(3, halted=False)),
        ("version -3: stop", None),
        ("version 99999999999999999999: stop", None),
        ("stop", None),
    ],
)
def test_an_acceptance_is_read_from_its_words(detail: str, found: Acceptance | None) -> None:
    """The first probes (commit a430c09) tell it in this sentence; the spelling is never changed."""
    assert acceptance(Event(kind=EventKind.ASSIGNMENT_ACCEPTED, at=1.0, detail=detail)) == found
    assert acceptance(Event(kind=EventKind.ASSIGNMENT_REFUSED, at=1.0, detail=detail)) is None
