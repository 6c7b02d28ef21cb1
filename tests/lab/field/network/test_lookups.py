"""Names that are asked for: who lies, who filters, who is silent, and what the owner says himself."""

import pytest

from balise_agent.experiments.dns.plan import PLAN as DNS
from balise_agent.experiments.steps import Queried, Query
from balise_lab.field.network import Effect, Home, Host, Resolver
from balise_lab.field.network.hosts import BOGUS, resolver_address
from balise_lab.field.network.lookups import FAKE, PORTAL
from balise_wire.experiments.dns import DnsObservation
from balise_wire.failures import Failure
from balise_wire.words import Resolver as Asked
from balise_wire.words import Way
from tests.lab.field.network.playing import CONTROL, PUBLIC, SERVICE, SILENT, Bed

S = (SERVICE,)


def ask(bed: Bed, name: str = SERVICE, resolver: Asked = Asked.PROVIDER, server: str = "", **more: object) -> Queried:
    """Ask one question as a plan would."""
    step = Query(name=name, resolver=resolver, server=server, timeout=4.0, linger=2.0, **more)  # type: ignore[arg-type]
    reply = bed.reply(bed.accesses["p1"].session(), step)
    assert isinstance(reply, Queried)
    return reply


@pytest.mark.parametrize(
    ("effect", "failure", "public"),
    [
        (Effect(kind="dns.bogus", hosts=S), None, True),
        (Effect(kind="dns.nxdomain", hosts=S), Failure.DNS_NXDOMAIN, True),
        (Effect(kind="dns.refused", hosts=S), Failure.DNS_REFUSED, True),
        (Effect(kind="dns.servfail", hosts=S), Failure.DNS_SERVFAIL, True),
        (Effect(kind="dns.nodata", hosts=S), Failure.DNS_NO_ANSWER, True),
        (Effect(kind="dns.silent", hosts=S), Failure.GENERIC_TIMEOUT, True),
        (Effect(kind="dns.nxdomain", hosts=S, resolvers=("provider", "public")), Failure.DNS_NXDOMAIN, False),
        (Effect(kind="router.filter", hosts=S), Failure.DNS_BOGON, True),
        (Effect(kind="router.filter", hosts=S, act="nodata"), Failure.DNS_NO_ANSWER, True),
        (Effect(kind="router.filter", hosts=S, act="nxdomain"), Failure.DNS_NXDOMAIN, True),
        (Effect(kind="router.filter", hosts=S, act="refused"), Failure.DNS_REFUSED, True),
        (Effect(kind="router.filter", hosts=S, act="fake"), Failure.DNS_BOGON, True),
        (Effect(kind="dns.owner", hosts=S), Failure.DNS_BOGON, False),
        (Effect(kind="dns.gone", hosts=S), Failure.DNS_NXDOMAIN, False),
    ],
    ids=lambda value: value.kind if isinstance(value, Effect) else "",
)
def test_a_name_is_lied_about_where_the_effect_says(effect: Effect, failure: Failure | None, public: bool) -> None:
    """The provider's answer is the effect's; the control is honest; a public resolver unless the effect says it."""
    bed = Bed([effect])
    trials = bed.play(DNS.paired(bed.task()), DnsObservation)
    by_resolver = {trial.resolver: trial for trial in trials if trial.name == SERVICE}
    assert by_resolver[Asked.PROVIDER].failure is failure
    assert (by_resolver[Asked.PUBLIC].failure is None) is public
    assert next(trial for trial in trials if trial.name == CONTROL).failure is None


def test_a_bogus_answer_leads_to_a_server_without_a_certificate() -> None:
    """The address that a lying resolver gives refuses TLS: the look at its certificate shows none."""
    bed = Bed([Effect(kind="dns.bogus", hosts=S)])
    (trial,) = bed.play(DNS.sentinel(bed.task()), DnsObservation)
    assert trial.answers[0].addresses == (BOGUS,)
    assert trial.tls_consistent is not True


def test_injected_answers_race_the_true_one_everywhere() -> None:
    """``dns.inject``: each forged address in a packet of its own, before the true answer, from silent addresses too."""
    bed = Bed([Effect(kind="dns.inject", hosts=S, answer=("31.13.94.1", "31.13.94.2"), ttl=77, ip_id=4)])
    honest = bed.world.addresses_of(SERVICE)[0]
    answers = ask(bed).answers
    assert [answer.addresses for answer in answers] == [("31.13.94.1",), ("31.13.94.2",), (honest,)]
    assert [(answer.ttl, answer.ip_id, answer.edns) for answer in answers[:2]] == [(77, 4, False)] * 2
    assert answers[0].rtt_ms < answers[2].rtt_ms
    assert len(ask(bed, resolver=Asked.SILENT, server=SILENT).answers) == 2
    assert not ask(bed, CONTROL, Asked.SILENT, SILENT).answers


def test_one_of_two_resolvers_lies() -> None:
    """``which``: a stub asks the second only where the first is silent."""
    lying = Effect(kind="dns.nxdomain", hosts=S, which=1)
    assert ask(Bed([lying])).answers[0].rcode == 3
    beside = Bed([lying, Effect(kind="resolver.down", which=1)])
    reply = ask(beside)
    assert reply.answers[0].rcode == 0
    assert reply.silent_resolvers == 1


