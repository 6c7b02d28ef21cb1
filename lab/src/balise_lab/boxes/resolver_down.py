"""A provider's resolver is off. No interference."""

from collections.abc import Iterator

from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import TRANSPORT, Placement, addressed, among
from balise_lab.boxes.server import MODE


def _down(placement: Placement) -> Iterator[str]:
    own = (placement.place.resolver,) if placement.place.resolver else ()
    there = f"ip daddr {among(placement.some(own, 'say where: the ISP whose resolver is down'))}"
    action = "reject" if MODE.of(placement.box) == "refuse" else "drop"
    return addressed(placement, [(f"{there} {TRANSPORT} th dport 53", action)])


KINDS = (
    Kind(
        word="resolver.down",
        means="a provider's resolver is off (`where:` the provider)",
        looks=Looks.NOTHING,
        settings=(MODE,),
        rules=_down,
        censors=False,
    ),
)
