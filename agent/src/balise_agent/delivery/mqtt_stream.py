"""paho-mqtt on a stream that already stands. Everything private of paho that we rely on is in this one file.

paho opens its socket with blocking calls in ``_create_socket``; here that method returns the stream that dial.py
opened. The frames of a WebSocket are still paho's; only its blocking upgrade is skipped.
"""

import contextlib
import socket
import ssl
import warnings
from typing import Any, Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from balise_wire.envelope import MAX_BODY_BYTES

_INFLIGHT: Final = 64
"""More than the publisher's window and its few state messages: paho's own queue stays empty."""

_PORTION: Final = 65536
_LARGEST: Final = 2 * MAX_BODY_BYTES
"""Bytes of one MQTT packet that are worth reading."""


class _UpgradedSocket(mqtt._WebsocketWrapper):  # noqa: SLF001 - see the charter
    """A WebSocket whose upgrade is done."""

    def _do_handshake(self, extra_headers: Any) -> None:  # noqa: ARG002 - paho's signature
        self.connected = True


class StreamClient(mqtt.Client):
    """A client of one connection on one open stream; it never reconnects and never blocks."""

    def __init__(self, client_id: str, stream: socket.socket, *, websocket: bool, tls: bool) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            super().__init__(
                CallbackAPIVersion.VERSION2,
                client_id=client_id,
                clean_session=True,
                protocol=MQTTProtocolVersion.MQTTv311,
                reconnect_on_failure=False,
            )
        self.max_inflight_messages = _INFLIGHT
        self._stream = stream
        self._over_websocket = websocket
        self._over_tls = tls
        self.alert = ""
        """What TLS said when the connection ended; a broker refuses a TLS 1.3 client only after the handshake."""

    def _create_socket(self) -> Any:
        """Return the open stream in the place of paho's blocking connect."""
        if not self._over_websocket:
            return self._stream
        return _UpgradedSocket(self._stream, "", 0, self._over_tls, "", None)

    def _sock_recv(self, bufsize: int) -> bytes:
        """Read in small portions: paho asks for a whole announced message at once, and Python allocates it."""
        try:
            return super()._sock_recv(min(bufsize, _PORTION))
        except ssl.SSLError as error:
            self.alert = str(error)
            raise

    def _packet_read(self) -> MQTTErrorCode:
        """End the connection of a broker that announces more than any collector would send."""
        code = super()._packet_read()
        return MQTTErrorCode.MQTT_ERR_PROTOCOL if self._in_packet["remaining_length"] > _LARGEST else code

    def unacknowledged(self) -> int:
        """Return how many messages the broker has not acknowledged yet."""
        return len(self._out_messages)

    def buffered(self) -> bool:
        """Whether TLS holds decrypted bytes that the selector cannot see."""
        pending = getattr(self._stream, "pending", None)
        return bool(pending and self._stream.fileno() >= 0 and pending())

    def abandon(self) -> None:
        """Close the socket without a goodbye and without calling anybody back."""
        self.on_disconnect = None
        self.on_socket_unregister_write = None
        with contextlib.suppress(OSError):
            self._sock_close()
            self._stream.close()
