"""A TLS 1.2 server as they were before 2010: it knows nothing of RFC 5746 and sends no renegotiation_info.

No library can be told to be so old. One suite (TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, which every client offers), one
curve (P-256), no extension, no resumption: RFC 5246 7.4, RFC 4492 5.4, RFC 5288 3. Must not live here: anything that
more than a handshake and one page needs.
"""

import hashlib
import hmac
import os
import socket
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_ALERT, _CHANGE, _HANDSHAKE, _DATA = 21, 20, 22, 23


def prf(secret: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """Return key material (RFC 5246 5)."""
    found, chain = b"", label + seed
    while len(found) < length:
        chain = hmac.digest(secret, chain, "sha256")
        found += hmac.digest(secret, chain + label + seed, "sha256")
    return found[:length]


class OldServer:
    """One connection."""

    def __init__(self, peer: socket.socket, key: rsa.RSAPrivateKey, chain: list[x509.Certificate]) -> None:
        self._peer = peer
        self._key = key
        self._chain = chain
        self._said = b""
        self._in: tuple[AESGCM, bytes] | None = None
        self._out: tuple[AESGCM, bytes] | None = None
        self._numbers = [0, 0]

    def serve(self, page: bytes) -> None:
        """Shake hands and answer one request; ConnectionError where the client stops."""
        hello = self._hear(_HANDSHAKE)
        random, point = os.urandom(32), ec.generate_private_key(ec.SECP256R1())
        self._tell(2, b"\x03\x03" + random + b"\0" + b"\xc0\x2f" + b"\0")
        certificates = b"".join(_vector(3, one.public_bytes(Encoding.DER)) for one in self._chain)
        self._tell(11, _vector(3, certificates))
        share = point.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        parameters = b"\x03\x00\x17" + _vector(1, share)
        signed = self._key.sign(hello[6:38] + random + parameters, padding.PKCS1v15(), hashes.SHA256())
        self._tell(12, parameters + b"\x04\x01" + _vector(2, signed))
        self._tell(14, b"")
        exchange = self._hear(_HANDSHAKE)
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), exchange[5:])
        secret = prf(point.exchange(ec.ECDH(), theirs), b"master secret", hello[6:38] + random, 48)
        keys = prf(secret, b"key expansion", random + hello[6:38], 40)
        self._hear(_CHANGE)
        self._in = AESGCM(keys[:16]), keys[32:36]
        self._hear(_HANDSHAKE)
        self._send(_CHANGE, b"\x01")
        self._out = AESGCM(keys[16:32]), keys[36:40]
        self._tell(20, prf(secret, b"server finished", hashlib.sha256(self._said).digest(), 12))
        self._hear(_DATA)
        self._send(_DATA, page)
        self._send(_ALERT, b"\x01\0")

    def _tell(self, kind: int, body: bytes) -> None:
        message = bytes([kind]) + _vector(3, body)
        self._said += message
        self._send(_HANDSHAKE, message)

    def _send(self, kind: int, data: bytes) -> None:
        if self._out is not None:
            number = struct.pack("!Q", self._numbers[1])
            self._numbers[1] += 1
            extra = number + bytes([kind]) + b"\x03\x03" + struct.pack("!H", len(data))
            data = number + self._out[0].encrypt(self._out[1] + number, data, extra)
        self._peer.sendall(bytes([kind]) + b"\x03\x03" + _vector(2, data))

    def _hear(self, wanted: int) -> bytes:
        head = self._exactly(5)
        data = self._exactly(int.from_bytes(head[3:], "big"))
        if head[0] != wanted:
            raise ConnectionError(f"record {head[0]}: {data.hex()}")
        if self._in is not None:
            number = struct.pack("!Q", self._numbers[0])
            self._numbers[0] += 1
            extra = number + head[:3] + struct.pack("!H", len(data) - 24)
            data = self._in[0].decrypt(self._in[1] + data[:8], data[8:], extra)
        if wanted == _HANDSHAKE:
            self._said += data
        return data

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = self._peer.recv(count - len(found))
            if not more:
                raise ConnectionError("the client hung up")
            found += more
        return found


def _vector(length_bytes: int, data: bytes) -> bytes:
    return len(data).to_bytes(length_bytes, "big") + data
