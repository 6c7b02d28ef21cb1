"""The DNS rules: strongest first, and an answer that merely differs is never evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from balise_collector.conclude.judgement import note
from balise_collector.judge import VerdictState
from balise_wire.failures import Failure
from balise_wire.measurement import Measurement
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Arm, Design, Proof, Resolver, ResolverPlace, Way
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


WRONG: dict[str, Any] = {"tls_consistent": False, "tls_proof": Proof.REFUSED}
"""The address showed a certificate, and not the service's."""


def test_an_answer_from_a_silent_address_is_forged(case: Case) -> None:
    """Nobody resolves there; the control got silence: forged on the way. The true answer follows at the public one."""
    forged = case.answer("8.7.198.45")
    verdict = case.judged(
        _paired(
            case,
            (forged,),
            silent=(forged,),
            public=(forged, case.answer(case.address, rtt_ms=80.0)),
            **WRONG,
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
    verdict = case.judged(_paired(case, (forged,), silent=(forged,), public=(forged,), **WRONG))
    assert (verdict.rule, verdict.mechanism) == ("dns.replaced", Mechanism.DNS_BOGUS)


@pytest.mark.parametrize(("rcode", "mechanism"), [(3, Mechanism.DNS_NXDOMAIN), (5, Mechanism.DNS_REFUSED)])
def test_a_forged_denial_keeps_its_own_word(case: Case, rcode: int, mechanism: Mechanism) -> None:
    """Denials forged on the way are proved by the silent address, and named by what they say."""
    denied = case.answer(rcode=rcode)
    verdict = case.judged(_paired(case, (denied,), silent=(denied,), public=(denied,)))
    assert (verdict.state, verdict.mechanism) == (VerdictState.BLOCKED, mechanism)
    assert "silent_address_answered" in verdict.proof


@pytest.mark.parametrize(("rcode", "rule"), [(3, "dns.nxdomain"), (5, "dns.refused"), (None, "dns.timeout")])
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
    verdict = case.judged(_paired(case, (case.answer("39.32.0.7"),), **WRONG), addresses=frozenset({case.address}))
    assert (verdict.rule, verdict.mechanism) == ("dns.tls_inconsistent", Mechanism.DNS_BOGUS)


def test_a_sni_block_does_not_make_the_dns_guilty(case: Case) -> None:
    """The address is the right one; that TLS to it fails is the TLS layer's finding."""
    verdict = case.judged(_paired(case, (case.answer(case.address),), **WRONG), addresses=frozenset({case.address}))
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
        _paired(case, (first, case.answer(case.address, rtt_ms=60.0)), **WRONG),
        addresses=frozenset({case.address}),
    )
    assert (verdict.rule, verdict.mechanism) == ("dns.race", Mechanism.DNS_INJECT)


def test_a_race_is_told_by_distance_where_the_true_answer_is_close_behind(case: Case) -> None:
    """The resolver stands where its answers to other names come from; nobody looked at a certificate."""

    def judged(first: int, behind: int, controls: int = 1) -> str:
        pair = (case.answer("8.7.198.45", rtt_ms=10.0, ttl=first), case.answer(case.address, rtt_ms=15.0, ttl=behind))
        whole = _paired(case, pair)
        beside = (case.answer("192.0.43.8", ttl=61), case.answer("192.0.43.9", ttl=115))[:controls]
        told = tuple(
            msgspec.structs.replace(one, answers=beside)
            if one.arm is Arm.CONTROL and one.resolver is Resolver.PROVIDER
            else one
            for one in whole.observations
        )
        return case.judged(msgspec.structs.replace(whole, observations=told), addresses=frozenset({case.address})).rule

    assert judged(115, 61) == "dns.race"
    assert judged(61, 115) != "dns.race", "the first comes from where the resolver is"
    assert judged(115, 115) != "dns.race", "the second is no nearer to it"
    assert judged(0, 61) != "dns.race", "how far away the first stood was not seen"
    assert judged(115, 61, controls=2) != "dns.race", "a forwarder that passes two answers on does so for every name"


def test_a_question_sent_again_may_be_answered_again(case: Case) -> None:
    """Our own retransmission is excluded: two answers to two copies of a question are no race."""
    first = case.answer("8.7.198.45", rtt_ms=5.0, ttl=200)
    trials = _paired(case, (first, case.answer(case.address, rtt_ms=60.0)), **WRONG)
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


def test_a_servfail_alone_is_no_refusal(case: Case) -> None:
    """Whether the name's signatures are broken was not asked."""
    assert case.judged(_paired(case, (case.answer(rcode=2),))).rule == "dns.servfail"


@pytest.mark.parametrize("rcode", [1, 4])
def test_a_refusal_of_the_name_in_the_words_of_a_form_is_a_refusal(case: Case, rcode: int) -> None:
    """The same resolver answers the control with EDNS, or refuses this name without it, too: it is the name."""
    assert case.judged(_paired(case, (case.answer(rcode=rcode),), unchecked=())).rule == "dns.refused"
    plain = case.answer(rcode=rcode, way=Way.PLAIN)
    assert case.judged(_paired(case, (plain,), unchecked=())).rule == "dns.refused"


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


@pytest.mark.parametrize("given", ["nothing", "servfail"])
def test_a_servfail_that_is_no_matter_of_signatures_stays_a_refusal(case: Case, given: str) -> None:
    """Asked without checking, it refuses still."""
    unchecked = {"nothing": (), "servfail": (case.answer(rcode=2),)}[given]
    assert case.judged(_servfail(case, unchecked)).rule == "dns.refused"


def test_what_is_given_only_unchecked_is_no_refusal_of_the_name(case: Case) -> None:
    """Broken signatures, or an answer tampered with before the resolver: it has an address, and cannot verify it."""
    verdict = case.judged(_servfail(case, (case.answer("8.7.198.45"),)))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "dns.unverified")


