"""The text of the broker's files: every topic has one owner, every listener asks for a certificate."""

from __future__ import annotations

import re

import pytest

from balise_collector.fleet.broker_files import COLLECTOR_NAME, Listener, ListenerTransport, Settings, listeners
from balise_collector.fleet.broker_files.render import (
    MAX_PACKET_BYTES,
    PROBE_READS,
    PROBE_WRITES,
    access_rules,
    configuration,
    observes,
    tls_defaults,
)
from balise_collector.system.errors import ConfigError
from balise_wire.envelope import MAX_BATCH_BYTES
from balise_wire.topics import Leaf, is_probe_id

USUAL = listeners(["*"], 443, 0, 8883)


def settings_of(*wanted: Listener, verbose: bool = False, observe: bool = False) -> Settings:
    """Return settings with these listeners, or the usual ones."""
    return Settings(listeners=wanted or USUAL, folder="/etc/balise/broker", verbose=verbose, observe=observe)


def test_every_topic_of_the_wire_is_a_probes_to_say_or_to_hear() -> None:
    """A new leaf must be given to one side on purpose: nobody may both write and read it."""
    assert sorted((*PROBE_WRITES, *PROBE_READS)) == sorted(Leaf)
    assert not set(PROBE_WRITES) & set(PROBE_READS)


def test_no_probe_can_have_the_collectors_name() -> None:
    """The collector's rights hang on a common name that no enrolment accepts."""
    assert not is_probe_id(COLLECTOR_NAME)


def test_rules_name_the_identity_in_each_of_a_probes_topics() -> None:
    """Every pattern holds %u, except the one thing that everybody hears; nothing ends in a wildcard but a refusal."""
    rules = access_rules([])
    patterns = re.findall(r"^pattern (\w+) (\S+)$", rules, re.MULTILINE)
    assert len(patterns) == len(Leaf) + 1
    assert [one for one in patterns if "/%u/" not in one[1]] == [("read", "balise/v1/collector/state")]
    assert not re.search(r"^[^#].*#$", rules, re.MULTILINE)
    assert "$SYS" not in rules
    assert "readwrite" not in rules


def test_a_revoked_identity_is_refused_before_anything_is_granted() -> None:
    """mosquitto reads refusals of a user first; what is no probe's id never becomes a line of the file."""
    rules = access_rules(["zz99zz99", "k7m2q9xd", "bad\nuser collector", "collector"])
    assert rules.index("user k7m2q9xd\ntopic deny balise/v1/#\n") < rules.index("user zz99zz99\ntopic deny")
    assert rules.count("topic deny") == 2
    assert rules.count("user collector\n") == 1


def test_every_door_asks_for_a_certificate_of_ours() -> None:
    """No listener is open without TLS 1.3, certificate, refusals, and the identity as user and as client."""
    text = configuration(settings_of(*listeners(["203.0.113.10", "2001:db8::10"], 443, 8443, 8883)))
    blocks = re.split(r"^listener ", text, flags=re.MULTILINE)[1:]
    assert [block.split("\n")[0] for block in blocks] == [
        "443 203.0.113.10",
        "443 2001:db8::10",
        "8443 203.0.113.10",
        "8443 2001:db8::10",
        "8883 127.0.0.1",
    ]
    for block in blocks:
        for line in (
            "tls_version tlsv1.3",
            "require_certificate true",
            "crlfile /etc/balise/broker/crl.pem",
            "use_identity_as_username true",
            "use_username_as_clientid true",
        ):
            assert f"{line}\n" in block
    assert ["protocol websockets" in block for block in blocks] == [False, False, True, True, False]
    # Without it a WebSocket listener of mosquitto 2.0 listens on every address.
    assert ["socket_domain ipv4" in block for block in blocks] == [True, False, True, False, True]
    assert "allow_anonymous false\n" in text
    assert "MinProtocol = TLSv1.3\n" in tls_defaults()


def test_the_limits_are_the_fleets() -> None:
    """A batch fits, a larger packet does not; what waits for the collector is bounded in messages and bytes."""
    text = configuration(settings_of())
    assert MAX_BATCH_BYTES < MAX_PACKET_BYTES < MAX_BATCH_BYTES + 4096
    for line in (
        f"max_packet_size {MAX_PACKET_BYTES}",
        "max_queued_messages 100000",
        "max_inflight_messages 1000",
        "max_keepalive 600",
        "persistence true",
        "sys_interval 0",
        "connection_messages false",
        "allow_zero_length_clientid false",
    ):
        assert f"\n{line}\n" in text
    given = dict(re.findall(r"^(memory_limit|max_queued_bytes) (\d+)$", text, re.MULTILINE))
    assert int(given["max_queued_bytes"]) < int(given["memory_limit"])
    assert "log_type all" not in text
    for line in ("log_type all", "connection_messages true"):
        assert f"\n{line}\n" in configuration(settings_of(verbose=True))


def test_nothing_is_left_unfilled() -> None:
    """No placeholder reaches mosquitto, and nothing names us where others look."""
    text = configuration(settings_of()) + access_rules(["k7m2q9xd"])
    assert not re.search(r"\$(?!SYS)", text)


@pytest.mark.parametrize(
    ("addresses", "ports", "mend"),
    [
        (["broker.example.org"], (443, 0, 8883), "literal"),
        (["*"], (443, 443, 8883), "two listeners"),
        (["127.0.0.1", "*"], (443, 0, 8883), "two listeners"),
        (["*"], (70000, 0, 8883), "no port"),
        (["*"], (0, 443, 0), "WebSockets alone"),
        (["203.0.113.10", "203.0.113.10"], (443, 0, 8883), "two listeners"),
    ],
)
def test_doors_that_cannot_be_are_refused(addresses: list[str], ports: tuple[int, int, int], mend: str) -> None:
    """A name instead of an address, one port twice, no port, no plain listener: said before mosquitto would fail."""
    with pytest.raises(ConfigError, match=mend):
        listeners(addresses, *ports)


def test_the_local_door_is_not_opened_beside_one_that_holds_it() -> None:
    """Where MQTT listens everywhere on the same port, loopback is part of it."""
    assert listeners(["*"], 8883, 443, 8883) == (
        Listener("*", 8883, ListenerTransport.MQTT),
        Listener("*", 443, ListenerTransport.WEBSOCKETS),
    )


def test_who_connects_from_where_is_told_to_the_collector_alone() -> None:
    """Asked for only: no log of the broker's own then, and nobody but the collector may hear it."""
    text = configuration(settings_of(observe=True))
    assert "\nconnection_messages true\n" in text
    assert "\nlog_dest topic\n" in text
    assert "stderr" not in text
    assert observes(text)
    assert not observes(configuration(settings_of()))
    rules = access_rules([], observe=True)
    assert rules.count("$SYS") == 1
    assert rules.index("user collector") < rules.index("topic read $SYS/broker/log/+") < rules.index("pattern")
    assert "$SYS" not in access_rules([])
