"""Interception of TLS."""

from balise_lab.boxes.engine.box import Box
from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.rules import rules
from tests.lab.boxes.packets import TOPOLOGY


def certificates(box: Box) -> dict[str, str]:
    """Return whose certificate each name gets from the interceptor."""
    serve = KINDS["tls.mitm"].serve
    assert serve is not None
    return {site.name: site.certificate for site in serve(rules(box, TOPOLOGY, 0).placement)}


def test_only_the_names_it_looks_for_are_a_strangers() -> None:
    """Another name on the same address keeps its authority: so the judge tells a censor from a host's own proxy."""
    neighbour = TOPOLOGY.endpoints[0].neighbour
    found = certificates(Box("b", "tls.mitm", match=("twitter/web",)))
    assert (found["twitter.lab"], found[neighbour], found[""]) == ("untrusted", "good", "good")


def test_who_looks_for_an_address_intercepts_every_name_there() -> None:
    """As a program on the line's own side does."""
    assert set(certificates(Box("b", "tls.mitm", addresses=("198.19.64.10",))).values()) == {"untrusted"}


def test_two_interceptors_at_one_place_have_ports_of_their_own() -> None:
    """Both bring a server to the same namespace."""
    box = Box("b", "tls.mitm", match=("twitter",))
    first, second = (rules(box, TOPOLOGY, slot).script for slot in (0, 1))
    assert ":8443" in first
    assert ":8444" in second
