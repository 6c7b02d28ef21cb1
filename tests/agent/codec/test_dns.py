"""DNS messages: questions that scapy reads, answers that scapy wrote, and bytes that a censor wrote."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSQR, DNSRR

from balise_agent.codec import dns
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.words import Way

NAME = "www.example.org"
labels = st.lists(st.text("abcxyz-_019", min_size=1, max_size=63), min_size=1, max_size=4)


def read(message: bytes, name: str = NAME, qtype: str = "A") -> DnsAnswer:
    """Read an answer with fixed circumstances."""
    return dns.read_answer(message, name, qtype, rtt_ms=1.5, ttl=57, ip_id=30000)


def answer(*records: DNSRR, qtype: str = "A", **fields: int | list[DNSRR]) -> bytes:
    """Let scapy write an answer."""
    return bytes(DNS(id=7, qr=1, rd=1, qd=[DNSQR(qname=NAME, qtype=qtype)], an=list(records), **fields))


@pytest.mark.slow
@given(parts=labels, identifier=st.integers(0, 65535), qtype=st.sampled_from(["A", "AAAA", "TXT"]))
def test_scapy_reads_our_question(parts: list[str], identifier: int, qtype: str) -> None:
    """Name, type, id, recursion desired and EDNS are where RFC 1035 and RFC 6891 put them."""
    name = ".".join(parts)
    if len(name) > 253:
        return
    seen = DNS(dns.query(identifier, name, qtype))
    assert (seen.id, seen.qr, seen.rd) == (identifier, 0, 1)
    assert seen.qd[0].qname.decode() == name + "."
    assert seen.qd[0].qtype == dns.TYPES[qtype]
    assert (seen.ar[0].type, seen.ar[0].rclass) == (41, 1232)


@pytest.mark.parametrize("name", ["a..b", "x" * 64, ".".join(["x" * 60] * 5)])
def test_a_name_that_is_none_is_our_mistake(name: str) -> None:
    """An impossible name never becomes a packet."""
    with pytest.raises(ValueError, match="is no domain name"):
        dns.query(1, name, "A")


def test_an_unknown_type_names_the_known_ones() -> None:
    """A typo in a query type is told with its mend."""
    with pytest.raises(ValueError, match="use one of A, "):
        dns.query(1, NAME, "AAA")


def test_an_answer_is_read_whole() -> None:
    """Addresses, aliases, flags, rcode and the first record's TTL arrive, and so do the packet's own marks."""
    found = read(
        answer(
            DNSRR(rrname=NAME, type="CNAME", rdata="edge.example.net", ttl=300),
            DNSRR(rrname="edge.example.net", type="A", rdata="192.0.2.1", ttl=60),
            DNSRR(rrname="edge.example.net", type="A", rdata="192.0.2.2", ttl=60),
            aa=1,
            ra=1,
        )
    )
    assert found == DnsAnswer(
        rtt_ms=1.5,
        ttl=57,
        ip_id=30000,
        aa=True,
        ra=True,
        addresses=("192.0.2.1", "192.0.2.2"),
        cnames=("edge.example.net",),
        rr_ttl=300,
        records=3,
        soa=False,
        ad=False,
    )


def test_ipv6_addresses_are_read() -> None:
    """AAAA records come out in their canonical form."""
    found = read(answer(DNSRR(rrname=NAME, type="AAAA", rdata="2001:DB8::1"), qtype="AAAA"), qtype="AAAA")
    assert found.addresses == ("2001:db8::1",)


@pytest.mark.parametrize("rcode", [0, 2, 3, 5])
def test_the_rcode_is_kept(rcode: int) -> None:
    """NXDOMAIN, SERVFAIL and REFUSED are facts of the answer, not failures of reading it."""
    found = read(answer(rcode=rcode))
    assert (found.rcode, found.malformed, found.rr_ttl) == (rcode, False, -1)


def test_compression_is_followed_backwards_only() -> None:
    """A pointer to itself, or forwards, is malformed, and reading ends (RFC 1035 4.1.4)."""
    question = dns.query(7, NAME, "A")[12:-11]
    head = b"\0\7\x81\x80\0\1\0\1\0\0\0\0" + question
    for pointer in (len(head), len(head) + 2, 0x3FFF):
        message = head + bytes([0xC0 | pointer >> 8, pointer & 255]) + b"\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
        assert read(message).malformed
    assert read(head + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1").addresses == ("192.0.2.1",)


def test_an_answer_to_another_question_is_malformed_but_kept() -> None:
    """A box that answers every question with one canned packet shows itself, and its address is still a fact."""
    found = read(answer(DNSRR(rrname=NAME, type="A", rdata="192.0.2.66")), name="other.example.org")
    assert found.malformed
    assert found.addresses == ("192.0.2.66",)


def test_letters_case_is_nothing() -> None:
    """Resolvers may answer in another case (RFC 4343)."""
    assert not read(answer(DNSRR(rrname=NAME, type="A", rdata="192.0.2.1")), name="WWW.Example.ORG.").malformed


def test_what_was_read_before_the_break_is_kept() -> None:
    """A message cut in its second record still gives the first."""
    whole = answer(DNSRR(rrname=NAME, type="A", rdata="192.0.2.1"), DNSRR(rrname=NAME, type="A", rdata="192.0.2.2"))
    found = read(whole[:-3])
    assert (found.malformed, found.addresses) == (True, ("192.0.2.1",))


@given(message=st.binary(max_size=300))
@example(message=b"\0\7\x81\x80\xff\xff\xff\xff\xff\xff\xff\xff" + b"\xc0\x0c" * 100)
def test_no_message_is_too_hostile(message: bytes) -> None:
    """Any bytes give an answer record, at worst a malformed one."""
    found = read(message)
    assert found.malformed or len(message) >= 12


@given(tail=st.binary(max_size=200), at=st.integers(0, 60), byte=st.integers(0, 255))
def test_no_change_of_a_sound_message_is_too_hostile(tail: bytes, at: int, byte: int) -> None:
    """A sound answer with one byte changed and rubbish behind it is read without an exception."""
    message = bytearray(answer(DNSRR(rrname=NAME, type="A", rdata="192.0.2.1")) + tail)
    message[at % len(message)] = byte
    read(bytes(message))


@pytest.mark.parametrize(
    ("message", "ours"),
    [
        (b"\0\7\x81\x80", True),
        (b"\0\7\x01\x00", False),
        (b"\0\x08\x81\x80", False),
        (b"\0", False),
    ],
)
def test_only_answers_with_our_id_are_answers(message: bytes, ours: bool) -> None:
    """The id must match and the message must say that it is an answer."""
    assert dns.answers_to(7, message) is ours


def test_the_question_can_do_without_edns_and_without_signatures() -> None:
    """No OPT record, and the CD bit (RFC 4035 3.2.2), as scapy reads them."""
    plain = DNS(dns.query(7, "a.example", "A", edns=False))
    unchecked = DNS(dns.query(7, "a.example", "A", unchecked=True))
    assert (plain.arcount, plain.cd) == (0, 0)
    assert (unchecked.arcount, unchecked.cd, unchecked.rd) == (1, 1, 1)


@pytest.mark.parametrize(
    ("rcode", "edns", "way", "refused"),
    [
        (1, False, Way.EDNS, True),
        (4, True, Way.EDNS, True),
        (16, True, Way.EDNS, True),
        (2, False, Way.EDNS, True),
        (2, True, Way.EDNS, False),
        (3, False, Way.EDNS, False),
        (5, False, Way.EDNS, False),
        (1, False, Way.PLAIN, False),
        (2, False, Way.PLAIN, False),
    ],
)
def test_a_refusal_of_the_form_is_none_of_the_name(rcode: int, edns: bool, way: Way, refused: bool) -> None:
    """FORMERR, NOTIMP, BADVERS, and a SERVFAIL of a server that knows no EDNS: only of a question that had it."""
    assert dns.refuses_form(DnsAnswer(rtt_ms=1.0, rcode=rcode, edns=edns, way=way)) is refused


def test_a_refusal_that_repeats_the_question_by_half_is_one() -> None:
    """A header that announces a question, and nothing behind it: malformed, and FORMERR all the same."""
    half = read(b"\0\7\x81\x81\0\1" + bytes(6))
    assert (half.malformed, half.rcode) == (True, 1)
    assert dns.refuses_form(half)


def test_an_answer_without_its_records_says_nothing() -> None:
    """Truncated and empty, or cut off; with an address in it a truncated one says something, and is not whole."""
    whole = DnsAnswer(rtt_ms=1.0, addresses=("192.0.2.1",))
    part = DnsAnswer(rtt_ms=1.0, addresses=("192.0.2.1",), tc=True)
    bare, cut = DnsAnswer(rtt_ms=1.0, tc=True), DnsAnswer(rtt_ms=1.0, cut=True, malformed=True)
    assert [dns.says_nothing(one) for one in (whole, part, bare, cut)] == [False, False, True, True]
    assert [dns.is_whole(one) for one in (whole, part, bare, cut)] == [True, False, False, False]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (answer(rcode=3, ns=[DNSRR(rrname="example.com", type="SOA")]), (3, 0, True)),
        (answer(ns=[DNSRR(rrname="example.com", type="SOA")]), (0, 0, True)),
        (answer(), (0, 0, False)),
        (answer(DNSRR(rrname=NAME, type="CNAME", rdata="edge.example.net")), (0, 1, False)),
    ],
    ids=["no such name", "no such data", "empty", "an alias alone"],
)
def test_no_such_name_no_such_data_and_nothing_at_all_are_told_apart(
    message: bytes, told: tuple[int, int, bool]
) -> None:
    """A name server that knows the zone sends its SOA (RFC 2308 2); a filter's empty answer has none."""
    found = read(message)
    assert (found.rcode, found.records, found.soa) == told
