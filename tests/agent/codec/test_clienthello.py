"""The browser's ClientHello: well-formed, deterministic, one segment, with the name in it."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_agent.codec.clienthello import Extra, client_hello, cut_in_name, in_two_records

names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?(\.[a-z0-9]{1,30}){0,5}", fullmatch=True)


class Reader:
    """Reads length-prefixed structures strictly (RFC 8446 3)."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        """Take exactly ``count`` bytes."""
        assert len(self.data) >= count, "truncated"
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def number(self, size: int) -> int:
        """Take an integer."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """Take what a length announces."""
        return self.take(self.number(size))

    def end(self) -> None:
        """Nothing may be left."""
        assert not self.data, f"{len(self.data)} bytes left"


def parse(record: bytes) -> tuple[bytes, list[int], dict[int, bytes]]:
    """Return random, cipher suites and extensions of a hello; every length must be right."""
    outer = Reader(record)
    assert outer.take(3) == b"\x16\x03\x01"
    handshake = Reader(outer.vector(2))
    outer.end()
    assert handshake.take(1) == b"\x01"
    hello = Reader(handshake.vector(3))
    handshake.end()
    assert hello.take(2) == b"\x03\x03"
    random = hello.take(32)
    assert len(hello.vector(1)) == 32
    suites = Reader(hello.vector(2))
    ciphers = [suites.number(2) for _ in range(len(suites.data) // 2)]
    suites.end()
    assert hello.vector(1) == b"\0"
    block = Reader(hello.vector(2))
    hello.end()
    extensions: dict[int, bytes] = {}
    while block.data:
        kind = block.number(2)
        assert kind not in extensions, "an extension twice (RFC 8446 4.2)"
        extensions[kind] = block.vector(2)
    return random, ciphers, extensions


def is_grease(value: int) -> bool:
    """RFC 8701 2: 0x0A0A, 0x1A1A, ... 0xFAFA."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


@given(names, st.integers(min_value=0, max_value=2**64))
def test_it_parses_back(name: str, seed: int) -> None:
    """Every length is right for every name, and the name is in it once."""
    record = client_hello(name, seed)
    _, ciphers, extensions = parse(record)
    listed = Reader(Reader(extensions[0]).vector(2))
    assert listed.take(1) == b"\0"
    assert listed.vector(2) == name.encode()
    listed.end()
    assert is_grease(ciphers[0])
    assert 0x1301 in ciphers
    kinds = list(extensions)
    assert is_grease(kinds[0])
    assert sum(is_grease(kind) for kind in kinds) == 2
    shares = Reader(Reader(extensions[51]).vector(2))
    assert is_grease(shares.number(2))
    assert shares.vector(2) == b"\0"
    assert shares.number(2) == 0x001D
    assert len(shares.vector(2)) == 32
    shares.end()
    assert record == client_hello(name, seed)


@given(st.integers(min_value=0, max_value=2**64), names)
def test_it_fits_one_segment_like_chromes(seed: int, name: str) -> None:
    """Padded to 517 bytes as browsers do (RFC 7685); never long enough to need two segments."""
    record = client_hello(name, seed)
    assert 517 <= len(record) < 1200


def test_seeds_differ() -> None:
    """Random, session id and key share change with the seed: hellos of two trials are not the same bytes."""
    assert parse(client_hello("a.example", 1))[0] != parse(client_hello("a.example", 2))[0]


def test_no_name_no_extension() -> None:
    """The absent arm has no server_name at all, not an empty one."""
    assert 0 not in parse(client_hello(None, 1))[2]


