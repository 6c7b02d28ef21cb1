"""The DNS rules: strongest first, and an answer that merely differs is never evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_collector.judge import VerdictState
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, Design, Resolver, Way
from tests.testbed.cases import Case

BOGON = "10.10.34.34"
LAB_BOGON = "203.0.113.66"


def _paired(
    case: Case,
    given: tuple[Any, ...],
    *,
    silent: tuple[Any, ...] = (),
    public: tuple[Any, ...] | None = None,
    **changes: Any,
) -> Any:
    """The paired DNS plan: control (provider, silent), then the subject (public, silent, provider twice)."""
    control = case.answer("192.0.43.8") if not changes.pop("control_dead", False) else None
    public = (case.answer(case.address),) if public is None else public
    return case.measured(
        case.asked(*given, at=case.earlier, carried=True, **changes),
        case.asked(*((control,) if control else ()), arm=Arm.CONTROL),
        case.asked(arm=Arm.CONTROL, resolver=Resolver.SILENT),
        case.asked(*public, resolver=Resolver.PUBLIC),
        case.asked(*silent, resolver=Resolver.SILENT),
        case.asked(*given, **changes),
        case.asked(*given, **changes),
    )


BOGONS: tuple[Any, ...] = ()


def test_an_answer_from_a_silent_address_is_forged(case: Case) -> None:
    """Nobody resolves there; the control got silence: forged on the way. The true answer follows at the public one."""
    forged = case.answer("8.7.198.45")
    verdict = case.judged(
        _paired(
            case,
            (forged,),
            silent=(forged,),
            public=(forged, case.answer(case.address, rtt_ms=80.0)),
            tls_consistent=False,
        )
    )
    assert (verdict.state, verdict.rule, verdict.mechanism) == (
        VerdictState.BLOCKED,
        "dns.injected",
        Mechanism.DNS_INJECT,
    )
    assert "silent_address_answered" in verdict.proof


def test_a_forged_answer_in_the_place_of_the_true_one_is_bogus(case: Case) -> None:
    """The box on the path struck the question: only its own answer arrives anywhere."""
    forged = case.answer("8.7.198.45")
    verdict = case.judged(_paired(case, (forged,), silent=(forged,), public=(forged,), tls_consistent=False))
    assert (verdict.rule, verdict.mechanism) == ("dns.replaced", Mechanism.DNS_BOGUS)


@pytest.mark.parametrize(("rcode", "mechanism"), [(3, Mechanism.DNS_NXDOMAIN), (5, Mechanism.DNS_REFUSED)])
def test_a_forged_denial_keeps_its_own_word(case: Case, rcode: int, mechanism: Mechanism) -> None:
    """Denials forged on the way are proved by the silent address, and named by what they say."""
    denied = case.answer(rcode=rcode)
    verdict = case.judged(_paired(case, (denied,), silent=(denied,), public=(denied,)))
    assert (verdict.state, verdict.mechanism) == (VerdictState.BLOCKED, mechanism)
    assert "silent_address_answered" in verdict.proof


@pytest.mark.parametrize(
    ("rcode", "rule"), [(3, "dns.nxdomain"), (5, "dns.refused"), (2, "dns.refused"), (None, "dns.timeout")]
)
def test_a_denial_by_the_provider_alone_is_blocked(case: Case, rcode: int | None, rule: str) -> None:
    """The control is answered by the same resolver, and another resolver knows the name."""
    given = () if rcode is None else (case.answer(rcode=rcode),)
    verdict = case.judged(_paired(case, given))
    assert (verdict.state, verdict.rule) == (VerdictState.BLOCKED, rule)


def test_a_dead_resolver_is_not_blocking(case: Case) -> None:
    """The resolver does not answer for the control either: the home router's, or the provider's own trouble."""
    assert case.judged(_paired(case, (), control_dead=True)).rule == "dns.resolver_down"


def test_a_name_that_is_gone_everywhere_is_down(case: Case) -> None:
    """References cannot resolve it either."""
    gone = case.answer(rcode=3)
    case.abroad(case.asked(gone))
    assert case.judged(_paired(case, (gone,), public=(gone,))).state is VerdictState.DOWN


def test_a_private_answer_is_bogus(case: Case) -> None:
    """No public service has such an address, and the control gets a real one."""
    verdict = case.judged(_paired(case, (case.answer("192.168.7.7"),)))
    assert (verdict.rule, verdict.mechanism) == ("dns.bogon", Mechanism.DNS_BOGUS)


def test_an_answer_of_the_household_itself_is_bogus_and_not_empty(case: Case) -> None:
    """A probe leaves out its own household's addresses and says how many: such an answer leads nowhere, it is given."""
    verdict = case.judged(_paired(case, (case.answer(household=1),)))
    assert (verdict.rule, verdict.mechanism) == ("dns.bogon", Mechanism.DNS_BOGUS)