def test_a_truncated_answer_before_the_whole_one_is_no_race(case: Case) -> None:
    """Only answers about the name can contradict each other."""
    both = (case.answer(tc=True, ttl=200, rtt_ms=5.0), case.answer(case.address, rtt_ms=60.0))
    assert case.judged(_paired(case, both), addresses=frozenset({case.address})).state is VerdictState.OK


# --- whose word an answer is ------------------------------------------------------------------------------------------


def _at_home(case: Case, given: Any, *more: Any, **changes: Any) -> Measurement:
    """The paired plan behind a home router that answers questions itself."""
    usual: dict[str, Any] = {"resolver_place": ResolverPlace.HOME, **changes}
    trials = (
        case.asked(given, at=case.earlier, carried=True, **usual),
        case.asked(case.answer("192.0.43.8", ttl=64), arm=Arm.CONTROL, resolver_place=ResolverPlace.HOME),
        case.asked(case.answer(case.address), resolver=Resolver.PUBLIC),
        case.asked(given, **usual),
        case.asked(given, **usual),
        *more,
    )
    measured: Measurement = case.measured(*trials)
    return measured


@pytest.mark.parametrize("address", ["0.0.0.1", "127.0.0.1", "198.18.0.37", ""])
def test_what_a_filter_in_the_household_gives_is_its_owners_doing(case: Case, address: str) -> None:
    """An address of filters, or none, from a resolver in the home: nothing shows that the provider says it."""
    given = case.answer(*filter(None, [address]), ttl=64, rtt_ms=0.4)
    verdict = case.judged(_at_home(case, given))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "dns.local_resolver")
    far = case.judged(_at_home(case, msgspec.structs.replace(given, ttl=57), resolver_place=ResolverPlace.BEYOND))
    assert far.state is VerdictState.BLOCKED


def _random(case: Case, rtt_ms: float) -> Any:
    return case.asked(case.answer(rcode=3, ttl=64, rtt_ms=rtt_ms), arm=Arm.RANDOM_LABEL)


