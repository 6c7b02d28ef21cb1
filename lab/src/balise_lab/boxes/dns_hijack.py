"""Interception of all DNS: whatever resolver is asked, the provider's answers in its name."""

from collections.abc import Iterator

from balise_lab.boxes.engine.kind import Kind, Looks, Versions
from balise_lab.boxes.engine.placement import COUNT_FIRED, COUNT_SEEN, Placement, chain
from balise_lab.errors import ConfigError

_TTL = 60
"""Of what the provider's resolver answers: some hops from a home."""


def _divert(placement: Placement) -> Iterator[str]:
    box, scope, resolver = placement.box, placement.scope, placement.place.resolver
    if not resolver:
        raise ConfigError(f"box {box.id} ({box.kind}): {placement.namespace} has no resolver", "say where: an ISP")
    diverted = [
        f"{scope} {protocol} dport 53 ip daddr != {resolver} {COUNT_FIRED} dnat to {resolver}"
        for protocol in ("udp", "tcp")
    ]
    yield from chain("divert", "prerouting", -100, [f"{scope} {COUNT_SEEN}", *diverted])
    # The lab's provider is one hop away, where a home's own router would be: its answers have come some way.
    yield from chain("far", "postrouting", 310, [f"udp sport 53 ip ttl set {_TTL}"])


KINDS = (
    Kind(
        word="dns.hijack",
        means="whatever resolver is asked, the provider's answers in its name (`where:` the provider)",
        looks=Looks.NOTHING,
        rules=_divert,
        versions=Versions.QUESTIONS,
    ),
)
