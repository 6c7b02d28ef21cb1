"""The file of the operator's proxies: strict, private, and silent about what it says."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from balise_agent.system import proxies
from balise_agent.system.errors import ConfigError
from balise_agent.system.proxies import Proxy, ProxyKind
from tests.testbed.secrets import forms, found

WHOLE = """[[proxy]]
label = "east"
kind = "socks5"
address = "203.0.113.77"
port = 47321
username = "somebody"
password = "drossel-bart"
"""
SECRETS = ("203.0.113.77", "47321", "somebody", "drossel-bart")


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    """Return a file of proxies."""
    path = folder / "proxies.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_proxy_is_read(tmp_path: Path) -> None:
    """The file says kind, address, port and, where it asks for them, a name and its password."""
    (one,) = proxies.read(written(tmp_path, WHOLE))
    assert (one.label, one.kind, one.address, one.port) == ("east", ProxyKind.SOCKS5, "203.0.113.77", 47321)
    assert (one.username, one.password) == ("somebody", "drossel-bart")


def test_no_text_form_says_more_than_the_label(tmp_path: Path) -> None:
    """Logs and tracebacks are made of these."""
    (one,) = proxies.read(written(tmp_path, WHOLE))
    for text in (repr(one), str(one), f"{one}", repr([one]), f"{(one,)!r}"):
        assert "east" in text
        assert not any(secret in text for secret in SECRETS)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """0600, or it is no secret."""
    with pytest.raises(ConfigError, match="chmod 600"):
        proxies.read(written(tmp_path, WHOLE, 0o640))


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ('"east"', '"203-0-113-77"', "label"),
        ('"east"', '"East"', "label"),
        ('"socks5"', '"socks4"', "kind"),
        ('"203.0.113.77"', '"proxy.example.org"', "address"),
        ("47321", "0", "port"),
        ("47321", '"47321"', "port"),
        ('password = "drossel-bart"\n', "", "belong together"),
        ('"somebody"', '"some:body"', "colon"),
        ("username", "user", "unknown key"),
        ("[[proxy]]", "[proxy]", r"\[\[proxy\]\]"),
        ("[[proxy]]", "[[", "TOML"),
    ],
)
def test_what_is_wrong_is_named_without_what_it_says(tmp_path: Path, was: str, becomes: str, told: str) -> None:
    """An error goes to a terminal, a journal and a bug report: it names the key and the mend, and no value."""
    with pytest.raises(ConfigError, match=told) as caught:
        proxies.read(written(tmp_path, WHOLE.replace(was, becomes)))
    said = f"{caught.value!r} {caught.value}"
    assert not any(secret in said for secret in (*SECRETS, "203-0-113-77", "proxy.example.org"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_two_of_one_label_are_one_too_many(tmp_path: Path) -> None:
    """A label is all that is told of a proxy: it tells one."""
    with pytest.raises(ConfigError, match="proxy 2: label"):
        proxies.read(written(tmp_path, WHOLE * 2))


def test_a_missing_file_says_its_mend(tmp_path: Path) -> None:
    """The path is the operator's own word, and no secret."""
    with pytest.raises(ConfigError, match="No such file"):
        proxies.read(tmp_path / "none.toml")


def test_equality_is_by_what_is_said() -> None:
    """A hidden text form hides nothing from programs."""
    one = Proxy(label="a", kind=ProxyKind.SOCKS5, address="203.0.113.77", port=1)
    assert one == Proxy(label="a", kind=ProxyKind.SOCKS5, address="203.0.113.77", port=1)
    assert one != Proxy(label="a", kind=ProxyKind.SOCKS5, address="203.0.113.77", port=2)


@pytest.mark.parametrize(
    "needle",
    [
        b"at 203.0.113.77 it", b"port=47321,", bytes([203, 0, 113, 77]), b"cb00714d", b"CB00714D", b"cb:00:71:4d",
        base64.b64encode(b"x203.0.113.77"), base64.b64encode(b"xy203.0.113.77:47321"), b"drossel-bart",
        base64.b64encode(b"Basic somebody:drossel-bart"),
    ],
)  # fmt: skip
def test_the_searches_of_other_tests_find_each_form(tmp_path: Path, needle: bytes) -> None:
    """A search that finds nothing anywhere proves nothing."""
    wanted = forms(proxies.read(written(tmp_path, WHOLE))[0])
    assert found(wanted, b"before " + needle + b" behind")
    assert not found(wanted, b"1589734732.147321 and 203.0.113.78")
