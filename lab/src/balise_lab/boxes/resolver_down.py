"""A provider's resolver is off. No interference."""

from collections.abc import Iterator

from balise_lab.boxes.dns import WHICH, resolvers
from balise_lab.boxes.engine.flows import SHARE
from balise_lab.boxes.engine.kind import Kind, Looks, Versions
from balise_lab.boxes.engine.placement import Placement, addressed, among
from balise_lab.boxes.ip import shared
from balise_lab.boxes.server import MODE


def _down(placement: Placement) -> Iterator[str]:
    action = "reject" if MODE.of(placement.box) == "refuse" else "drop"
    there = f"ip daddr {among(resolvers(placement))}"
    asked = [shared(f"{there} {protocol} dport 53", placement) for protocol in ("udp", "tcp")]
    return addressed(placement, [(one, action) for one in asked])


KINDS = (
    Kind(
        word="resolver.down",
        means="a provider's resolver is off (`where:` the provider)",
        looks=Looks.NOTHING,
        settings=(MODE, SHARE, WHICH),
        rules=_down,
        versions=Versions.QUESTIONS,
        censors=False,
    ),
)
