"""The sealed stream: what goes in comes out, and no chunk can be left out, swapped, repeated or cut off."""

from __future__ import annotations

import io

import pytest

from balise_collector.run.backup import sealed
from balise_collector.run.backup.sealed import Damaged, SealedReader, SealingWriter, WrongPassphrase

CHUNK = 1000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks and cost of a size that a test can afford; the construction is the same."""
    monkeypatch.setattr(sealed, "_CHUNK", CHUNK)
    monkeypatch.setattr(sealed, "_COST", 16)


def seal(data: bytes, step: int = 333) -> bytes:
    """Seal data that comes in pieces."""
    out = io.BytesIO()
    writer = SealingWriter(out, b"words")
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
    writer.close()
    return out.getvalue()


def read(data: bytes, words: bytes = b"words") -> bytes:
    """Read a sealed stream to its end."""
    reader = SealedReader(io.BytesIO(data), words)
    got = b""
    while part := reader.read(777):
        got += part
    return got


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK])
def test_it_comes_out_as_it_went_in(size: int) -> None:
    """Also where the end falls on the end of a chunk."""
    data = bytes(n % 251 for n in range(size))
    assert read(seal(data)) == data


def test_chunks_stay_in_their_place() -> None:
    """Left out, swapped, repeated, cut off, or with one bit turned: all are noticed."""
    whole = seal(bytes(3 * CHUNK + 10))
    head, size = len(whole) - 3 * (CHUNK + 16) - 26, CHUNK + 16
    a, b, c, end = (whole[head + n * size : head + (n + 1) * size] for n in range(4))
    for forged in (a + c + end, a + b + b + c + end, a + c + b + end, a + b + c, a + b + c + end + end, a):
        with pytest.raises((Damaged, WrongPassphrase)):
            read(whole[:head] + forged)
    for place in (head // 2, head + 5, len(whole) - 1):
        turned = bytearray(whole)
        turned[place] ^= 1
        with pytest.raises((Damaged, WrongPassphrase)):
            read(bytes(turned))


def test_other_words_open_nothing() -> None:
    """The first chunk says so."""
    with pytest.raises(WrongPassphrase):
        read(seal(b"x"), b"other")
    with pytest.raises(WrongPassphrase):
        read(b"short")
