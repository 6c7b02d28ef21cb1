"""Shutdowns: everything of a network is dropped."""

from collections.abc import Callable, Iterator

from balise_lab.boxes.engine.kind import Kind, Looks, Versions
from balise_lab.boxes.engine.placement import COUNT_FIRED, COUNT_SEEN, Placement, among, chain
from balise_lab.errors import ConfigError
from balise_lab.world.topology import UPLINK


def _cut(placement: Placement) -> Iterator[str]:
    """What comes from or goes to its clients, else what crosses the uplink.

    The interface stays up: taking it down would flush routes.
    """
    sources = placement.sources
    if sources:
        ways = [f"{placement.ip} {way} {among(sources)} {COUNT_FIRED} drop" for way in ("saddr", "daddr")]
        yield from chain("cut_in", "prerouting", -310, [COUNT_SEEN, *ways])
        return
    yield from chain("cut_in", "prerouting", -310, [COUNT_SEEN, f'iifname "{UPLINK}" {COUNT_FIRED} drop'])
    yield from chain("cut_out", "postrouting", 310, [f'oifname "{UPLINK}" {COUNT_FIRED} drop'])


def _cut_isp(placement: Placement) -> Iterator[str]:
    box = placement.box
    if placement.place.kind != "isp" and not box.isps:
        raise ConfigError(f"box {box.id} ({box.kind}): no ISP is named", "say where: an ISP, or isps: [...]")
    return _cut(placement)


def _kind(word: str, means: str, rules: Callable[[Placement], Iterator[str]], *, follows_isp: bool = False) -> Kind:
    return Kind(
        word=word, means=means, looks=Looks.NOTHING, rules=rules, versions=Versions.BOTH, follows_isp=follows_isp
    )


KINDS = (
    _kind("isp.shutdown", "a provider passes nothing across the border", _cut_isp, follows_isp=True),
    _kind("country.shutdown", "nothing crosses the border", _cut),
    Kind(
        word="district.shutdown",
        means="the probes of a district pass nothing",
        looks=Looks.NOTHING,
        of_probes=True,
        versions=Versions.BOTH,
        rules=_cut,
    ),
)
