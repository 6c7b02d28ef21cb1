"""Signs in the evidence, over all experiments."""

from __future__ import annotations

from balise_collector.experiments import RULES, SIGNS
from balise_collector.judge import VerdictState


def test_a_sign_means_one_thing() -> None:
    """Two rules that claim one id claim one sign."""
    for rule in RULES.values():
        for sign in rule.proof:
            assert SIGNS[sign.id] == sign


def test_signs_that_exclude_a_fault_of_the_server_are_these() -> None:
    """Grade A rests on them: a new one is looked at here before it counts."""
    assert {sign.id for sign in SIGNS.values() if sign.excludes_fault} == {
        "forged_packet",
        "silent_address_answered",
        "artefact",
        "foreign_certificate",
        "neutral_swap",
        "voice_shape",
        "vpn_shape",
    }


def test_rules_that_saw_nothing_but_silence_are_these() -> None:
    """At most grade C without a proof: a SYN that vanishes may be the service's own refusal."""
    assert {rule.id for rule in RULES.values() if rule.rests_on_silence} == {
        "ip.drop",
        "ip.drop.share",
        "ip.prefix",
        "ip.as",
        "port.drop",
        "line.port",
        "http.drop",
        "http.freeze",
        "tcp.wide",
        "sni.drop",
        "sni.allow",
        "tls.drop",
        "tls.ech",
        "tls.esni",
        "quic.sni",
        "quic.sni_late",
        "quic.version",
        "quic.drop",
        "udp.stun",
        "udp.stun_all",
        "udp.drop",
        "call.media_cut_up",
        "call.media_cut_down",
        "call.media_cut",
        "vpn.openvpn",
        "vpn.openvpn_tcp",
        "vpn.wireguard",
        "vpn.ikev2",
        "vpn.fully_encrypted",
        "vpn.obfs4",
        "throughput.stall",
        "throughput.stall_name",
    }


def test_what_acts_on_a_name_may_be_the_services_own_front() -> None:
    """At most grade C without a proof that excludes it: fronts refuse by name, by country and by what they distrust."""
    by_name = {rule.id for rule in RULES.values() if rule.id.startswith("sni.") and rule.state is VerdictState.BLOCKED}
    assert by_name == {"sni.rst", "sni.fin", "sni.drop", "sni.alert", "sni.allow"}
    assert all(RULES[one].server_not_excluded for one in by_name)
