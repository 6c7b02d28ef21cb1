"""Handshakes of VPN protocols on connections to a helper: what the helper's own code says, as far as a box lets it.

Must not live here: segments (connections.py), what a box knows a protocol by (vpn_packets.py).
"""

from typing import Final

from balise_lab.field.network import answering
from balise_lab.field.network.answering import Answer, Arrival
from balise_lab.field.network.connections import Connection
from balise_lab.vpn_packets import STREAMS

_THINKS: Final = 0.001


def answer(connection: Connection, data: bytes) -> Answer:
    """Return what comes back to what a client says next on a connection to a helper."""
    connection.said.append(data)
    home = connection.home
    for one in home.now.udps:
        looks = STREAMS.get(one.effect.act) if one.kind == "vpn.cut" else None
        if looks is None or not one.hits(connection.address, connection.server, connection.port, home.now.seen):
            continue
        touched = connection.drawn.setdefault(id(one.effect), home.chance.random() < one.effect.share)
        if touched and looks(connection.said, one.effect.passes):
            if one.effect.residual:
                home.remember(connection.address, connection.port, one.effect.residual)
            return answering.SILENCE
    said = connection.handshake.take(data)
    after = connection.way.seconds + _THINKS * (0.5 + home.chance.random())
    if said is None:
        return Answer((Arrival(after, "FA"),))
    return Answer((Arrival(after, "PA", said),) if said else ())