def test_which_addresses_are_bogons_is_configuration(case: Case) -> None:
    """The laboratory's public internet lives in 198.18.0.0/15: there it is no bogon."""
    measurement = _paired(case, (case.answer("198.18.1.1"),))
    assert case.judged(measurement).rule == "dns.bogon"
    assert case.judged(measurement, bogons=()).state is VerdictState.OK


def test_a_known_forged_address_is_named(case: Case) -> None:
    """Iran's 10.10.34.34 is a fingerprint: an artefact, which is proof."""
    verdict = case.judged(_paired(case, (case.answer(BOGON),)))
    assert (verdict.rule, verdict.proof) == ("dns.blockpage_ip", ("artefact",))


def test_a_certificate_of_the_service_overrides_everything(case: Case) -> None:
    """A content network answered from a cache inside the provider: other address, right certificate."""
    verdict = case.judged(
        _paired(case, (case.answer("39.32.0.7"),), tls_consistent=True), addresses=frozenset({case.address})
    )
    assert (verdict.state, verdict.rule) == (VerdictState.OK, "dns.consistent")


def test_a_different_answer_alone_is_nothing(case: Case) -> None:
    """Content networks answer differently everywhere: the prime suspect of false alarms."""
    verdict = case.judged(_paired(case, (case.answer("39.32.0.7"),)), addresses=frozenset({case.address}))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "dns.unmatched")


def test_a_different_answer_without_the_certificate_is_blocked(case: Case) -> None:
    """Other address than anybody else is given, and nobody there can show the service's certificate."""
    verdict = case.judged(
        _paired(case, (case.answer("39.32.0.7"),), tls_consistent=False), addresses=frozenset({case.address})
    )
    assert (verdict.rule, verdict.mechanism) == ("dns.tls_inconsistent", Mechanism.DNS_BOGUS)


def test_a_sni_block_does_not_make_the_dns_guilty(case: Case) -> None:
    """The address is the right one; that TLS to it fails is the TLS layer's finding."""
    verdict = case.judged(
        _paired(case, (case.answer(case.address),), tls_consistent=False), addresses=frozenset({case.address})
    )
    assert verdict.state is VerdictState.OK


@pytest.mark.parametrize("rcode", [2, 5])
def test_a_resolver_that_stumbles_refuses_nobody(case: Case, rcode: int) -> None:
    """Its own way up was lossy: silent once, then a refusal twice in one minute. Three refusals alike, or none."""
    refusal = case.answer(rcode=rcode)
    verdict = case.judged(
        case.measured(
            case.asked(at=case.earlier, carried=True),
            case.asked(case.answer("192.0.43.8"), arm=Arm.CONTROL),
            case.asked(refusal),
            case.asked(case.answer(case.address), resolver=Resolver.PUBLIC),
            case.asked(refusal),
        )
    )
    assert verdict.state is VerdictState.INSUFFICIENT


def test_a_race_with_signs_of_forgery_is_injection(case: Case) -> None:
    """Two answers that exclude each other, the first too early, with another TTL, and without the certificate."""
    first = case.answer("8.7.198.45", rtt_ms=5.0, ttl=200)
    verdict = case.judged(
        _paired(case, (first, case.answer(case.address, rtt_ms=60.0)), tls_consistent=False),
        addresses=frozenset({case.address}),
    )
    assert (verdict.rule, verdict.mechanism) == ("dns.race", Mechanism.DNS_INJECT)


