"""RTP as the lab sees it agrees with what the probe sends, of which it shares nothing."""

from __future__ import annotations

from balise_agent.codec import call, quic, stun
from balise_lab.rtp_packets import is_voice
from balise_wire.experiments.call import CallShape


def test_a_box_knows_voice_by_its_shape_alone() -> None:
    """Every packet of voice, and none of what looks like nothing, or is another protocol's."""
    for number in range(150):
        assert is_voice(call.packet(b"tokentok", 4, number, CallShape.VOICE, CallShape.NOISE))
        assert not is_voice(call.packet(b"tokentok", 4, number, CallShape.NOISE, CallShape.VOICE))
    for other in (stun.binding(1), quic.initial("a.example", 1, shape=1), quic.noise(1), call.hello(1), b""):
        assert not is_voice(other)
