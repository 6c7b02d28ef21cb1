"""What an experiment said of a row."""

from balise_lab.matrix.cells import Said, cell
from balise_lab.matrix.scenario import services_of


def test_a_cell_says_what_accuses_before_what_only_follows() -> None:
    """A block that is told once among many anomalies is told."""
    said = [Said("by-tls", "tls", "insufficient", "tls.anomaly")] * 5
    said += [Said("by-tls", "tls", "blocked", "sni.rst"), Said("by-tls", "dns", "ok", "dns.ok")]
    found = cell(said, ("by-tls",), "tls")
    assert (found.rule, found.accusing, str(found)) == ("sni.rst", frozenset({"sni.rst"}), "**sni.rst**")
    assert str(cell(said, ("by-tls",), "http")) == "nothing"


def test_a_cell_holds_every_service_of_its_experiment() -> None:
    """One protocol that is cut is told beside two that pass."""
    said = [Said(f"by-{one}", "vpn", "ok", "vpn.ok") for one in ("openvpn", "ikev2", "ikev2")]
    said += [Said("by-wireguard", "vpn", "blocked", "vpn.wireguard"), Said("by-other", "vpn", "blocked", "vpn.ikev2")]
    found = cell(said, services_of("vpn"), "vpn")
    assert found.rules == (("blocked", "vpn.wireguard", 1), ("ok", "vpn.ok", 3))
