"""The operator's proxies: what is known of them on this machine, and nowhere else.

Whoever knows a proxy's address or port can block it, so that nothing here has a text form but its label: no repr, no
error and no log line says more. Lives here: the file ``[proxies] file`` names, read and checked. Must not live here:
what is said to a proxy (codec/proxy.py), or when (experiments/through.py).
"""

import ipaddress
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from balise_agent.system.errors import ConfigError
from balise_wire.through import LABEL

MOST: Final = 8
_OTHERS: Final = 0o077
_KEYS: Final = frozenset({"label", "kind", "address", "port", "username", "password"})
_LONGEST: Final = 255
"""Bytes of a name or password (RFC 1929 2)."""


class ProxyKind(StrEnum):
    """What a proxy speaks."""

    SOCKS5 = "socks5"
    """RFC 1928, with a name and a password (RFC 1929) or without."""
    HTTP_CONNECT = "http-connect"
    """RFC 9110 9.3.6, with basic credentials (RFC 7617) or without."""
    WHATSAPP_CHAT = "whatsapp-chat"
    """A port of WhatsApp's own proxy that hands on to its chat, in clear of any protocol of proxies (5222)."""
    WHATSAPP_MEDIA = "whatsapp-media"
    """One that hands on to its media, which speak TLS (587, 7777)."""

    @property
    def is_relay(self) -> bool:
        """Whether it leads to one service alone, and can be asked for no other way."""
        return self in {ProxyKind.WHATSAPP_CHAT, ProxyKind.WHATSAPP_MEDIA}


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """One proxy."""

    label: str
    kind: ProxyKind
    address: str
    port: int
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Return what may be told of it."""
        return f"Proxy({self.label})"


def read(path: Path) -> tuple[Proxy, ...]:
    """Return the proxies of a file.

    Raises:
        ConfigError: it cannot be read, others could read it, or an entry is wrong; never with what an entry says.
    """
    try:
        mode, data = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; make it readable for the user that runs the agent") from None
    if mode & _OTHERS:
        raise ConfigError(f"{path}: others can read it; chmod 600 {path}")
    try:
        table = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise ConfigError(f"{path}: not TOML; see examples/proxies.toml") from None
    entries = table.get("proxy", [])
    if set(table) - {"proxy"} or not isinstance(entries, list) or len(entries) > MOST:
        raise ConfigError(f"{path}: write [[proxy]] tables and nothing else, at most {MOST}; see examples/proxies.toml")
    found: list[Proxy] = []
    for number, entry in enumerate(entries, 1):
        one = _proxy(entry)
        if isinstance(one, Proxy) and one.label in {other.label for other in found}:
            one = "label: another proxy has it; give each its own"
        if isinstance(one, str):
            raise ConfigError(f"{path}: proxy {number}: {one}")
        found.append(one)
    return tuple(found)


def _proxy(entry: Any) -> Proxy | str:
    """Return a proxy, or what is wrong with it without saying what it says."""
    if not isinstance(entry, dict) or set(entry) - _KEYS:
        return f"an unknown key; known here: {', '.join(sorted(_KEYS))}"
    label, kind, port = entry.get("label"), entry.get("kind"), entry.get("port")
    if not isinstance(label, str) or not LABEL.fullmatch(label):
        return "label: write 1 to 16 small letters and hyphens; it is told, so let it say nothing"
    if kind not in set(ProxyKind):
        return f"kind: write one of {', '.join(ProxyKind)}"
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65_536:
        return "port: write 1 to 65535"
    try:
        address = str(ipaddress.ip_address(entry.get("address", "")))
    except ValueError:
        return "address: write an IP address; to look a name up would tell others of it"
    words = {key: entry.get(key, "") for key in ("username", "password")}
    for key, word in words.items():
        if not isinstance(word, str) or not word.isprintable() or len(word.encode()) > _LONGEST:
            return f"{key}: write at most {_LONGEST} printable characters"
    if bool(words["username"]) != bool(words["password"]):
        return "username and password belong together; set both or neither"
    if ":" in words["username"]:
        return "username: no colon (RFC 7617 2)"
    if words["username"] and ProxyKind(kind).is_relay:
        return f"username: a proxy of the kind {kind} asks for none; leave both out"
    return Proxy(label=label, kind=ProxyKind(kind), address=address, port=port, **words)