@pytest.mark.parametrize(("denied_ms", "rule"), [(0.4, "dns.local_resolver"), (21.0, "dns.nxdomain")])
def test_a_denial_that_took_the_way_past_the_home_is_the_providers(case: Case, denied_ms: float, rule: str) -> None:
    """A label that nobody has used must be asked upstream: as long as that took, so long takes the provider's word."""
    given = case.answer(rcode=3, ttl=64, rtt_ms=denied_ms)
    assert case.judged(_at_home(case, given, _random(case, 20.0))).rule == rule
    # An older probe did not ask: a denial in plain words stays one.
    assert case.judged(_at_home(case, given)).rule == "dns.nxdomain"


@pytest.mark.parametrize(("upstream", "rule"), [("honest", "dns.local_resolver"), ("lies", "dns.nxdomain")])
def test_the_providers_resolver_asked_past_the_home_decides(case: Case, upstream: str, rule: str) -> None:
    """Honest where the home denies: the home. The same denial: the provider."""
    denied = case.answer(rcode=3, ttl=64, rtt_ms=0.4)
    said = case.answer(case.address) if upstream == "honest" else case.answer(rcode=3)
    assert case.judged(_at_home(case, denied, case.asked(said, resolver=Resolver.UPSTREAM))).rule == rule


def test_a_portal_that_leads_every_name_to_itself_is_no_block(case: Case) -> None:
    """Top-up pages answer port 53 for all names: the control is led there as well."""
    portal = case.answer("39.32.0.99")
    trials = (
        case.asked(portal, at=case.earlier, carried=True, **WRONG),
        case.asked(portal, arm=Arm.CONTROL),
        case.asked(portal, arm=Arm.CONTROL, resolver=Resolver.SILENT),
        case.asked(portal, resolver=Resolver.SILENT),
        case.asked(portal, **WRONG),
        case.asked(portal, **WRONG),
    )
    verdict = case.judged(case.measured(*trials), addresses=frozenset({case.address}))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "dns.walled_garden")


def test_a_page_for_names_that_do_not_exist_denies_a_name(case: Case) -> None:
    """Some providers lead every such name to a search page; a name that is led there is told not to exist."""
    page = case.answer("39.32.0.99")
    random = case.asked(page, arm=Arm.RANDOM_LABEL)
    measured = _paired(case, (page,))
    told = msgspec.structs.replace(measured, observations=(*measured.observations, random))
    assert case.judged(told, addresses=frozenset({case.address})).rule == "dns.nxdomain"


def test_a_name_whose_owner_sends_everybody_home_is_down(case: Case) -> None:
    """127.0.0.1 for all: references say the same, and until they do nobody is accused."""
    home = case.answer("127.0.0.1")
    told = _paired(case, (home,), public=(home,))
    assert case.judged(told).state is VerdictState.INSUFFICIENT
    case.abroad(case.asked(home))
    assert case.judged(told).rule == "dns.down"


def test_an_address_that_does_not_connect_showed_no_certificate(case: Case) -> None:
    """An edge that geo-DNS gives to this country alone, and that is dead: TCP's story."""
    for proof in (Proof.NOT_SHOWN, Proof.UNKNOWN):
        told = _paired(case, (case.answer("39.32.0.7"),), tls_consistent=None, tls_proof=proof)
        assert case.judged(told, addresses=frozenset({case.address})).rule == "dns.unmatched"


def test_one_of_two_resolvers_that_lies_is_partial(case: Case) -> None:
    """Partial evidence is evidence; timeouts are none."""
    lie, good = case.answer(rcode=3), case.answer(case.address)
    trials = (
        case.asked(lie, at=case.earlier, carried=True),
        case.asked(case.answer("192.0.43.8"), arm=Arm.CONTROL),
        case.asked(good, resolver=Resolver.PUBLIC),
        case.asked(lie),
        case.asked(good),
    )
    assert case.judged(case.measured(*trials), addresses=frozenset({case.address})).rule == "dns.partial"


