"""One box as it is handed to its program."""

import json

import pytest

from balise_lab.boxes.engine.box import Box, fits, from_plain, to_plain


def test_a_box_passes_through_json_unchanged() -> None:
    """Its program is another process: tuples, numbers and truths must come out as they went in."""
    box = Box(
        "b", "sni.rst", isps=("a", "b"), match=("*.lab",), settings={"ports": (443,), "inline": False, "residual": 1.5}
    )
    assert from_plain(json.loads(json.dumps(to_plain(box)))) == box


@pytest.mark.parametrize(
    ("name", "pattern", "fit"),
    [
        ("pbs.twimg.lab", "*.twimg.lab", True),
        ("PBS.TWIMG.LAB.", "*.twimg.lab", True),
        ("twimg.lab", "*.twimg.lab", False),
        ("twitter.lab", "twitter.lab", True),
        ("nottwitter.lab", "twitter.lab", False),
    ],
)
def test_patterns(name: str, pattern: str, fit: bool) -> None:
    """Patterns fit whole names; case and the final dot do not count."""
    assert fits(name, (pattern,)) is fit