def test_a_question_sent_again_may_be_answered_again(case: Case) -> None:
    """Our own retransmission is excluded: two answers to two copies of a question are no race."""
    first = case.answer("8.7.198.45", rtt_ms=5.0, ttl=200)
    trials = _paired(case, (first, case.answer(case.address, rtt_ms=60.0)), tls_consistent=False)
    twice = tuple(msgspec.structs.replace(o, questions=2) if len(o.answers) == 2 else o for o in trials.observations)
    verdict = case.judged(msgspec.structs.replace(trials, observations=twice), addresses=frozenset({case.address}))
    assert verdict.rule != "dns.race"


def test_two_answers_of_one_service_are_no_race(case: Case) -> None:
    """Benign double answers exist; without a further sign they say nothing."""
    twice = (case.answer("104.244.42.1"), case.answer("104.244.42.65"))
    assert case.judged(_paired(case, twice)).state is VerdictState.OK


def test_a_servfail_and_then_an_answer_is_an_answer(case: Case) -> None:
    """Some forwarders do that; resolvers go on to the next."""
    both = (case.answer(rcode=2), case.answer(case.address))
    assert case.judged(_paired(case, both)).state is VerdictState.OK


def test_nat64_is_no_bogon(case: Case) -> None:
    """64:ff9b::/96 is how IPv6-only networks reach IPv4 (RFC 8880)."""
    given = (case.answer("64:ff9b::68f4:2a01"),)
    assert case.judged(_paired(case, given, qtype="AAAA")).state is VerdictState.OK


def test_a_name_without_an_ipv6_address_is_fine(case: Case) -> None:
    """Most names have no AAAA."""
    trials = (case.asked(case.answer(case.address)), case.asked(case.answer(), qtype="AAAA"))
    assert case.judged(case.measured(*trials, design=Design.SENTINEL)).state is VerdictState.OK


def test_interception_of_all_dns_is_told_by_the_control(case: Case) -> None:
    """The silent address answers the control, too: then the interceptor is compared, not given up on."""
    control, lie = case.answer("192.0.43.8"), case.answer(rcode=3)
    trials = (
        case.asked(control, arm=Arm.CONTROL),
        case.asked(control, arm=Arm.CONTROL, resolver=Resolver.SILENT),
        case.asked(lie, resolver=Resolver.SILENT),
        case.asked(lie),
        case.asked(lie),
    )
    assert case.judged(case.measured(*trials)).mechanism is Mechanism.DNS_HIJACK
    honest = (*trials[:2], case.asked(case.answer(case.address)))
    assert case.judged(case.measured(*honest), addresses=frozenset({case.address})).state is VerdictState.OK


def test_a_sentinel_that_fails_waits(case: Case) -> None:
    """A single denial is an anomaly."""
    assert case.judged(case.measured(case.asked(case.answer(rcode=3)), design=Design.SENTINEL)).rule == "dns.anomaly"


# --- answers that say nothing of the name -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "rule"),
    [
        ("formerr", "dns.told_nothing"),  # a resolver that refuses EDNS, asked by an agent that cannot do without
        ("tc", "dns.told_nothing"),  # truncated without a record, asked by an agent that does not ask over TCP
        ("frag", "dns.told_nothing"),  # of an answer of 1,000 bytes the first fragment was captured
        ("ll", "own.failure"),  # resolver fe80::1%eth0, asked without its zone
    ],
)
def test_what_older_agents_report_of_ordinary_resolvers_accuses_nobody(case: Case, what: str, rule: str) -> None:
    """Their measurements, as they were made over a real network: neither blocked nor down, in none of their designs."""
    lines = (Path(__file__).parent / "field" / f"dns_{what}.jsonl").read_bytes().splitlines()
    sentinel, paired = (msgspec.json.decode(line, type=Measurement) for line in lines)
    verdicts = [case.judged(one, addresses=frozenset({"45.33.32.10"})) for one in (sentinel, paired)]
    assert [verdict.state for verdict in verdicts] == [VerdictState.INSUFFICIENT, VerdictState.INSUFFICIENT]
    assert verdicts[1].rule == rule


