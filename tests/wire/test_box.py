"""The box: only its recipient opens it, hostile bytes are refused, and damage is seen by whoever merely keeps it."""

from pathlib import Path

import hypothesis.strategies as st
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from balise_wire.box import MAGIC, OVERHEAD, Boxer, Opener, addressee, is_whole, private_key, public_hex, renumbered
from balise_wire.envelope import MAX_BODY_BYTES, decode_envelope
from balise_wire.seal import SealError, unseal

SEED = bytes(range(32))
OURS = private_key(SEED)
BOXER = Boxer(public_hex(OURS.public_key()))
OPENER = Opener([OURS])
OTHER = Opener([private_key(bytes(32))])
GOLDEN = Path(__file__).parent / "golden"


@given(st.binary(max_size=2000), st.integers(0, 2**53))
def test_what_was_boxed_opens_for_its_recipient_alone(frame: bytes, number: int) -> None:
    """It opens to what was put in, names its addressee, and takes 69 bytes more."""
    box = BOXER.box(frame, number)
    assert OPENER.open(box) == frame
    assert addressee(box) == BOXER.addressee
    assert len(box) == len(frame) + OVERHEAD
    with pytest.raises(SealError, match="another collector"):
        OTHER.open(box)


@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused_not_crashed_on(frame: bytes) -> None:
    """Anything that nobody boxed for us is a SealError, with or without magic, flags and our name on it."""
    for candidate in (frame, MAGIC + frame, MAGIC + b"\0" + BOXER.addressee + frame):
        with pytest.raises(SealError):
            OPENER.open(candidate)


@given(st.data())
def test_one_altered_bit_is_noticed_by_keeper_and_recipient(data: st.DataObject) -> None:
    """By the keeper, without any secret; by the recipient, except in the check, which proves nothing to it."""
    box = bytearray(BOXER.box(b"a measurement", 7))
    place = data.draw(st.integers(0, len(box) - 1))
    box[place] ^= 1 << data.draw(st.integers(0, 7))
    assert not is_whole(bytes(box), 7)
    if not 13 <= place < 21:
        with pytest.raises(SealError):
            OPENER.open(bytes(box))


def test_a_row_that_moved_is_not_whole() -> None:
    """The check holds the number of the row: a box that a damaged disk shows under another number is seen."""
    box = BOXER.box(b"a measurement", 7)
    assert is_whole(box, 7)
    assert not is_whole(box, 8)
    assert is_whole(renumbered(box, 8), 8)
    assert OPENER.open(renumbered(box, 8)) == b"a measurement"


def test_two_boxes_of_one_frame_have_nothing_in_common() -> None:
    """Each has an ephemeral key of its own: nobody sees that two boxes hold the same."""
    first, second = BOXER.box(b"x" * 64), BOXER.box(b"x" * 64)
    assert first[21:53] != second[21:53]
    assert first[53:] != second[53:]


@pytest.mark.parametrize("key", ["", "zz" * 32, "00" * 31, "00" * 32, "not hex at all"])
def test_a_key_that_is_none_is_refused_when_it_is_learned(key: str) -> None:
    """Malformed, too short, or of small order (RFC 7748 6.1): said at once, not with the first result."""
    with pytest.raises(SealError):
        Boxer(key)


def test_unknown_flags_name_the_mend() -> None:
    """A box of a newer generation is refused with the mend, not misread."""
    box = bytearray(BOXER.box(b"x"))
    box[4] = 1
    with pytest.raises(SealError, match="update"):
        OPENER.open(bytes(box))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.boxed")), ids=lambda path: path.name)
def test_a_golden_box_opens_and_holds_a_golden_batch(path: Path) -> None:
    """A box that was once on air opens for ever, with the key that was derived from the collector's seed then."""
    signer = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    envelope = decode_envelope(unseal(OPENER.open(path.read_bytes()), signer, most=MAX_BODY_BYTES))
    assert (envelope.probe, envelope.historical) == ("k7m2q9xd", True)


def test_there_is_a_golden_box() -> None:
    """Or nobody promised to keep opening them."""
    assert list(GOLDEN.glob("*.boxed"))
