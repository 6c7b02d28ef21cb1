"""What people see of one trial: every field of it has words, and none of a stranger's harm."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.experiments.dns.evidence import EVIDENCE
from balise_collector.experiments.shown import Outcome
from balise_collector.system.sentences import gettext_noop
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.words import Arm, Resolver

TRIAL = DnsObservation(arm=Arm.SUBJECT, at=1_700_000_000.0, name="a.example")


def answer(**facts: object) -> DnsAnswer:
    """Return an answer of a resolver."""
    return DnsAnswer(**{"rtt_ms": 1.0, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, []),
        ({"silent_resolvers": 2}, ["2 resolvers before it were silent"]),
        ({"tls_address": "192.0.2.1"}, ["192.0.2.1 was tried with TLS, and shows nothing"]),
        (
            {"tls_address": "192.0.2.1", "tls_consistent": False},
            ["192.0.2.1 does not show the service's certificate"],
        ),
        ({"answers": (answer(aa=True, ra=True, edns=True),)}, ["answered with AA RA EDNS"]),
        ({"answers": (answer(ra=True), answer(tc=True))}, ["answered with RA, then TC"]),
        ({"answers": (answer(rr_ttl=60), answer(rr_ttl=0))}, ["to be kept for 0, 60 s"]),
        ({"set_aside": (answer(cut=True),)}, ["of an answer only the first fragment came"]),
    ],
)
def test_a_fact_without_a_column_has_a_sentence(facts: dict[str, object], told: list[str]) -> None:
    """What leaves a probe with every measurement can be looked at by who doubts a verdict."""
    assert EVIDENCE.also(msgspec.structs.replace(TRIAL, **facts), gettext_noop) == told


def test_an_answer_from_where_no_resolver_runs_is_forged_and_so_is_its_like() -> None:
    """An empty address answers nobody: what it says, and whoever else says it, was written on the way."""
    forged = (answer(addresses=("192.0.2.9",)),)
    silent = msgspec.structs.replace(TRIAL, resolver=Resolver.SILENT, answers=forged)
    provider = msgspec.structs.replace(TRIAL, answers=forged)
    beside = EVIDENCE.beside([silent, provider])
    for one in (silent, provider):
        rows = EVIDENCE.answers(one, beside, gettext_noop)
        assert rows[0].signs
        assert EVIDENCE.outcome(one, "", rows, gettext_noop) == ("192.0.2.9 (forged)", Outcome.FORGED)


def test_a_ttl_unlike_the_resolvers_usual_is_a_sign() -> None:
    """The packet came another way than the answers to the control."""
    control = msgspec.structs.replace(TRIAL, arm=Arm.CONTROL, answers=(answer(ttl=57),))
    beside = EVIDENCE.beside([control])
    (like,) = EVIDENCE.answers(msgspec.structs.replace(TRIAL, answers=(answer(ttl=55),)), beside, gettext_noop)
    (unlike,) = EVIDENCE.answers(msgspec.structs.replace(TRIAL, answers=(answer(ttl=54),)), beside, gettext_noop)
    assert (bool(like.signs), bool(unlike.signs)) == (False, True)


def test_the_public_is_told_of_no_address() -> None:
    """An address that a resolver gave can be looked up in a log of flows."""
    one = msgspec.structs.replace(TRIAL, answers=(answer(addresses=("192.0.2.9",), rcode=3),))
    (told,) = EVIDENCE.public_answers(one, EVIDENCE.beside([one]), gettext_noop)
    assert told.what == "answer: no such name"
    assert "192.0.2.9" not in str(told)
