"""Golden files: messages that were once on air stay readable for ever (docs/wire.md, versioning law 4)."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_wire.envelope import MAX_BODY_BYTES, decode_envelope
from balise_wire.measurement import Measurement
from balise_wire.schema import rendered
from balise_wire.seal import unseal

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.name)
def test_a_golden_file_reads_and_writes_back_the_same(path: Path, golden_types: dict[str, Any]) -> None:
    """An old message decodes, and encodes to the same JSON: no field was renamed, re-typed or dropped."""
    kind = path.stem.rpartition("-")[0]
    value = msgspec.json.decode(path.read_bytes(), type=golden_types[kind])
    assert msgspec.json.decode(msgspec.json.encode(value)) == msgspec.json.decode(path.read_bytes())


def test_every_published_type_has_a_golden_file(golden_types: dict[str, Any]) -> None:
    """A message type without a golden example is one that nobody promised to keep reading."""
    assert {path.stem.rpartition("-")[0] for path in GOLDEN.glob("*.json")} == set(golden_types)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.sealed")), ids=lambda path: path.name)
def test_a_golden_batch_verifies_and_reads(path: Path) -> None:
    """A frame sealed by an earlier version verifies against its key, whatever dictionary it was compressed with."""
    envelope = decode_envelope(unseal(path.read_bytes(), SIGNER, most=MAX_BODY_BYTES))
    assert envelope.probe == "k7m2q9xd"
    assert envelope.historical
    assert len(msgspec.json.decode(envelope.body, type=list[Measurement])) == 6


def test_the_committed_schema_is_fresh() -> None:
    """docs/wire.schema.json says what the code says; the mend is ``python -m balise_wire.schema``."""
    assert (HERE.parents[1] / "docs" / "wire.schema.json").read_text() == rendered()
