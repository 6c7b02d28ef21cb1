"""The seal: only the right key opens it, nothing hostile crashes it, no frame takes more memory than allowed."""

import hypothesis.strategies as st
import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from balise_wire.dictionary import COMMON, CURRENT, DICTIONARIES
from balise_wire.seal import HEADER, MAGIC, Sealer, SealError, key_id, signer, unseal

OURS = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
SEALER = Sealer(OURS)


@given(st.binary(max_size=2000))
def test_what_was_sealed_opens(message: bytes) -> None:
    """A frame opens to its message under the signer's key, and names that key."""
    frame = SEALER.seal(message)
    assert signer(frame) == key_id(OURS.public_key())
    assert unseal(frame, OURS.public_key(), most=2000) == message


@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused_not_crashed_on(frame: bytes) -> None:
    """Anything that we did not seal is a SealError, with or without our magic."""
    for candidate in (frame, MAGIC + b"\x01" + key_id(OURS.public_key()) + frame):
        with pytest.raises(SealError):
            unseal(candidate, OURS.public_key(), most=1000)


@given(st.data())
def test_one_altered_bit_is_noticed(data: st.DataObject) -> None:
    """Header, signature and payload are all covered."""
    frame = bytearray(SEALER.seal(b"a measurement"))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealError):
        unseal(bytes(frame), OURS.public_key(), most=1000)


def test_another_key_is_refused() -> None:
    """A frame by another key is refused even though its signature is sound."""
    with pytest.raises(SealError, match="another key"):
        unseal(Sealer(OTHER).seal(b"x"), OURS.public_key(), most=1000)


def test_a_bomb_is_refused_before_memory_is_taken() -> None:
    """The declared size is checked first: 1 GiB of zeros in a few KB costs the reader nothing."""
    with pytest.raises(SealError, match="1048576 bytes"):
        unseal(SEALER.seal(bytes(1 << 20)), OURS.public_key(), most=1 << 19)


def _resealed(payload: bytes) -> bytes:
    """Sign an arbitrary payload as our own."""
    header = MAGIC + b"\x01" + key_id(OURS.public_key())
    return header + OURS.sign(b"balise/v1\0" + header + payload) + payload


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not valid zstd"),
        (b"plain text", "not valid zstd"),
        (zstandard.ZstdCompressor(write_content_size=False).compress(bytes(5000)), "undeclared"),
    ],
)
def test_a_signed_payload_is_still_not_trusted(payload: bytes, reason: str) -> None:
    """A hostile probe with a valid key can send bad payloads; each is refused with its reason."""
    with pytest.raises(SealError, match=reason):
        unseal(_resealed(payload), OURS.public_key(), most=1000)


def test_what_probes_must_open_is_made_with_what_all_have() -> None:
    """A collector's message names the first dictionary, also once there is a newer one: a halt must open everywhere."""
    frame = Sealer(OURS, dictionary=COMMON).seal(b"a halt")
    assert zstandard.get_frame_parameters(frame[HEADER:]).dict_id == COMMON == min(DICTIONARIES)
    assert CURRENT in DICTIONARIES


def test_unknown_flags_name_the_mend() -> None:
    """A frame of a newer generation is refused with the mend, not misread."""
    frame = bytearray(SEALER.seal(b"x"))
    frame[4] = 3
    with pytest.raises(SealError, match="update"):
        unseal(bytes(frame), OURS.public_key(), most=1000)
    assert len(frame) > HEADER
