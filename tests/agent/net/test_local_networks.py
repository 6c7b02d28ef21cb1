"""The networks a probe stands in are known, so that they are never measured and never named."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from balise_agent.net.local_networks import own_prefixes

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


HALVES = """wg0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
wg0\t00000080\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
wg0\t0000002D\t00000000\t0001\t0\t0\t0\t0000C0FF\t0\t0\t0
*\t0000002C\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.168.1.0/24 2 0 2
        |-- 192.168.1.0
           /24 link UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.2.0.2
        /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.168.1.7
        /32 host LOCAL
     |-- 192.168.1.255
        /32 link BROADCAST
"""


@pytest.mark.parametrize("trie", ["", TRIE])
def test_a_tunnel_is_no_household(tmp_path: Path, trie: str) -> None:
    """WireGuard by halves or with holes, and routes that swallow: the internet is not this machine's own network."""
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/route").write_text(ROUTES + HALVES)
    if trie:
        (tmp_path / "proc/net/fib_trie").write_text(trie)
    assert own_prefixes(tmp_path) == ("192.168.1.0/24",)


def test_fine_holes_of_a_split_tunnel_are_no_household_either(tmp_path: Path) -> None:
    """All but one address through a tunnel takes routes of every length: only those that we stand in are ours."""
    (tmp_path / "proc/net").mkdir(parents=True)
    fine = "wg0\t0671002D\t00000000\t0001\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"
    (tmp_path / "proc/net/route").write_text(ROUTES + fine)
    (tmp_path / "proc/net/fib_trie").write_text(TRIE)
    assert own_prefixes(tmp_path) == ("192.168.1.0/24",)


def test_no_site_is_wider_than_its_providers_gift(tmp_path: Path) -> None:
    """An IPv6 address with the prefix of a whole provider makes the /48 around it ours and no more (RFC 6177)."""
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/if_inet6").write_text("2a000db8000100000000000000000005 02 14 00 80     eth0\n")
    assert own_prefixes(tmp_path) == ("2a00:db8:1::/48",)


@pytest.mark.netns
def test_the_kernels_own_tables(namespace_wrapper: tuple[str, ...], tools_bin: Path) -> None:
    """A LAN, a tunnel by halves, one with finer routes, and the four kinds of routes that refuse."""
    steps = (
        "ip link add line0 type veth peer name far0; ip link set far0 up; ip link set line0 up;"
        "ip link add wg0 type veth peer name far1; ip link set far1 up; ip link set wg0 up;"
        "ip addr add 203.0.113.7/24 dev line0; ip addr add 10.2.0.2/32 dev wg0;"
        "ip route add default via 203.0.113.1;"
        "ip route add 0.0.0.0/1 dev wg0; ip route add 128.0.0.0/1 dev wg0; ip route add 45.9.0.0/17 dev wg0;"
        "ip route add blackhole 46.1.0.0/16; ip route add unreachable 47.1.2.0/24; ip route add prohibit 48.0.0.0/8;"
        "ip route add throw 49.0.0.0/8; ip -6 route add blackhole 2a00::/16;"
    )
    code = "import json; from balise_agent.net.local_networks import own_prefixes; print(json.dumps(own_prefixes()))"
    done = subprocess.run(
        (*namespace_wrapper, "sh", "-ec", f"PATH={tools_bin}:$PATH; {steps} exec {sys.executable} -c '{code}'"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["203.0.113.0/24"]
