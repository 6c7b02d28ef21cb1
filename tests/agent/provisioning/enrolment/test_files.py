"""What is kept of an enrolment survives a power cut at any write, a copied card, and a damaged file."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from balise_agent.provisioning.enrolment.files import Files, token_of
from balise_agent.provisioning.enrolment.request import certificate_request
from balise_agent.system.config import EnrolmentSettings as Wish
from balise_agent.system.identity import Identity, ephemeral
from tests.agent.provisioning.enrolment.conftest import FrontDoors

if TYPE_CHECKING:
    from balise_wire.enrolment import Enrolment


class PowerCut(Exception):
    """The board has no power any more."""


def made(doors: FrontDoors, identity: Identity, **changes: Any) -> Enrolment:
    """Return an enrolment for a key."""
    found: Enrolment = doors.enrolment(certificate_request(identity.key))
    return msgspec.structs.replace(found, **changes)


def cut_after(writes: int, files: Files, monkeypatch: pytest.MonkeyPatch, *, inside: bool) -> None:
    """Let the power go after so many writes, or in the middle of the next one."""
    original = Files._write
    count = 0

    def write(self: Files, name: str, content: bytes) -> None:
        nonlocal count
        if count == writes:
            if inside:
                (self.folder / f".{name}.new").write_bytes(content[: len(content) // 2])
            raise PowerCut
        count += 1
        original(self, name, content)

    monkeypatch.setattr(files.__class__, "_write", write)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("writes", range(6))
def test_a_power_cut_at_any_write_leaves_not_enrolled_or_enrolled(
    tmp_path: Path, identity: Identity, doors: FrontDoors, monkeypatch: pytest.MonkeyPatch, writes: int, *, inside: bool
) -> None:
    """Either nothing counts and the same question can be asked again, or everything is there at the next start."""
    files, enrolment = Files(tmp_path), made(doors, identity)
    with monkeypatch.context() as patch:
        cut_after(writes, files, patch, inside=inside)
        with pytest.raises(PowerCut):
            files.keep(enrolment, identity, "token")
    kept = Files(tmp_path).load(identity, doors.authority.fingerprint)
    marked = (files.folder / "enrolled").exists()
    assert kept.damaged == ""
    assert (kept.enrolment == enrolment) == marked
    files.keep(enrolment, identity, "token")
    assert files.load(identity, "").enrolment == enrolment


@pytest.mark.parametrize("writes", range(4))
def test_a_power_cut_during_a_renewal_leaves_the_old_or_the_new(
    tmp_path: Path, identity: Identity, doors: FrontDoors, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """And in each case OpenSSL's files say the same as the truth."""
    files, old, new = Files(tmp_path), made(doors, identity), made(doors, identity, asn=64502)
    files.keep(old, identity, "token")
    with monkeypatch.context() as patch:
        cut_after(writes, files, patch, inside=True)
        with contextlib.suppress(PowerCut):
            files.keep(new, identity, "")
    kept = files.load(identity, "").enrolment
    assert kept == (old if writes == 0 else new)
    assert kept is not None
    assert Path(files.pems.certificate).read_text() == kept.certificate


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "not whole"), (b"{}", "not whole"), (b"\xff\xfe", "not whole"), (b"[1]", "not whole")],
)
def test_a_damaged_file_is_told_and_does_not_crash(
    tmp_path: Path, identity: Identity, content: bytes, told: str
) -> None:
    """A card that lost a block is met at the next start."""
    files = Files(tmp_path)
    files.folder.mkdir()
    (files.folder / "enrolment.json").write_bytes(content)
    assert told in files.load(identity, "").damaged


def test_a_copied_card_is_not_the_probe(tmp_path: Path, identity: Identity, doors: FrontDoors) -> None:
    """The certificate belongs to the key, and the settings to their authority."""
    files = Files(tmp_path)
    files.keep(made(doors, identity), identity, "token")
    assert "another key" in files.load(ephemeral(), "").damaged
    assert "another authority" in files.load(identity, "00" * 32).damaged


def test_a_token_is_new_once(tmp_path: Path, identity: Identity, doors: FrontDoors) -> None:
    """A settings file with another token asks for another enrolment; the same one does not."""
    files = Files(tmp_path)
    assert files.is_new("one")
    files.keep(made(doors, identity), identity, "one")
    assert (files.is_new("one"), files.is_new("two"), files.is_new("")) == (False, True, False)
    files.keep(made(doors, identity), identity, "")
    assert not files.is_new("one")


def test_the_token_may_stand_in_a_file(tmp_path: Path) -> None:
    """With the marks that editors leave; one that is not there is none."""
    path = tmp_path / "token"
    path.write_bytes(b"\xef\xbb\xbfabc \r\n")
    assert token_of(Wish(token_file=str(path))) == "abc"
    assert token_of(Wish(token=" abc\n")) == "abc"
    assert token_of(Wish(token_file=str(tmp_path / "none"))) == ""
    path.write_bytes(b"\xff\xfe\x00")
    assert token_of(Wish(token_file=str(path))) == ""
