"""What people see of one trial of quic."""

from __future__ import annotations

from balise_collector.experiments.quic.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from balise_wire.words import Arm
from tests.collector.experiments.quic.trials import elsewhere, greeting, noise, over_tcp


def test_every_kind_of_packet_has_words() -> None:
    """What went where, and what came."""
    told = [EVIDENCE.told(one, gettext_noop) for one in (greeting(), noise(), over_tcp(), elsewhere(1))]
    assert told[0] == ("QUIC Initial with the name twitter.com to 104.244.42.1 port 443", "server hello")
    assert told[1] == ("random bytes over UDP to 104.244.42.1 port 443", "no answer, as from any server")
    assert told[2] == ("104.244.42.1 port 443, 2 SYN", "2 of 2 answered")
    assert told[3] == ("QUIC packet of an unknown version to 198.51.100.1 port 443", "version negotiation")
    assert "without a name" in EVIDENCE.told(greeting(Arm.ABSENT, name=None), gettext_noop)[0]


def test_what_came_later_is_told() -> None:
    """A flow that dies behind its greeting is the whole finding."""
    assert EVIDENCE.also(greeting(end="late"), gettext_noop) == ["nothing came seconds later"]
    assert EVIDENCE.also(greeting(), gettext_noop) == ["a packet seconds later was answered"]
    refused = EVIDENCE.also(greeting(end="refused"), gettext_noop)
    assert refused == ["nothing came seconds later", "ICMP error 3/3"]
    assert EVIDENCE.also(greeting(end="silent"), gettext_noop)[0] == "sent 3 times"
