"""The classic pcap file format (libpcap, nanosecond variant), as bytes.

Lives here: the file header and the record of one IP packet. Must not live here: files, and any choice of packets.
"""

import struct
from typing import Final

LINKTYPE_RAW: Final = 101
"""The record begins with the IP header (tcpdump.org link types)."""
_SNAPLEN: Final = 262144
HEADER: Final = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, _SNAPLEN, LINKTYPE_RAW)


def record(t_ns: int, data: bytes) -> bytes:
    """Return one record; ``t_ns`` is nanoseconds since 1970."""
    seconds, nanoseconds = divmod(t_ns, 1_000_000_000)
    kept = data[:_SNAPLEN]
    return struct.pack("<IIII", seconds & 0xFFFFFFFF, nanoseconds, len(kept), len(data)) + kept
