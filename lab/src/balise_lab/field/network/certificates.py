"""The certificates of the model: who shows which chain, and whether it convinces a probe whose clock says a time.

Lives here: leaf, intermediate and root as records, their renewal, impostors' chains. Must not live here: keys or
signatures (nothing is signed), TLS records.
"""

import base64
import functools
import hashlib
from typing import Final, NamedTuple

from balise_lab.field.network.draws import digest, number
from balise_lab.field.network.effects import Effect
from balise_lab.field.network.hosts import Host
from balise_wire.experiments.tls import Certificate
from balise_wire.failures import Failure

DAY: Final = 86_400.0
_LIFE: Final = 90 * DAY
_RENEWED: Final = 60 * DAY
"""Let's Encrypt: valid for 90 days, renewed after 60."""
_BUNDLE_BEGINS, _BUNDLE_ENDS = 1_420_070_400.0, 2_208_988_800.0
"""2015 to 2040: the dates of intermediates and roots."""
FOREIGN_CA: Final = "CN=GlobalTrust OV Issuing CA,O=GlobalTrust Ltd,C=AT"


class Chain(NamedTuple):
    """What a server shows."""

    certificates: tuple[Certificate, ...]
    names: frozenset[str]
    """Those that the leaf is valid for; ``*`` for all."""
    trusted: bool = True
    authority: str = ""
    """SHA-256 of its owner's own authority, which alone vouches for it; empty: a public one does."""

    def convinces(self, name: str | None, now: float, authorities: tuple[str, ...] = ()) -> Failure | None:
        """Return why it does not convince whoever asks for a name at a time of his clock, or ``None``.

        Args:
            name: asked for.
            now: UNIX seconds of the clock of who asks.
            authorities: certificates (DER, in base64) whom he believes beside the public ones.
        """
        leaf = self.certificates[0]
        if not leaf.not_before <= now <= leaf.not_after:
            return Failure.SSL_INVALID_CERTIFICATE
        if name is not None and name not in self.names and "*" not in self.names and not self._wild(name):
            return Failure.SSL_INVALID_HOSTNAME
        known = not self.authority or self.authority in {
            hashlib.sha256(base64.b64decode(one)).hexdigest() for one in authorities
        }
        return None if self.trusted and known else Failure.SSL_UNKNOWN_AUTHORITY

    def _wild(self, name: str) -> bool:
        return f"*.{name.partition('.')[2]}" in self.names


@functools.lru_cache(4_096)
def _chain(names: tuple[str, ...], issuer: str, salt: str, begins: float, *, trusted: bool) -> Chain:
    subject = names[0]
    leaf = Certificate(
        sha256=digest("leaf", subject, issuer, salt, begins),
        spki_sha256=digest("key", subject, salt),
        subject=subject,
        issuer=issuer,
        not_before=begins,
        not_after=begins + _LIFE,
    )
    middle = Certificate(
        sha256=digest("middle", issuer),
        spki_sha256=digest("middle key", issuer),
        subject=next((part[3:] for part in issuer.split(",") if part.startswith("CN=")), issuer),
        issuer=f"CN=Root of {issuer.partition(',')[0].removeprefix('CN=')}",
        not_before=_BUNDLE_BEGINS,
        not_after=_BUNDLE_ENDS,
    )
    return Chain((leaf, middle), frozenset(names), trusted)


def of_host(host: Host, now: float) -> Chain:
    """Return the chain that a host shows at a true time: renewed every 60 days, with the same key."""
    begins = now - (now - number("renewal", host.name) % int(_RENEWED)) % _RENEWED
    chain = _chain((host.name, *host.neighbours), host.issuer, "", begins, trusted=True)
    return chain._replace(authority=host.authority)


def of_server_effect(host: Host, effect: Effect, now: float, since: float) -> Chain:
    """Return the chain that a host shows while its owner's doing (``cert.*``) is in force, ``since`` a time."""
    names = (host.name, *host.neighbours)
    if effect.kind == "cert.expired":
        return _chain(names, host.issuer, "", since - _LIFE, trusted=True)
    if effect.kind == "cert.wrong_name":
        return _chain((f"default.{host.name}.invalid",), host.issuer, "", since, trusted=True)
    begins = since + (now - since) // _RENEWED * _RENEWED
    if effect.kind == "cert.other_ca":
        trusted = effect.trusted or not effect.issuer
        return _chain(names, effect.issuer or "CN=WE1,O=Google Trust Services,C=US", "new", begins, trusted=trusted)
    return _chain(names, host.issuer, "renewed", begins, trusted=True)


def of_impostor(effect: Effect, name: str | None, since: float) -> Chain:
    """Return the chain that is made up for a name on the way (``tls.mitm``, ``antivirus``, a portal)."""
    default = FOREIGN_CA if effect.trusted else _ISSUERS.get(effect.kind, "CN=Secure Gateway CA")
    names = (name or "gateway.invalid",) if effect.kind not in _OWN_NAME else (_OWN_NAME[effect.kind],)
    begins = since // DAY * DAY
    return _chain(names, effect.issuer or default, effect.kind, begins, trusted=effect.trusted)


_ISSUERS: Final = {
    "antivirus": "CN=Antivirus Web Shield Root,O=Antivirus",
    "portal.hotel": "CN=hotspot.hotel.example",
    "tls.mitm": "CN=National Security Gateway CA",
}
_OWN_NAME: Final = {"portal.hotel": "hotspot.hotel.example"}
