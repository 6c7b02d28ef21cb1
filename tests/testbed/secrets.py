"""The forms in which a proxy could be told: what no artefact may hold."""

from __future__ import annotations

import base64
import ipaddress
import re

from balise_agent.system.proxies import Proxy


def forms(proxy: Proxy) -> set[bytes]:
    """Return address, port and credentials as text, hex, packed bytes and base64, in either order of bytes.

    A port alone has few bytes and stands by chance in any large file: packed it is looked for beside its address, and
    by itself as five digits.
    """
    packed = ipaddress.ip_address(proxy.address).packed
    port = proxy.port.to_bytes(2)
    secrets = [proxy.address.encode(), packed, packed[::-1], packed + port, port + packed, str(proxy.port).encode()]
    secrets += [f"{proxy.address}:{proxy.port}".encode(), str(int.from_bytes(packed)).encode()]
    secrets += [word.encode() for word in (proxy.username, proxy.password) if word]
    if proxy.username:
        secrets.append(f"{proxy.username}:{proxy.password}".encode())
    found = set[bytes]()
    for secret in secrets:
        text = secret.hex()
        found |= {secret, text.encode(), text.upper().encode(), ":".join(_pairs(text)).encode()}
        # Wherever in a longer text it stands, base64 shows its inner bytes in one of three ways.
        for shift in range(3):
            coded = base64.b64encode(bytes(shift) + secret)
            inner = coded[(shift * 8 + 5) // 6 + (shift > 0) : -4]
            if len(inner) >= 5:
                found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return {form for form in found if len(form) >= 4}


def found(wanted: set[bytes], data: bytes, least: int = 1, *, numbers: bool = True) -> list[bytes]:
    """Return the forms that data hold.

    Args:
        wanted: what ``forms`` says.
        data: an artefact.
        least: bytes of a form; in random bytes any four stand by chance.
        numbers: whether a bare number counts; where thousands of microseconds are written down each stands by chance.
            It counts only where no longer number or word holds it, as a fraction or a digest does.
    """
    held = [form for form in wanted if len(form) >= least and form in data]
    whole = rb"(?<![0-9A-Za-z.])%s(?![0-9A-Za-z])"
    return sorted(
        form for form in held if not form.isdigit() or (numbers and re.search(whole % form, data) is not None)
    )


def _pairs(text: str) -> list[str]:
    return [text[at : at + 2] for at in range(0, len(text), 2)]
