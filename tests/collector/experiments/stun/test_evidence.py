"""What people see of one trial of stun."""

from __future__ import annotations

from balise_collector.experiments.stun.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from tests.collector.experiments.stun.trials import binding, classic, elsewhere, over_tcp


def test_every_kind_of_packet_has_words() -> None:
    """What went where, and what came; another operator's server by its name."""
    told = [EVIDENCE.told(one, gettext_noop) for one in (binding(), classic(), over_tcp(), elsewhere(1))]
    assert told[0] == ("STUN binding request to 104.244.42.1 port 3478", "binding")
    assert told[1] == ("STUN binding request without its cookie to 104.244.42.1 port 3478", "binding")
    assert told[2] == ("104.244.42.1 port 443, 2 SYN", "2 of 2 answered")
    assert told[3] == ("STUN binding request to stun1.example port 3478", "binding")


def test_what_the_flow_still_carried_is_told() -> None:
    """What tells a dead protocol from a dead address."""
    assert EVIDENCE.also(binding(), gettext_noop) == []
    unheard = EVIDENCE.also(binding(end="unheard"), gettext_noop)
    assert unheard == ["sent 3 times", "a request without the cookie was answered behind it"]
    assert "not answered either" in EVIDENCE.also(binding(end="silent"), gettext_noop)[1]
    assert EVIDENCE.also(binding(end="refused"), gettext_noop)[-1] == "ICMP error 3/3"
