"""Why a filter against fully encrypted protocols lets a first payload pass, by the rule that China's had.

Wu et al., "How the Great Firewall of China Detects and Blocks Fully Encrypted Traffic", USENIX Security 2023, 4. Must
not live here: how such a payload is made (filler.py).
"""

import re
from itertools import takewhile
from typing import Final

from balise_wire.experiments.vpn import VpnShape

FEW: Final = 3.4
MANY: Final = 4.6
"""Set bits of a byte in the mean, up to and from which a payload passes (exemption 1)."""
START: Final = 6
"""Printable bytes at the start that let it pass (exemption 2)."""
RUN: Final = 20
"""Printable bytes in a row that do not yet (exemption 4)."""
PRINTABLE: Final = bytes(range(0x20, 0x7F))
_RUN: Final = re.compile(rb"[\x20-\x7e]{%d,}" % (RUN + 1))
_TLS: Final = re.compile(rb"[\x16\x17]\x03[\x00-\x09]")
_HTTP: Final = (b"GET ", b"PUT ", b"POST ", b"HEAD ")


def ones(data: bytes) -> int:
    """Return how many bits are set."""
    return int.from_bytes(data).bit_count()


def exempt_by(data: bytes) -> frozenset[VpnShape]:
    """Return every reason for which a payload passes; ``UNKNOWN`` is one that no shape of ours has."""
    printable = sum(each in PRINTABLE for each in data)
    found = {
        VpnShape.FEW_ONES: ones(data) <= FEW * len(data),
        VpnShape.PRINTABLE_START: sum(1 for _ in takewhile(PRINTABLE.__contains__, data[:START])) == START,
        VpnShape.PRINTABLE_HALF: 2 * printable > len(data),
        VpnShape.PRINTABLE_RUN: _RUN.search(data) is not None,
        VpnShape.TLS_START: _TLS.match(data) is not None,
        VpnShape.UNKNOWN: ones(data) >= MANY * len(data) or data.startswith(_HTTP),
    }
    return frozenset(shape for shape, holds in found.items() if holds)
