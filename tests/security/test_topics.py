"""What one probe can do to another: nothing, at the broker already."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from balise_collector.system.errors import ConfigError
from balise_wire.status import CollectorState, State
from balise_wire.topics import COLLECTOR_STATE, ROOT, Leaf, topic
from balise_wire.words import Lifecycle
from tests.collector.field_probe import FieldProbe
from tests.security.testbed import Card, Honest, SecurityTestbed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

Two = tuple[FieldProbe, Card, tuple[FieldProbe, Card]]


@pytest.fixture
def two(testbed: SecurityTestbed) -> Two:
    """Return a probe that attacks, with its card, and its victim, both enrolled."""
    number = testbed.next_number()
    attacker, victim = FieldProbe(id=f"evil{number:04}"), FieldProbe(id=f"good{number:04}")
    card = testbed.enrol(attacker)
    return attacker, card, (victim, testbed.enrol(victim))


def test_nobody_writes_as_another(
    testbed: SecurityTestbed, honest: Honest, two: Two, eventually: Callable[..., None]
) -> None:
    """On another's topics, the collector's, its own that are not its to say, outside: refused, each by name."""
    attacker, card, (victim, _) = two
    guest = testbed.guest(card)
    frame = attacker.batch(attacker.measurement())
    state = msgspec.json.encode(State(state=Lifecycle.LOST, session=2**50))
    tried = [
        *((topic(victim.id, leaf), frame) for leaf in Leaf),
        (topic(victim.id, Leaf.STATE), state),
        *((topic(attacker.id, leaf), frame) for leaf in (Leaf.RECEIPT, Leaf.ASSIGNMENT, Leaf.COMMAND)),
        (COLLECTOR_STATE, msgspec.json.encode(CollectorState(online=False))),
        (f"{ROOT}/{attacker.id}/measurement/x", frame),
        (f"{ROOT}/{attacker.id}", frame),
        ("anything", frame),
        ("$SYS/broker/uptime", frame),
    ]
    for where, payload in tried:
        guest.publish(where, payload)
    eventually(lambda: len(guest.answers) == len(tried), "an answer to each")
    assert set(guest.answers) == {"Not authorized"}
    said = testbed.said("mosquitto")
    for where, _ in tried:
        assert f"Denied PUBLISH from {attacker.id}" in said
        assert f"'{where}'" in said
    guest.publish(attacker.topic, attacker.batch(attacker.measurement()))
    eventually(lambda: testbed.journalled(attacker.id) == 1, "what is its own to say")
    guest.leave()
    honest.goes_on()
    assert testbed.quarantined(victim.id) == []
    assert testbed.journalled(victim.id) == 0


def test_nobody_hears_another(
    testbed: SecurityTestbed, honest: Honest, two: Two, eventually: Callable[..., None]
) -> None:
    """Wildcards, another's topics, $SYS: granted in words by MQTT, and nothing ever comes; its own comes."""
    attacker, card, (victim, other) = two
    guest = testbed.guest(card)
    mine = {topic(attacker.id, Leaf.ASSIGNMENT), topic(attacker.id, Leaf.RECEIPT), COLLECTOR_STATE}
    guest.subscribe("#", f"{ROOT}/#", f"{ROOT}/+/+", f"{ROOT}/{victim.id}/#", "$SYS/#", "+/+/+/receipt")
    guest.subscribe(*(topic(victim.id, leaf) for leaf in Leaf))
    line = testbed.line(victim, other)
    line.record(victim.measurement())
    eventually(lambda: not line.spool, "the victim's receipt")
    guest.publish(attacker.topic, attacker.batch(attacker.measurement()))
    eventually(lambda: {where for where, _ in guest.heard} == mine, "its own topics, through the wildcard")
    line.stop()
    guest.leave()
    honest.goes_on()


def test_a_client_id_is_not_chosen(testbed: SecurityTestbed, honest: Honest, two: Two) -> None:
    """Whoever asks for the name of another is called by its certificate: nobody is thrown out, no queue is taken."""
    attacker, card, (victim, other) = two
    line = testbed.line(victim, other)
    for name in (victim.id, "collector", "balise-collector"):
        guest = testbed.guest(card, client_id=name)
        assert guest.connected
        assert f"as {attacker.id} (" in testbed.said("mosquitto")
        guest.leave()
    line.record(victim.measurement())
    honest.goes_on()
    line.stop()
    assert f"Client {victim.id} already connected" not in testbed.said("mosquitto")
    assert "Client collector already connected" not in testbed.said("mosquitto")


def test_a_will_is_ones_own(
    testbed: SecurityTestbed, honest: Honest, two: Two, eventually: Callable[..., None]
) -> None:
    """A last will on another's topic is never carried out: no probe declares another lost."""
    attacker, card, (victim, _) = two
    for owner in (victim, attacker):
        state = msgspec.json.encode(State(state=Lifecycle.LOST, session=2**50))
        guest = testbed.guest(card, will=(topic(owner.id, Leaf.STATE), state))
        assert guest.connected
        guest.vanish()
    eventually(lambda: testbed.presence(attacker.id) == ["lost"], "its own will")
    honest.goes_on()
    assert testbed.presence(victim.id) == []


@pytest.mark.parametrize("name", ["+", "#", "good/0001", "+/receipt"])
def test_a_name_that_would_be_a_pattern_has_no_rights(testbed: SecurityTestbed, honest: Honest, name: str) -> None:
    """No enrolment gives such a name; were one signed all the same, it would be put into no rule."""
    with pytest.raises(ConfigError, match="no id of a probe"):
        testbed.card(name)
    guest = testbed.guest(testbed.card(name, forced=True))
    if guest.connected:
        guest.subscribe(f"{ROOT}/+/receipt", f"{ROOT}/honest01/receipt")
        guest.publish(topic("honest01", Leaf.STATE), b"{}")
        honest.goes_on()
        assert guest.heard == []
        assert guest.answers in (["Not authorized"], [])
    guest.leave()
    honest.goes_on()