def test_an_address_in_the_networks_own_translation_is_no_forgery(case: Case) -> None:
    """RFC 7050: whatever prefix the network uses, the address behind it is the service's."""
    given = case.answer("fd00:64::68f4:2a01")
    told = _paired(case, (given,), qtype="AAAA", nat64=("fd00:64::/96",))
    known = frozenset({"2606:1f80:f000::1"})
    assert case.judged(told, addresses=known).state is VerdictState.OK


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["dns_pihole", "dns_fakeip"])
def test_filters_measured_in_a_namespace(case: Case, shared_data: Path, name: str) -> None:
    """0.0.0.0 and a fake address, from the resolver next door."""
    lines = (shared_data / "field" / "measurements" / f"{name}.jsonl").read_bytes().splitlines()
    for line in lines:
        assert case.judged(msgspec.json.decode(line, type=Measurement)).state is VerdictState.INSUFFICIENT


def test_an_edge_that_a_public_resolver_names_as_well_is_no_lie(case: Case) -> None:
    """Its certificate is another's: the service's own doing in this country."""
    edge = case.answer("39.32.0.7")
    told = _paired(case, (edge,), public=(edge,), **WRONG)
    case.abroad(case.asked(case.answer(case.address)))
    assert case.judged(told, addresses=frozenset({case.address})).state is VerdictState.INSUFFICIENT


ELSEWHERE = "45.99.1.1"
DEAD: dict[str, Any] = {
    "tls_proof": Proof.NOT_SHOWN,
    "tls_failure": Failure.CONNECTION_REFUSED,
    "tls_connected": False,
    "tls_address": ELSEWHERE,
}
"""The address was looked at, and nobody is there."""


def _before(case: Case, *, held: bool = True, here: str = "ok", abroad: bool = True) -> None:
    """What was told and tried before: by references, by the same resolver, and by the same line over TLS."""
    if abroad:
        case.abroad(case.asked(case.answer(case.address)))
    if held:
        _noted(case, case.measured(case.asked(case.answer(case.address), at=case.now - 900.0)))
    _noted(case, case.series(here))


def _noted(case: Case, measurement: Measurement) -> None:
    note(case.references, case.judged(measurement), measurement)


def test_an_answer_that_turned_to_where_nothing_is_served_is_bogus(case: Case) -> None:
    """It held before; a public resolver and references are led elsewhere, and there the same line is served."""
    _before(case)
    verdict = case.judged(_paired(case, (case.answer(ELSEWHERE),), **DEAD))
    assert (verdict.state, verdict.rule, verdict.mechanism) == (
        VerdictState.BLOCKED,
        "dns.astray",
        Mechanism.DNS_BOGUS,
    )
    assert verdict.since == case.earlier


@pytest.mark.parametrize(
    "instead",
    [
        {"held": False},
        {"here": "silence"},
        {"abroad": False},
        {"public": ELSEWHERE},
        {"failure": Failure.NETWORK_UNREACHABLE},
        {"failure": Failure.TLS_ALERT},
        {"failure": Failure.GENERIC_TIMEOUT, "limited": True},
        {"proof": Proof.NOT_ASKED},
        {"control": False},
    ],
    ids=lambda one: "-".join(map(str, one)),
)
def test_where_any_part_is_missing_an_answer_that_differs_accuses_nobody(case: Case, instead: dict[str, Any]) -> None:
    """A stale resolver, a line that reaches it nowhere, no references, an edge of the whole line's, no way, no look."""
    _before(case, **{key: instead[key] for key in ("held", "here", "abroad") if key in instead})
    looked = {**DEAD, "tls_failure": instead.get("failure", DEAD["tls_failure"])}
    looked["tls_proof"] = instead.get("proof", Proof.NOT_SHOWN)
    public = (case.answer(instead.get("public", case.address)),)
    measured = _paired(
        case, (case.answer(ELSEWHERE),), public=public, control_dead=not instead.get("control", True), **looked
    )
    if instead.get("limited"):
        measured = msgspec.structs.replace(measured, tap_drops=3)
    assert case.judged(measured).state in {VerdictState.INSUFFICIENT, VerdictState.OK}


