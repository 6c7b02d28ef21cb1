"""A stranger's announcement: read for the operator, whatever is in it."""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from balise_collector.intake.announce import Announcement, read_announcement
from balise_wire.envelope import Kind
from balise_wire.status import Meta
from balise_wire.topics import Leaf, ProbeTopic
from tests.collector.field_probe import FieldProbe

NOW = 1_589_733_000.0


def test_a_plain_meta_is_read(probe: FieldProbe) -> None:
    """The retained meta gives the key that the operator compares."""
    meta = Meta(public_key=probe.public_hex, software="0.1.0", country="PK", asn=64501)
    heard = read_announcement(ProbeTopic(probe.id, Leaf.META), msgspec.json.encode(meta), NOW)
    assert isinstance(heard, Announcement)
    who = heard.stranger
    assert (who.id, who.public_key, who.country, who.asn) == (probe.id, probe.public_hex, "PK", 64501)


def test_a_sealed_meta_must_be_signed_with_the_key_it_names(
    probe: FieldProbe, make_probe: Callable[..., FieldProbe]
) -> None:
    """A sealed announcement proves that its sender holds the key; one that names another's key does not."""
    body = msgspec.json.encode(Meta(public_key=probe.public_hex, software="0.1.0"))
    good = probe.seal(probe.envelope(body, kind=Kind.META))
    assert isinstance(read_announcement(ProbeTopic(probe.id, Leaf.META), good, NOW), Announcement)
    thief = make_probe(id=probe.id)
    stolen = thief.seal(thief.envelope(body, kind=Kind.META))
    assert "signed by another key" in str(read_announcement(ProbeTopic(probe.id, Leaf.META), stolen, NOW))


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda raw: b"BLS1\x01" + raw + os.urandom(80)))
@settings(settings.get_profile("balise-fuzz"))
def test_noise_is_a_reason(payload: bytes) -> None:
    """Whatever a stranger retains on a meta topic: a reason, never an exception."""
    assert isinstance(read_announcement(ProbeTopic("stranger", Leaf.META), payload, NOW), str)
