"""The JSON Schema of everything on the wire, derived from the structures, so that it cannot drift from them.

``python -m balise_wire.schema > docs/wire.schema.json`` writes it; a test checks that the committed file is fresh.
"""

import inspect
import sys
from typing import Any

import msgspec

from balise_wire.assignment import Assignment
from balise_wire.enrolment import Enrolment, EnrolmentRequest, Refused, RenewalRequest
from balise_wire.envelope import Envelope
from balise_wire.measurement import Measurement
from balise_wire.request import Request
from balise_wire.status import CollectorState, Event, Health, Meta, Receipt, State

PUBLISHED = (
    Envelope, Measurement, Event, Health, Meta, State, Receipt, CollectorState, Assignment, Request,
    EnrolmentRequest, RenewalRequest, Enrolment, Refused,
)  # fmt: skip
"""The types whose schema is published; what they refer to comes with them."""


def json_schema() -> dict[str, Any]:
    """Return one JSON Schema (2020-12) document with a definition for each published type."""
    _, components = msgspec.json.schema_components(PUBLISHED, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "balise wire, schema 1",
        "$defs": _unindented(dict(sorted(components.items()))),
    }


def _unindented(part: Any) -> Any:
    """Return a part of the schema with its descriptions as Python 3.13 keeps docstrings: without their indentation."""
    if isinstance(part, dict):
        return {
            key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else _unindented(value)
            for key, value in part.items()
        }
    return [_unindented(one) for one in part] if isinstance(part, list) else part


def rendered() -> str:
    """Return the schema as it is committed: indented, keys in a stable order, one final newline."""
    return msgspec.json.format(msgspec.json.encode(json_schema(), order="sorted"), indent=2).decode() + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered())
