"""The real systemd-networkd with the files that the image ships and the card makes: heard on the line, not believed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from balise_agent.provisioning.card.boot_actions import Places, read_card
from balise_wire import card
from balise_wire.card import CardConsent, CardSettings, HardwareAddress

pytestmark = [pytest.mark.netns, pytest.mark.slow]

GROUND = Path(__file__).with_name("netns_quiet.py")
SHIPPED = Path(__file__).parents[4] / "image" / "files" / "etc" / "systemd" / "network"
NETWORKD = Path("/usr/lib/systemd/systemd-networkd")
OWN = bytes.fromhex("b827eb123456")
UP = 1


def heard(
    tmp_path: Path, flat: Path, data: Path, settings: CardSettings, wrapper: tuple[str, ...]
) -> tuple[list[bytes], int]:
    """Return the frames that a box with these settings sends in its first seconds, and the flags of its card."""
    if not NETWORKD.exists() or os.geteuid() != 0:
        pytest.skip(f"{NETWORKD} is not here, or this is not root: the files were only read")
    (flat / card.SETTINGS_FILE).write_bytes(card.render(settings).encode())
    places = Places(card=flat, data=data, links=tmp_path / "links", run=tmp_path / "run")
    read_card(places, 1_800_000_000.0)
    places.links.mkdir(exist_ok=True)
    ground = (sys.executable, str(GROUND), "5", str(NETWORKD), str(SHIPPED), str(places.links))
    done = subprocess.run((*wrapper, *ground), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    *frames, flags = done.stdout.splitlines()
    assert flags.endswith("alive"), done.stderr
    return [bytes.fromhex(frame) for frame in frames], int(flags.split()[1], 16)


def dhcp_options(frame: bytes) -> dict[int, bytes]:
    """Return the options of a DHCPv4 message (RFC 2132)."""
    body, at = frame[14 + 20 + 8 + 240 :], 0
    found: dict[int, bytes] = {}
    while at < len(body) and body[at] != 255:
        if body[at]:
            found[body[at]] = body[at + 2 : at + 2 + body[at + 1]]
            at += 1 + body[at + 1]
        at += 1
    return found


def is_dhcp(frame: bytes) -> bool:
    """Tell a DHCPv4 message of a client."""
    return frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\x00\x43"


def test_the_first_packets_name_nobody(
    tmp_path: Path, flat: Path, data: Path, good: CardSettings, namespace_wrapper: tuple[str, ...]
) -> None:
    """No chip's address, also not inside an IPv6 address; no host name, no vendor, no software in DHCP."""
    frames, flags = heard(tmp_path, flat, data, good, namespace_wrapper)
    assert flags & UP
    asked = [dhcp_options(frame) for frame in frames if is_dhcp(frame)]
    assert asked
    # RFC 2132: 12 host name, 60 vendor class, 77 user class, 81 full name, 125 vendor options, 161 MUD (RFC 8520).
    assert all(options.keys() & {12, 60, 77, 81, 125, 161} == set() for options in asked)
    assert {frame[6:12] for frame in frames} == {frames[0][6:12]}
    assert frames[0][6] & 0x0F == 0x02
    for frame in frames:
        assert OWN not in frame
        assert OWN[3:] not in frame
        assert socket.gethostname().encode() not in frame
        # EUI-64 would put the last three bytes of the made-up address behind ff:fe (RFC 4291, appendix A).
        assert b"\xff\xfe" + frames[0][9:12] not in frame


def test_the_chips_own_address_only_where_it_is_asked_for(
    tmp_path: Path, flat: Path, data: Path, good: CardSettings, namespace_wrapper: tuple[str, ...]
) -> None:
    """For networks that admit listed devices; the tap is seen to hear it."""
    own = msgspec.structs.replace(good, network=card.CardNetwork(hardware_address=HardwareAddress.OWN))
    frames, _ = heard(tmp_path, flat, data, own, namespace_wrapper)
    assert {frame[6:12] for frame in frames} == {OWN}


def test_without_consent_the_card_stays_down(
    tmp_path: Path, flat: Path, data: Path, good: CardSettings, namespace_wrapper: tuple[str, ...]
) -> None:
    """Not one packet, and the card is off."""
    frames, flags = heard(tmp_path, flat, data, msgspec.structs.replace(good, consent=CardConsent()), namespace_wrapper)
    assert frames == []
    assert not flags & UP
