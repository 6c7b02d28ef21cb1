"""The capture file, read back by scapy."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import PcapReader

from balise_agent.codec import pcap


def test_scapy_reads_the_file(tmp_path: Path) -> None:
    """Both families and nanoseconds survive; the link type is raw IP."""
    v4, v6 = bytes(IP(dst="198.18.0.1") / UDP() / b"four"), bytes(IPv6(dst="2001:db8::1") / UDP() / b"six")
    file = tmp_path / "flow.pcap"
    file.write_bytes(pcap.HEADER + pcap.record(1_600_000_000_123_456_789, v4) + pcap.record(1_600_000_001, v6))
    with PcapReader(str(file)) as reader:
        first, second = list(reader)
    assert (bytes(first), bytes(second)) == (v4, v6)
    assert int(first.time * 1_000_000_000) == 1_600_000_000_123_456_789
