"""The board is quiet: nothing that it shows a network, and nothing that it writes on its card, says what it is.

Reads the files of the image as they are shipped, and what the boot actions write in every situation of a box's life.
"""

from __future__ import annotations

import configparser
import re
import ssl
from pathlib import Path

import msgspec
import pytest

from balise_agent.delivery import dial
from balise_agent.provisioning.card.boot_actions import Places, read_card, write_card
from balise_agent.provisioning.card.merge import digest
from balise_agent.system.config import Broker
from balise_agent.system.problems import PROBLEMS, Trouble
from balise_agent.system.status import Status, for_card
from balise_wire import card, card_token
from balise_wire.card import CardConsent, CardSettings
from balise_wire.words import ClockState, Lifecycle

SHIPPED = Path(__file__).parents[4] / "image" / "files" / "etc"
LOUD = re.compile(
    r"balise|probe|censor|ooni|measur|interfer|monitor|raspberr|debian|mqtt|broker|collector", re.IGNORECASE
)
HOST_FILES = (
    "hostname",
    "hosts",
    "systemd/network/*",
    "systemd/resolved.conf.d/*",
    "systemd/timesyncd.conf.d/*",
)
NOW = 1_800_000_000.0


def shipped(pattern: str) -> list[Path]:
    """Return the image's files of one sort; there must be some."""
    found = sorted(SHIPPED.glob(pattern))
    assert found, f"image/files/etc/{pattern} is gone"
    return found


@pytest.mark.parametrize("pattern", HOST_FILES)
def test_no_network_file_names_the_product(pattern: str) -> None:
    """Host name, DHCP, multicast names, time servers: no word there tells what the box is, nor who made it."""
    for path in shipped(pattern):
        settings = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
        assert LOUD.findall(settings) == [], path


@pytest.mark.parametrize("name", ["20-wired", "20-wireless"])
def test_the_network_is_asked_as_by_any_guest(name: str) -> None:
    """Down until the card lifts it; RFC 7844 for DHCP, RFC 8981 for IPv6, nothing announced to neighbours."""
    parser = configparser.ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#", strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SHIPPED / "systemd" / "network" / f"{name}.network")
    wanted = {
        ("Link", "ActivationPolicy"): "always-down",
        ("DHCPv4", "Anonymize"): "yes",
        ("DHCPv4", "SendHostname"): "no",
        ("DHCPv6", "SendHostname"): "no",
        ("Network", "IPv6PrivacyExtensions"): "yes",
        ("Network", "IPv6LinkLocalAddressGenerationMode"): "stable-privacy",
        ("Network", "LLMNR"): "no",
        ("Network", "MulticastDNS"): "no",
        ("Network", "EmitLLDP"): "no",
        ("IPv6AcceptRA", "Token"): "prefixstable",
    }
    assert {place: parser.get(*place) for place in wanted} == wanted
    for section, key in (("DHCPv4", "VendorClassIdentifier"), ("DHCPv4", "UserClass"), ("DHCPv4", "MUDURL")):
        assert not parser.has_option(section, key)


def test_only_the_networks_own_resolvers_are_asked_and_nothing_listens() -> None:
    """No public resolver behind the host's back, no multicast names, no stub on port 53."""
    text = "\n".join(path.read_text() for path in shipped("systemd/resolved.conf.d/*"))
    assert {"FallbackDNS=", "LLMNR=no", "MulticastDNS=no", "DNSStubListener=no"} <= set(text.splitlines())


def test_the_host_name_is_everybodys() -> None:
    """What is never sent is still what a slip would send."""
    assert (SHIPPED / "hostname").read_text().strip() == "localhost"


def hello(context: ssl.SSLContext, host: str) -> bytes:
    """Return the ClientHello that a context sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_the_handshake_with_the_front_tells_a_name_and_nothing_else() -> None:
    """The front's own name, and otherwise what every handshake of ours says: 1.3 and 1.2, a web client's ALPN.

    That 1.2 is not gone on with (RFC 8705, 8) is tests/agent/enrolment/test_mtls.py's matter.
    """
    context = dial.tls_context(Broker(host="www.example.net", tls=True))
    sent = hello(context, "www.example.net")
    assert sent.count(b"www.example.net") == 1
    assert LOUD.findall(sent.decode("latin-1")) == []
    assert extensions(sent)[16] == b"\x00\x09\x08http/1.1"
    assert extensions(sent)[43] == b"\x04\x03\x04\x03\x03"


def extensions(hello: bytes) -> dict[int, bytes]:
    """Return a ClientHello's extensions by their number (RFC 8446, 4.1.2)."""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2])
    at += 1 + hello[at]
    at += 2
    found: dict[int, bytes] = {}
    while at < len(hello):
        kind, length = int.from_bytes(hello[at : at + 2]), int.from_bytes(hello[at + 2 : at + 4])
        found[kind] = hello[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def whole_card(flat: Path) -> str:
    """Return everything that stands on the card, file names aside: two of them are given."""
    return "\n".join(path.read_text() for path in sorted(flat.iterdir()))


@pytest.mark.parametrize("language", card.languages())
def test_the_card_never_says_what_the_box_is(
    language: str, tmp_path: Path, flat: Path, data: Path, good: CardSettings
) -> None:
    """From the first start to the wipe, with good settings and spoilt ones: neutral words only."""
    places = Places(card=flat, data=data, links=tmp_path / "links", run=tmp_path / "run")
    settings = flat / card.SETTINGS_FILE
    agent = tmp_path / "status.txt"
    agent.write_text(everything_wrong())

    def look(content: str) -> None:
        settings.write_bytes(content.encode())
        told = read_card(places, NOW).told + write_card(flat, data, agent).told
        assert LOUD.findall(whole_card(flat) + told) == []

    text = card.render(good, language)
    look(card.render(CardSettings(), language))
    look(card.render(msgspec.structs.replace(good, consent=CardConsent()), language))
    look(text)
    (flat / f"{card.SETTINGS_FILE}.txt").write_text(text)
    look(text.replace(" = ", " : ").replace('"', "\u201c").replace(good.token, "oops"))
    (flat / f"{card.SETTINGS_FILE}.txt").unlink()
    look("")
    (data / "enrolment").mkdir()
    (data / "enrolment" / "token").write_text(digest(card_token.normalise(good.token)))
    (data / "enrolment" / "enrolled").touch()
    look(text)
    assert good.token not in whole_card(flat)
    (flat / "pause").touch()
    look(text)
    (flat / "wipe").touch()
    look(text)
    assert "wiped" in (flat / card.STATUS_FILE).read_text()


def everything_wrong() -> str:
    """Return the agent's text for the card with every trouble that it has words for."""
    troubles = tuple(Trouble(id=problem) for problem in PROBLEMS)
    return for_card(
        Status(
            at=NOW,
            clock_state=ClockState.SYNCED,
            state=Lifecycle.READY,
            since=NOW,
            software="0",
            probe="k7m2q9xd",
            troubles=troubles,
        )
    )


def test_what_goes_to_the_system_says_nothing_either(tmp_path: Path, flat: Path, data: Path) -> None:
    """The files for the network and for Wi-Fi."""
    places = Places(card=flat, data=data, links=tmp_path / "links", run=tmp_path / "run")
    read_card(places, NOW)
    for folder in (places.links, places.run):
        for path in folder.rglob("*"):
            assert LOUD.findall(path.name) == []
            assert path.is_dir() or LOUD.findall(path.read_text()) == []