def test_a_hijacked_port_answers_for_silent_addresses() -> None:
    """``dns.hijack`` and a router that answers port 53 itself: whoever is asked, an answer comes."""
    for kind, ttl in (("dns.hijack", 61), ("router.proxy53", 64)):
        bed = Bed([Effect(kind=kind)])
        reply = ask(bed, resolver=Asked.SILENT, server=SILENT)
        assert reply.answers[0].ttl == ttl
        assert reply.answers[0].addresses == ask(bed).answers[0].addresses


def test_past_a_home_s_filter_the_provider_is_honest() -> None:
    """Asked directly the provider's own resolver tells the truth, and stands further away."""
    bed = Bed([Effect(kind="router.filter", hosts=S, act="fake")])
    assert ask(bed).answers[0].addresses == (FAKE,)
    assert ask(bed).answers[0].ttl == 64
    direct = ask(bed, server=resolver_address(17557, 1))
    assert direct.answers[0].addresses == bed.world.addresses_of(SERVICE)[:1]
    assert direct.answers[0].ttl < 64


def test_a_top_up_portal_answers_every_name() -> None:
    """``portal.dns``: the subject, the control and a silent address get one address."""
    bed = Bed([Effect(kind="portal.dns")])
    found = {ask(bed, name, resolver, server).answers[0].addresses for name, resolver, server in (
        (SERVICE, Asked.PROVIDER, ""), (CONTROL, Asked.PROVIDER, ""), (SERVICE, Asked.SILENT, SILENT),
    )}  # fmt: skip
    assert found == {(PORTAL,)}


def test_broken_signatures_fail_where_they_are_checked() -> None:
    """SERVFAIL at validating resolvers alone, and an answer where checking is disabled."""
    homes = (Home(id="p1", country="PK", asn=17557, resolvers=(Resolver(validating=True),)),)
    bed = Bed([Effect(kind="dnssec.broken", hosts=S)], homes=homes)
    assert [answer.rcode for answer in ask(bed).answers] == [2]
    assert ask(bed, unchecked=True).answers[0].addresses
    assert [answer.rcode for answer in ask(bed, resolver=Asked.PUBLIC, server=PUBLIC).answers] == [2]
    assert ask(Bed([Effect(kind="dnssec.broken", hosts=S)])).answers[0].rcode == 0


def test_geo_dns_gives_a_country_its_own_edge() -> None:
    """A resolver is told the address of its country's edge, whoever runs it."""
    host = Host(name=SERVICE, addresses=("45.33.32.10",), edges={"PK": ("45.33.40.10",)}, country="US")
    bed = Bed(hosts=[host])
    assert ask(bed).answers[0].addresses == ("45.33.40.10",)
    assert ask(bed, resolver=Asked.PUBLIC, server=PUBLIC).answers[0].addresses == ("45.33.40.10",)


def test_a_network_of_ipv6_alone_makes_addresses() -> None:
    """NAT64 with DNS64 (RFC 6147): a name without IPv6 gets an address of 64:ff9b::/96."""
    homes = (Home(id="p1", country="PK", asn=17557, nat64=True),)
    bed = Bed(homes=homes, hosts=[Host(name=SERVICE, addresses=("45.33.32.10",))])
    assert ask(bed, qtype="AAAA").answers[0].addresses == ("64:ff9b::45.33.32.10",)


def test_a_cut_border_takes_foreign_names_along() -> None:
    """Behind ``border.cut`` the provider's resolver lives and resolves what is at home."""
    bed = Bed([Effect(kind="border.cut", countries=("PK",))])
    assert ask(bed).answers[0].rcode == 2
    assert ask(bed, "inside.example.pk").answers[0].rcode == 0
    assert not ask(bed, resolver=Asked.PUBLIC, server=PUBLIC).answers


@pytest.mark.parametrize(
    ("resolver", "ways", "aside"),
    [
        (Resolver(edns="formerr"), [Way.PLAIN], 1),
        (Resolver(edns="notimp"), [Way.PLAIN], 1),
        (Resolver(edns="drop"), [Way.PLAIN], 0),
        (Resolver(truncates=True), [Way.TCP], 1),
        (Resolver(truncates=True, tcp=False), [], 1),
    ],
)
def test_a_resolver_with_habits_is_asked_in_its_way(resolver: Resolver, ways: list[Way], aside: int) -> None:
    """EDNS refused, dropped, answers truncated: what a stub makes of it, with what says nothing set aside."""
    bed = Bed(homes=(Home(id="p1", country="PK", asn=17557, resolvers=(resolver,)),))
    reply = ask(bed)
    assert [answer.way for answer in reply.answers] == ways
    assert len(reply.set_aside) == aside


def test_fragments_that_are_lost_are_asked_for_over_tcp() -> None:
    """An answer of which only the first fragment came is cut and set aside; over TCP it comes whole."""
    homes = (Home(id="p1", country="PK", asn=17557, resolvers=(Resolver(cuts=True),)),)
    many = tuple(f"45.33.40.{last}" for last in range(1, 16))
    bed = Bed(homes=homes, hosts=[Host(name=SERVICE, addresses=many)])
    reply = ask(bed)
    assert [answer.cut for answer in reply.set_aside] == [True]
    assert reply.answers[0].addresses == many
