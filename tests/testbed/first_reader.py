"""The reader of the first version (commit a430c09): what it would say of a message that we send today.

Lives here: its JSON Schema, as it was published (tests/wire/first/schema.json), and as much of JSON Schema as that
needs; the messages it once sent, as they came over a real broker. It reads a message whole or not at all: a word that
it does not have is a fault of the whole message. Must not live here: expectations.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_wire.envelope import Envelope, decode_envelope
from balise_wire.seal import key_id, unseal

FOLDER: Final = Path(__file__).resolve().parents[1] / "wire" / "first"
PROBE: Final = "k7m2q9xd"
PROBE_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
"""The key of the probe that was recorded."""
COLLECTOR_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
"""The key of the collector that was recorded."""
_SCHEMA: Final[dict[str, Any]] = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def faults(kind: str, message: Any, place: str = "") -> list[str]:
    """Return what the first version's reader finds wrong with a message; nothing where it takes it.

    Args:
        kind: name of a published structure, e.g. ``Assignment``.
        message: the message as plain JSON values.
        place: what to call it.
    """
    return list(_faults(_SCHEMA["$defs"][kind], message, place or kind))


def _faults(schema: dict[str, Any], value: Any, place: str) -> list[str]:
    if "$ref" in schema:
        return _faults(_SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]], value, place)
    if "anyOf" in schema:
        found = [_faults(one, value, place) for one in schema["anyOf"]]
        return [] if any(not one for one in found) else min(found, key=len)
    told = []
    if "enum" in schema and value not in schema["enum"]:
        return [f"{place}: {value!r} is no word that it has"]
    kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
    if kinds and not any(_is(kind, value) for kind in kinds):
        return [f"{place}: {type(value).__name__} where it takes {', '.join(kinds)}"]
    if isinstance(value, dict):
        told += [f"{place}: no {name}" for name in schema.get("required", ()) if name not in value]
        known = schema.get("properties", {})
        for name, one in value.items():
            if name in known:
                told += _faults(known[name], one, f"{place}.{name}")
            elif schema.get("additionalProperties", True) is False:
                told.append(f"{place}: {name} is no field that it has")
    if isinstance(value, list):
        items = schema.get("items", {})
        shapes = schema.get("prefixItems", [items] * len(value))
        for index, (one, shape) in enumerate(zip(value, shapes, strict=False)):
            told += _faults(shape, one, f"{place}[{index}]") if isinstance(shape, dict) else []
    return told


def _is(kind: str, value: Any) -> bool:
    if kind in {"number", "integer"} and isinstance(value, bool):
        return False
    return isinstance(value, _TYPES[kind])


def words(name: str) -> frozenset[str]:
    """Return the words of one of its lists."""
    return frozenset(_SCHEMA["$defs"][name]["enum"])


def recorded(leaf: str) -> list[bytes]:
    """Return the payloads that the first version sent on a leaf, in their order."""
    return [path.read_bytes() for path in sorted(FOLDER.glob(f"{leaf}-[0-9]*.*"))]


def opened(frame: bytes) -> Envelope:
    """Return the envelope of a recorded frame, by whichever of the two keys sealed it."""
    key = COLLECTOR_KEY if frame[5:13] == key_id(COLLECTOR_KEY.public_key()) else PROBE_KEY
    return decode_envelope(unseal(frame, key.public_key(), most=1 << 22))