def test_the_healthy_twin_is_ok(case: Case) -> None:
    """The same network with an ordinary resolver."""
    line = (Path(__file__).parent / "field" / "dns_ok.jsonl").read_bytes()
    verdict = case.judged(msgspec.json.decode(line, type=Measurement), addresses=frozenset({"45.33.32.10"}))
    assert (verdict.state, verdict.rule) == (VerdictState.OK, "dns.ok")


def _set_aside(case: Case, aside: Any, **changes: Any) -> Measurement:
    """The paired plan of an agent whose questions about the subject all ended so."""
    asked = {"set_aside": (aside,), "failure": Failure.GENERIC_TIMEOUT, **changes}
    trials = (
        case.asked(at=case.earlier, carried=True, **asked),
        case.asked(case.answer("192.0.43.8"), arm=Arm.CONTROL),
        case.asked(**asked),
        case.asked(case.answer(case.address), resolver=Resolver.PUBLIC),
        case.asked(**asked),
    )
    measured: Measurement = case.measured(*trials)
    return measured


@pytest.mark.parametrize("failure", [Failure.GENERIC_TIMEOUT, Failure.CONNECTION_RESET, Failure.CONNECTION_REFUSED])
def test_an_answer_that_was_never_whole_is_no_silence(case: Case, failure: Failure) -> None:
    """Truncated, and TCP does not come about; cut, and the rest is lost: the resolver answered."""
    for aside in (case.answer(tc=True), case.answer("192.0.2.1", cut=True, malformed=True)):
        verdict = case.judged(_set_aside(case, aside, failure=failure))
        assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "dns.told_nothing")


def test_a_question_that_never_left_is_no_silence(case: Case) -> None:
    """No resolver is known, or there is no way to it: our own trouble, whatever the references say."""
    case.abroad(case.asked(case.answer(case.address)))
    never: dict[str, Any] = {"questions": 0, "failure": Failure.NETWORK_UNREACHABLE}
    trials = (case.asked(arm=Arm.CONTROL, **never), case.asked(**never), case.asked(**never))
    assert case.judged(case.measured(*trials)).rule == "dns.told_nothing"


@pytest.mark.parametrize("rcode", [1, 4])
def test_a_refusal_of_the_name_in_the_words_of_a_form_is_a_refusal(case: Case, rcode: int) -> None:
    """The same resolver answers the control with EDNS, or refuses this name without it, too: it is the name."""
    assert case.judged(_paired(case, (case.answer(rcode=rcode),))).rule == "dns.refused"
    plain = case.answer(rcode=rcode, way=Way.PLAIN)
    assert case.judged(_paired(case, (plain,))).rule == "dns.refused"


def _servfail(case: Case, unchecked: Any) -> Measurement:
    refusal = case.answer(rcode=2)
    trials = (
        case.asked(refusal, at=case.earlier, carried=True),
        case.asked(case.answer("192.0.43.8"), arm=Arm.CONTROL),
        case.asked(refusal, unchecked=unchecked),
        case.asked(case.answer(case.address), resolver=Resolver.PUBLIC),
        case.asked(refusal),
    )
    measured: Measurement = case.measured(*trials)
    return measured


def test_a_name_with_broken_signatures_is_its_owners_fault(case: Case) -> None:
    """SERVFAIL, and with checking disabled the address that others are given: no refusal of the name."""
    verdict = case.judged(_servfail(case, (case.answer(case.address),)))
    assert (verdict.state, verdict.rule) == (VerdictState.DOWN, "dns.unsigned")


@pytest.mark.parametrize("given", ["nothing", "servfail", "another"])
def test_a_servfail_that_is_no_matter_of_signatures_stays_a_refusal(case: Case, given: str) -> None:
    """Asked without checking, it refuses still, or gives an address that nobody else is given."""
    unchecked = {"nothing": (), "servfail": (case.answer(rcode=2),), "another": (case.answer("8.7.198.45"),)}[given]
    assert case.judged(_servfail(case, unchecked)).rule == "dns.refused"


def test_a_truncated_answer_before_the_whole_one_is_no_race(case: Case) -> None:
    """Only answers about the name can contradict each other."""
    both = (case.answer(tc=True, ttl=200, rtt_ms=5.0), case.answer(case.address, rtt_ms=60.0))
    assert case.judged(_paired(case, both), addresses=frozenset({case.address})).state is VerdictState.OK
