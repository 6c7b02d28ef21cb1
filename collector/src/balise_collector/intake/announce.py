"""What a probe says of itself in its retained ``meta``: of a stranger for the operator's eyes, of a member its skills.

Lives here: reading that message, whose key is inside the very message it signs. The signature proves that the sender
holds the announced key, not who it is: the operator compares the key's fingerprint. A plain message proves nothing, and
a member that sends one has the skills of the first version. Pure.
"""

import re
from typing import Final

import msgspec
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_collector.fleet.members import Pending
from balise_collector.fleet.orders import Able, trimmed
from balise_collector.system.harmless import only_printable
from balise_wire.dictionary import DICTIONARIES
from balise_wire.envelope import Kind, decode_envelope
from balise_wire.seal import HEADER, MAGIC, SealError, unseal
from balise_wire.skills import FIRST
from balise_wire.status import Meta
from balise_wire.topics import ProbeTopic
from balise_wire.words import Access, ProbeRole

META_BYTES_MOST: Final = 16 * 1024
_COUNTRY = re.compile(r"[A-Z]{2}")
_KEY = re.compile(r"[0-9a-f]{64}")
_decoder = msgspec.json.Decoder(Meta)


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe says of itself."""

    stranger: Pending
    """Who it would be, if nobody had approved it yet."""
    able: Able
    """What it can do, as far as it said so under the seal of the key that it names."""


def read_announcement(topic: ProbeTopic, payload: bytes, received_at: float) -> Announcement | str:
    """Return what a probe says of itself, or why the message says nothing.

    The frame is opened first without its key, bounded, to find the key, and then properly with it.
    """
    if len(payload) > META_BYTES_MOST:
        return f"meta of {len(payload)} bytes; {META_BYTES_MOST} are allowed"
    sealed = payload.startswith(MAGIC)
    try:
        meta = _open(payload, topic.probe) if sealed else _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, SealError, zstandard.ZstdError) as error:
        return f"meta: {type(error).__name__}: {error}"[:300]
    if not _KEY.fullmatch(meta.public_key):
        return "meta: public_key is not 64 hex digits"
    stranger = Pending(
        id=topic.probe,
        public_key=meta.public_key,
        country=meta.country if _COUNTRY.fullmatch(meta.country) else "",
        asn=meta.asn if 0 <= meta.asn < 2**32 else 0,
        access="" if meta.access is Access.UNKNOWN else meta.access,
        role="" if meta.role is ProbeRole.UNKNOWN else meta.role,
        software=only_printable(meta.software[:40]),
        first_seen=received_at,
        last_seen=received_at,
    )
    skills = trimmed(meta.skills) if sealed and meta.skills else FIRST
    return Announcement(stranger=stranger, able=Able(software=stranger.software, skills=skills))


def _open(frame: bytes, probe: str) -> Meta:
    """Open a sealed meta with the key that it names itself (SealError when it is not signed with that key)."""
    meta = _meta_of(_unverified(frame), probe)
    if not _KEY.fullmatch(meta.public_key):
        return meta
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(meta.public_key))
    return _meta_of(unseal(frame, key, most=META_BYTES_MOST), probe)


def _meta_of(message: bytes, probe: str) -> Meta:
    envelope = decode_envelope(message)
    if envelope.kind is not Kind.META or envelope.probe != probe:
        raise SealError("the envelope is no meta of the topic's probe")
    return _decoder.decode(envelope.body)


def _unverified(frame: bytes) -> bytes:
    """Return the message of a frame whose signature nobody checked yet."""
    payload = frame[HEADER:]
    parameters = zstandard.get_frame_parameters(payload)
    if parameters.content_size > META_BYTES_MOST:
        raise SealError(f"meta that unpacks to {parameters.content_size} bytes; {META_BYTES_MOST} are allowed")
    dictionary = DICTIONARIES.get(parameters.dict_id) if parameters.dict_id else None
    decompressor = zstandard.ZstdDecompressor(dict_data=dictionary)
    return decompressor.decompress(payload, max_output_size=META_BYTES_MOST)
