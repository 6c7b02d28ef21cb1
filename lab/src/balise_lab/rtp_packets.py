"""RTP as boxes of the lab see it (RFC 3550 5.1); shares no code with what it judges. Pure.

Must not live here: what a box does about it.
"""

from typing import Final

SHORTEST: Final = 100
"""Bytes of a packet of voice with its header, at the least; shorter ones are left alone."""
LONGEST: Final = 400


def is_voice(data: bytes) -> bool:
    """Tell whether a datagram looks like one of a voice stream: version 2, a dynamic payload type, of its length."""
    return SHORTEST <= len(data) <= LONGEST and data[0] & 0xC0 == 0x80 and 96 <= data[1] & 0x7F <= 127