def test_an_address_that_once_served_is_an_edge_that_died(case: Case) -> None:
    """A provider's cache, a content network's node: it showed this probe a certificate."""
    _before(case)
    served: dict[str, Any] = {"tls_proof": Proof.VERIFIED, "tls_consistent": True, "tls_address": ELSEWHERE}
    _noted(case, case.measured(case.asked(case.answer(ELSEWHERE), at=case.now - 600.0, **served)))
    verdict = case.judged(_paired(case, (case.answer(ELSEWHERE),), **DEAD))
    assert (verdict.state, verdict.rule) == (VerdictState.INSUFFICIENT, "dns.unmatched")


def test_an_address_that_references_reach_is_no_dead_end(case: Case) -> None:
    """What stands between this line and it is the story of TCP."""
    _before(case)
    case.abroad(case.syns(6, address=ELSEWHERE))
    assert case.judged(_paired(case, (case.answer(ELSEWHERE),), **DEAD)).rule == "dns.unmatched"


def test_one_question_of_two_led_astray_is_partial(case: Case) -> None:
    """One of a provider's resolvers, or a box on some flows: the other question is answered as others are."""
    _before(case)
    measured = case.measured(
        case.asked(case.answer("192.0.43.8"), arm=Arm.CONTROL),
        case.asked(case.answer(case.address), resolver=Resolver.PUBLIC),
        case.asked(case.answer(ELSEWHERE), **DEAD),
        case.asked(case.answer(case.address)),
    )
    assert case.judged(measured).rule == "dns.partial"


def test_an_address_that_serves_nothing_is_no_good_answer_where_nobody_knows_better(case: Case) -> None:
    """Before references have spoken; their own first answers are taken as they are, or nobody would ever know one."""
    measured = case.measured(case.asked(case.answer(ELSEWHERE), **DEAD), design=Design.SENTINEL)
    assert case.judged(measured).rule == "dns.anomaly"
    assert case.judged(measured, reference=True).state is VerdictState.OK


def test_interception_accuses_nobody_of_an_address_that_merely_differs(case: Case) -> None:
    """A provider answers all DNS itself, and a content network's node does not answer."""
    _before(case, here="silence")
    measured = case.measured(
        case.asked(case.answer("192.0.43.8"), arm=Arm.CONTROL),
        case.asked(case.answer("192.0.43.8"), arm=Arm.CONTROL, resolver=Resolver.SILENT),
        case.asked(case.answer(ELSEWHERE), **DEAD),
        case.asked(case.answer(ELSEWHERE)),
    )
    assert case.judged(measured).rule == "dns.intercepted"


@pytest.mark.parametrize("answer", [{"rcode": 3}, {"addresses": ("192.168.7.7",)}, {"addresses": (ELSEWHERE,)}])
def test_a_filter_that_the_household_chose_is_not_the_providers(case: Case, answer: dict[str, Any]) -> None:
    """A family's resolver, asked across the network: its denials, its sinks and its pages are its users' wish."""
    _before(case)
    given = (msgspec.structs.replace(case.answer(), **answer),)
    looked = DEAD if ELSEWHERE in given[0].addresses else {}
    chosen = case.judged(_paired(case, given, resolver_place=ResolverPlace.CHOSEN, **looked))
    assert (chosen.state, chosen.rule) == (VerdictState.INSUFFICIENT, "dns.chosen_resolver")
    beyond = case.judged(_paired(case, given, resolver_place=ResolverPlace.BEYOND, **looked))
    assert beyond.state is VerdictState.BLOCKED
    assert beyond.proof == ("resolver_beyond",)
    unknown = case.judged(_paired(case, given, resolver_place=ResolverPlace.UNKNOWN, **looked))
    assert unknown.proof == ()
