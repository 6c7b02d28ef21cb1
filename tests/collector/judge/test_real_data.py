"""The judge on recorded data: CenTrace's captures of real censors, and OONI's fingerprints."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from balise_collector.judge import read_fingerprints
from balise_collector.judge.injection import FORGED, injection_score, trace
from balise_wire.evidence import Direction, Packet

pytestmark = pytest.mark.real_data


def _flows(path: Path) -> dict[int, list[Packet]]:
    """Return the capture's TCP connections by source port, as a probe's tap would have recorded them."""
    scapy_inet = pytest.importorskip(
        "scapy.layers.inet", reason="real_data: scapy is not installed here; run make setup"
    )
    scapy_utils = pytest.importorskip("scapy.utils")
    flows: dict[int, list[Any]] = defaultdict(list)
    server = path.name.split("_", maxsplit=1)[0]
    for frame in scapy_utils.rdpcap(str(path)):
        if scapy_inet.IP in frame and scapy_inet.TCP in frame:
            ip, tcp = frame[scapy_inet.IP], frame[scapy_inet.TCP]
            if server in {ip.src, ip.dst}:
                flows[tcp.sport if ip.dst == server else tcp.dport].append(
                    (float(frame.time), ip, tcp, ip.dst == server)
                )
    return {port: _packets(seen) for port, seen in flows.items() if any("S" in str(t.flags) for _, _, t, _ in seen)}


def _packets(seen: list[Any]) -> list[Packet]:
    """Return frames as packet evidence, with offsets from each direction's first sequence number."""
    begun = next(at for at, _, tcp, _ in seen if "S" in str(tcp.flags))
    bases: dict[bool, int] = {}
    packets = []
    for at, ip, tcp, outward in seen:
        if at < begun:
            continue
        base = bases.setdefault(outward, tcp.seq)
        packets.append(
            Packet(
                t_us=int((at - begun) * 1e6),
                direction=Direction.OUT if outward else Direction.IN,
                ttl=ip.ttl,
                ip_id=ip.id,
                df="DF" in str(ip.flags),
                flags=str(tcp.flags),
                seq=(tcp.seq - base + 2**31) % 2**32 - 2**31,
                window=tcp.window,
                # The Ethernet padding of short frames is no payload.
                length=ip.len - ip.ihl * 4 - tcp.dataofs * 4,
            )
        )
    return packets


def _scores(folder: Path) -> dict[str, tuple[float, float, int]]:
    """Return, per pair of captures, the best score of the test name, of the control, and resets seen."""
    found = {}
    for subject in sorted(folder.glob("*.pcap")):
        server, domain = subject.name.split("_")[:2]
        if subject.name.split("_")[2].startswith("example.com"):
            continue
        control = next(folder.glob(f"{server}_{domain}_example.com*.pcap"))
        theirs = _flows(control)
        calm = max(theirs.values(), key=lambda packets: (trace(packets).killer is None, len(packets)), default=[])
        scored = [injection_score(packets, calm) for packets in _flows(subject).values()]
        controls = [injection_score(a, b) for a, b in itertools.pairwise(theirs.values())]
        resets = sum("R" in p.flags for flow in _flows(subject).values() for p in flow if p.direction is Direction.IN)
        found[domain] = (max(scored, default=0.0), max(controls, default=0.0), resets)
    return found


def test_the_injection_score_separates_real_censors_from_controls(shared_data: Path) -> None:
    """Nine pairs of captures from real networks: forged resets score on the test name, nothing does on the control.

    The other censors drop packets, or the endpoint's own resets answer the scanner's FIN: those must score nothing.
    """
    scores = _scores(shared_data / "centrace")
    assert len(scores) == 9
    assert all(control == 0.0 for _, control, _ in scores.values()), scores
    forged = {name for name, (subject, _, _) in scores.items() if subject >= 3.0}
    assert forged == {"bisexual.org", "www.ft.com", "www.nifty.org", "archive.org"}
    assert sum(subject >= FORGED for subject, _, _ in scores.values()) == 3
    assert all(scores[name][0] == 0.0 for name in set(scores) - forged)
    assert scores["youtube.com"][2] > 50, "the endpoint's own resets are in the capture, and score nothing"


def test_oonis_fingerprints_can_be_read_and_match_their_own_addresses(shared_data: Path) -> None:
    """Every print of both files loads; every DNS print finds the address it names."""
    folder = shared_data / "fingerprints"
    names = (folder / "fingerprints_dns.csv").read_text().splitlines()
    prints = read_fingerprints(names)
    assert len(prints.prints) > 200
    assert all(prints.address(p.pattern) is not None for p in prints.prints if p.scope != "fp")
    with (folder / "fingerprints_http.csv").open(newline="") as lines:
        pages = read_fingerprints(lines)
    assert len(pages.prints) > 1_500
    assert pages.page("", [("server", "Protected by WireFilter 8000")]) is not None
    assert pages.page("Home", [("server", "nginx")]) is None
