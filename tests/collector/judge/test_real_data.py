"""The judge on recorded data: CenTrace's captures of real censors, and OONI's fingerprints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from balise_collector.judge import read_fingerprints
from balise_collector.judge.fingerprints import PROOF
from balise_collector.judge.injection import FORGED, Sign, weighed
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


def _pairs(folder: Path) -> Iterator[tuple[str, list[list[Packet]], list[list[Packet]]]]:
    """Yield each pair of captures: the test name, its connections, and the control's."""
    for subject in sorted(folder.glob("*.pcap")):
        server, domain, name = subject.name.split("_")[:3]
        if not name.startswith("example.com"):
            control = next(folder.glob(f"{server}_{domain}_example.com*.pcap"))
            yield domain, list(_flows(subject).values()), list(_flows(control).values())


def _best(subjects: list[list[Packet]], controls: list[list[Packet]]) -> tuple[float, frozenset[Sign]]:
    return max(weighed(subjects, controls), key=lambda each: each[0])


def test_the_injection_score_separates_real_censors_from_controls(shared_data: Path) -> None:
    """Nine pairs of captures from real networks: what is forged scores on the test name, nothing does on the control.

    The other censors drop packets, or the endpoint's own resets answer the scanner's FIN: those must score nothing. So
    must www.ft.com, where a firewall 18 hops away answers everything that reaches it with the same reset, example.com's
    own FIN too; and binance.com, whose port is closed to both names.
    """
    scores = {name: _best(ours, theirs) for name, ours, theirs in _pairs(shared_data / "centrace")}
    assert len(scores) == 9
    assert {name for name, (score, _) in scores.items() if score > 0} == {
        "archive.org",
        "bisexual.org",
        "www.nifty.org",
    }
    assert all(score >= FORGED for score, _ in scores.values() if score > 0)
    assert scores["archive.org"][1] == {Sign.TTL, Sign.VOLLEY, Sign.WINDOW, Sign.SENDERS}, "DF is as the server's"
    assert scores["www.nifty.org"][1] == {Sign.TTL, Sign.DF, Sign.WINDOW}
    assert scores["bisexual.org"][1] == {Sign.TTL, Sign.DF, Sign.SENDERS}, "a page and a reset from elsewhere"


def test_controls_and_a_capture_beside_itself_score_nothing(shared_data: Path) -> None:
    """Subject minus control: half of the control against the other, a capture against itself, the pair reversed."""
    for name, ours, theirs in _pairs(shared_data / "centrace"):
        assert _best(theirs[::2], theirs[1::2])[0] == 0.0, name
        assert _best(ours, ours)[0] == 0.0, name
        assert _best(theirs, ours)[0] == 0.0, name


def test_oonis_fingerprints_can_be_read_and_match_their_own_addresses(shared_data: Path) -> None:
    """Every print of both files loads; every DNS print of a nation or a provider finds the address it names."""
    folder = shared_data / "fingerprints"
    names = (folder / "fingerprints_dns.csv").read_text().splitlines()
    prints = read_fingerprints(names)
    assert len(prints.prints) > 200
    assert all((prints.address(p.pattern) is not None) is (p.scope in PROOF) for p in prints.prints)
    with (folder / "fingerprints_http.csv").open(newline="") as lines:
        pages = read_fingerprints(lines)
    assert len(pages.prints) > 1_500
    assert pages.page("", [("server", "Protected by WireFilter 8000")]) is not None
    assert pages.page("Home", [("server", "nginx")]) is None
