"""Signs in the evidence, over all experiments."""

from __future__ import annotations

from balise_collector.experiments import RULES, SIGNS


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
        "neighbour_ok",
        "artefact",
        "foreign_certificate",
    }


def test_rules_that_saw_nothing_but_silence_are_these() -> None:
    """At most grade C without a proof: a SYN that vanishes may be the service's own refusal."""
    assert {rule.id for rule in RULES.values() if rule.rests_on_silence} == {"ip.drop", "port.drop", "tcp.wide"}
