"""The networks a probe stands in are known, so that they are never measured and never named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balise_agent.household import own_prefixes

if TYPE_CHECKING:
    from pathlib import Path

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
wg0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0
eth0\t0002A8C0\t0101A8C0\t0003\t0\t0\t100\t00FFFFFF\t0\t0\t0
"""
ADDRESSES = """00000000000000000000000000000001 01 80 10 80       lo
20010db8000100000000000000000005 02 40 00 80     eth0
fe80000000000000ba27ebfffe000000 02 40 20 80     eth0
"""


def test_connected_prefixes_are_ours_and_routed_ones_are_not(tmp_path: Path) -> None:
    """The LAN and our IPv6 prefix; not what lies behind the router, nor a tunnel's default route."""
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/route").write_text(ROUTES)
    (tmp_path / "proc/net/if_inet6").write_text(ADDRESSES)
    assert own_prefixes(tmp_path) == ("192.168.1.0/24", "2001:db8:1::/64")


def test_a_machine_without_these_tables_has_none(tmp_path: Path) -> None:
    """No IPv6, no route: nothing to refuse, and no failure."""
    assert own_prefixes(tmp_path) == ()
