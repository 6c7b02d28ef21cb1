"""What people read of the call experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_wire.mechanisms import Mechanism

MECHANISMS: Final = {
    Mechanism.CALL_MEDIA_CUT: "packets in the shape of a voice call vanish in both directions, at our own server too",
    Mechanism.CALL_MEDIA_CUT_UP: "packets in the shape of a voice call vanish on the way from homes, at our own server "
    "too: one hears and is not heard",
    Mechanism.CALL_MEDIA_CUT_DOWN: "packets in the shape of a voice call vanish on the way to homes, at our own server "
    "too: one is heard and hears nothing",
}
