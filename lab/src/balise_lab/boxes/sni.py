"""Blocking by the name in a ClientHello, or by an extension that would hide it."""

from collections.abc import Iterator

from balise_lab.boxes.engine import forge
from balise_lab.boxes.engine.classify import ECH, ESNI, greeting, server_name, with_extension
from balise_lab.boxes.engine.flows import (
    FORGES,
    JOINS,
    REASSEMBLES,
    RESETS,
    RESIDUAL,
    SHARE,
    decide_flow,
    marks,
    of_match,
    queue_flows,
    resets,
    strike_flows,
)
from balise_lab.boxes.engine.kind import Kind, Looks
from balise_lab.boxes.engine.placement import PORTS, Placement
from balise_lab.boxes.engine.setting import Setting, Unit

CODE = Setting("code", Unit.COUNT, 40, "of the alert (RFC 8446 6.2)", 0, 255)
READS = (REASSEMBLES, JOINS)


def _to_addresses(placement: Placement) -> Iterator[tuple[str, ...]]:
    """Lead the first packets of flows to its addresses to its program."""
    for arguments in queue_flows()(placement):
        for address in placement.targets():
            yield (arguments[0], "-d", address, *arguments[1:])


def _extension(word: str, name: str, number: int) -> Kind:
    """Return a kind that drops flows whose hello has an extension; of the names that it looks for, where it has any."""
    return Kind(
        word=word,
        means=f"the flow dies after a ClientHello with {name}; with `match` only where it names one of these as well",
        looks=Looks.ANYTHING,
        settings=(RESIDUAL, PORTS, SHARE, *READS),
        rules=strike_flows,
        queued=queue_flows(),
        decide=decide_flow(with_extension(number), wanted=lambda box, name: not box.match or of_match(box, name)),
    )


KINDS = (
    Kind(
        word="sni.rst",
        means="resets after a ClientHello with the name",
        looks=Looks.NAMES,
        settings=(RESETS, *FORGES, *READS),
        rules=strike_flows,
        queued=queue_flows(),
        decide=decide_flow(server_name, resets),
    ),
    Kind(
        word="sni.fin",
        means="a forged end after a ClientHello with the name",
        looks=Looks.NAMES,
        settings=(RESETS, *FORGES, *READS),
        rules=strike_flows,
        queued=queue_flows(),
        decide=decide_flow(server_name, lambda box, seen: [forge.ending(seen, marks(box))]),
    ),
    Kind(
        word="sni.alert",
        means="a forged TLS alert after a ClientHello with the name",
        looks=Looks.NAMES,
        settings=(CODE, *FORGES, *READS),
        rules=strike_flows,
        queued=queue_flows(),
        decide=decide_flow(server_name, lambda box, seen: forge.alert(seen, marks(box), CODE.of(box))),
    ),
    Kind(
        word="sni.allow",
        means="flows die after a ClientHello with any name but those that `match` permits",
        looks=Looks.NAMES,
        settings=(RESIDUAL, PORTS, SHARE, *READS),
        rules=strike_flows,
        queued=queue_flows(),
        decide=decide_flow(server_name, wanted=lambda box, name: not of_match(box, name)),
    ),
    Kind(
        word="tls.drop",
        means="flows to the addresses die after any ClientHello",
        looks=Looks.ADDRESSES,
        settings=(RESIDUAL, PORTS, SHARE),
        rules=strike_flows,
        queued=_to_addresses,
        decide=decide_flow(greeting, wanted=lambda _box, _name: True),
    ),
    Kind(
        word="sni.drop",
        means="the flow dies after a ClientHello with the name",
        looks=Looks.NAMES,
        settings=(RESIDUAL, PORTS, SHARE, *READS),
        rules=strike_flows,
        queued=queue_flows(),
        decide=decide_flow(server_name),
    ),
    _extension("tls.ech", "Encrypted Client Hello (RFC 9849)", ECH),
    _extension("tls.esni", "Encrypted SNI (draft-ietf-tls-esni-02)", ESNI),
)