@pytest.mark.parametrize("seed", range(8))
def test_a_real_server_answers(seed: int) -> None:
    """OpenSSL as a server accepts the hello up to the point where it lacks a certificate for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    seen: list[str | None] = []
    context.sni_callback = lambda _object, name, _context: seen.append(name)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(client_hello("twitter.example", seed))
    # Without a certificate the only possible end is "no shared cipher": the hello itself was understood.
    with pytest.raises(ssl.SSLError, match=r"NO_SHARED_CIPHER|no shared cipher|NO_SUITABLE"):
        server.do_handshake()
    assert seen == ["twitter.example"]


@given(names, st.integers(0, 2**32))
def test_a_post_quantum_hello_takes_two_segments(name: str, seed: int) -> None:
    """Its share is a key that servers accept: every coefficient is below the modulus (FIPS 203 7.2)."""
    record = client_hello(name, seed, post_quantum=True)
    assert len(record) > 1448
    _, _, extensions = parse(record)
    shares = Reader(Reader(extensions[51]).vector(2))
    kept = {}
    while shares.data:
        group = shares.number(2)
        kept[group] = shares.vector(2)
    assert len(kept[0x11EC]) == 1184 + 32
    assert len(kept[0x001D]) == 32
    packed = int.from_bytes(kept[0x11EC][:1152], "little")
    assert all(packed >> 12 * place & 0xFFF < 3329 for place in range(768))


def test_hellos_of_one_shape_differ_in_what_must_be_new() -> None:
    """Random, session id and key share; never the order or the length of anything."""
    one, two = (parse(client_hello("a.example", seed, shape=7)) for seed in (1, 2))
    assert one[0] != two[0]
    assert one[1] == two[1]
    assert list(one[2]) == list(two[2])
    assert [kind for kind in one[2] if one[2][kind] != two[2][kind]] == [51]


@given(
    names,
    st.integers(0, 2**32),
    st.sampled_from([(Extra.ECH, 0xFE0D, Extra.LIKE_ECH), (Extra.ESNI, 0xFFCE, Extra.LIKE_ESNI)]),
)
def test_an_extension_more_and_its_control_differ_in_its_type_and_content(
    name: str, seed: int, of: tuple[Extra, int, Extra]
) -> None:
    """Same length, same place, same order of all others; the control's type is reserved (RFC 8701) and used once."""
    extra, kind, control = of
    with_it, beside = client_hello(name, seed, extra=extra), client_hello(name, seed, extra=control)
    assert len(with_it) == len(beside) < 1448
    _, _, one = parse(with_it)
    _, _, other = parse(beside)
    place = list(one).index(kind)
    assert is_grease(list(other)[place])
    assert len(one[kind]) == len(other[list(other)[place]])
    assert list(one)[:place] == list(other)[:place]
    assert list(one)[place + 1 :] == list(other)[place + 1 :]
    assert {kind: one[kind] for kind in list(one)[:place]} == {kind: other[kind] for kind in list(other)[:place]}


def test_ech_has_the_form_of_an_outer_hello() -> None:
    """RFC 9849 5: type, cipher suite, config id, encapsulated key, sealed inner hello."""
    sizes = set()
    for seed in range(40):
        body = Reader(parse(client_hello("a.example", seed, extra=Extra.ECH))[2][0xFE0D])
        assert (body.number(1), body.number(2), body.number(2)) == (0, 1, 1)
        body.take(1)
        assert len(body.vector(2)) == 32
        sizes.add(len(body.vector(2)))
        body.end()
    assert sizes == {144, 176, 208, 240}


def test_esni_has_the_form_of_its_second_draft() -> None:
    """draft-ietf-tls-esni-02 5.1: suite, key share, digest, sealed name."""
    body = Reader(parse(client_hello("a.example", 3, extra=Extra.ESNI))[2][0xFFCE])
    assert (body.number(2), body.number(2)) == (0x1301, 0x001D)
    assert (len(body.vector(2)), len(body.vector(2)), len(body.vector(2))) == (32, 32, 292)
    body.end()


@pytest.mark.parametrize("extra", list(Extra))
def test_a_real_server_answers_a_hello_with_an_extension_more(extra: Extra) -> None:
    """OpenSSL ignores what it does not know (RFC 8446 4.2): it gets as far as without it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(client_hello("twitter.example", 5, extra=extra))
    with pytest.raises(ssl.SSLError, match=r"NO_SHARED_CIPHER|no shared cipher|NO_SUITABLE"):
        server.do_handshake()


@given(names, st.integers(0, 2**32))
def test_a_cut_goes_through_the_name(name: str, seed: int) -> None:
    """Neither part holds the whole of it, and together they are the hello."""
    hello = client_hello(name, seed)
    first, rest = cut_in_name(hello, name, len(name) // 2)
    assert first + rest == hello
    assert first.endswith(name[: len(name) // 2].encode())
    assert rest.startswith(name[len(name) // 2 :].encode())


@given(names, st.integers(0, 2**32))
def test_two_records_hold_one_hello(name: str, seed: int) -> None:
    """RFC 8446 5.1: a handshake message may be cut at any place, and the records follow each other."""
    hello, records = client_hello(name, seed), Reader(in_two_records(client_hello(name, seed), name, 1))
    assert records.take(3) == hello[:3]
    first = records.vector(2)
    assert records.take(3) == hello[:3]
    assert first + records.vector(2) == hello[5:]
    assert first.endswith(name[:1].encode())
    records.end()


def test_a_real_server_puts_records_together() -> None:
    """OpenSSL reads the name out of both."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    seen: list[str | None] = []
    context.sni_callback = lambda _object, name, _context: seen.append(name)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(in_two_records(client_hello("twitter.example", 5), "twitter.example", 4))
    with pytest.raises(ssl.SSLError, match=r"NO_SHARED_CIPHER|no shared cipher|NO_SUITABLE"):
        server.do_handshake()
    assert seen == ["twitter.example"]
