"""The system's network files that follow from the card: Wi-Fi, the hardware address, or no network at all.

Lives here: their texts (systemd.network(5), wpa_supplicant.conf(5)). The quiet settings that every box has are files of
the image, not of this module. Must not live here: writing them, drawing numbers, or the log: a text may be secret.
"""

import hashlib
from typing import Final

from balise_agent.provisioning.card.merge import Merged
from balise_wire.card import CardSettings, HardwareAddress, Wifi

LINK_FILES: Final = ("20-wired.network.d/card.conf", "20-wireless.network.d/card.conf")
"""Drop-ins of the image's own files, which keep every link down as long as nobody says otherwise."""
WIRELESS: Final = "wlan0"
"""Kernel name of the boards' only radio; predictable names are off for it in the image."""
_HEAD: Final = "# Written from the card at every start.\n"


def links(merged: Merged, *, wired: str, wireless: str) -> dict[str, str]:
    """Return the files for systemd-networkd by their path below its folder; none of them means not one packet.

    Args:
        merged: the settings in force, and whether the box may speak at all.
        wired: the made-up hardware address for cables, ``02:...``.
        wireless: the one for Wi-Fi; two, since one board may be on one network with both.
    """
    if not merged.consented:
        return {}
    own = merged.settings.network.hardware_address is HardwareAddress.OWN
    # Set while the link is still down, before the first packet.
    return {
        name: f"{_HEAD}[Link]\nActivationPolicy=up\n" + ("" if own else f"MACAddress={address}\n")
        for name, address in zip(LINK_FILES, (wired, wireless), strict=True)
    }


def made_up(drawn: bytes) -> str:
    """Return a hardware address from 6 random bytes: unicast, locally administered (IEEE 802c-2017, AAI)."""
    first = drawn[0] & 0xF0 | 0x02
    return ":".join(f"{byte:02x}" for byte in (first, *drawn[1:6]))


def supplicant(settings: CardSettings) -> str | None:
    """Return wpa_supplicant's file, or ``None`` without Wi-Fi; names and secrets in hex, so that nothing is escaped."""
    wifi = settings.wifi
    if not wifi.name or not (wifi.password or wifi.open):
        return None
    country = wifi.country or settings.country
    lines = [f"country={country}"] if country else []
    lines += ["update_config=0", "p2p_disabled=1", "network={", f"\tssid={wifi.name.encode().hex()}"]
    # scan_ssid asks aloud for the network by name; only a hidden one needs that.
    lines += ["\tscan_ssid=1"] if wifi.hidden else []
    lines += [f"\t{line}" for line in _protection(wifi)]
    return _HEAD + "\n".join([*lines, "}"]) + "\n"


def _protection(wifi: Wifi) -> list[str]:
    """Return how the network is protected: WPA3 and WPA2 with a passphrase, WPA2 with a ready key, or not at all."""
    if not wifi.password:
        return ["key_mgmt=NONE"]
    if len(wifi.password) == 64:
        return ["key_mgmt=WPA-PSK", f"psk={wifi.password}"]
    # IEEE 802.11-2020, J.4.1: the key that a passphrase stands for.
    key = hashlib.pbkdf2_hmac("sha1", wifi.password.encode(), wifi.name.encode(), 4096, 32).hex()
    return [
        "key_mgmt=SAE WPA-PSK-SHA256 WPA-PSK",
        "ieee80211w=1",
        f"psk={key}",
        f"sae_password={wifi.password.encode().hex()}",
    ]
