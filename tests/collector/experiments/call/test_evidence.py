"""What people see of one train."""

from __future__ import annotations

from balise_collector.experiments.call.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from tests.collector.experiments.call.trials import NOISE, VOICE, ports, train


def test_every_kind_of_train_has_words() -> None:
    """What it looked like each way, and how much came back; never where the server is."""
    asked = {
        EVIDENCE.told(train(up=up, down=down), gettext_noop)[0] for up in (VOICE, NOISE) for down in (VOICE, NOISE)
    }
    assert len(asked) == 4
    assert EVIDENCE.told(train(end="up"), gettext_noop)[1] == "30 of 150 came back, 0 of the last 50"
    assert EVIDENCE.told(train(end="no token"), gettext_noop)[1] == "no answer over UDP"
    assert EVIDENCE.told(train(end="none"), gettext_noop)[1] == "nothing was sent"
    assert EVIDENCE.told(ports(443, 8_801), gettext_noop) == ("UDP to ports of our own server", "answered on 443, 8801")
    assert EVIDENCE.told(ports(), gettext_noop)[1] == "answered on none"


def test_what_arrived_is_told() -> None:
    """What tells one direction from the other."""
    assert EVIDENCE.also(train(end="down"), gettext_noop) == ["150 reached our server"]
    assert EVIDENCE.also(train(), gettext_noop) == ["150 reached our server", "jitter 2.0 ms"]
    assert EVIDENCE.also(train(end="refused"), gettext_noop) == ["ICMP error 3/3"]
