"""A sink's own table of the settings: its shape is the sink's business."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.sinks.context import settings_of
from balise_collector.system.config import Config, Sinks
from balise_collector.system.errors import ConfigError


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a made sink."""

    file: str


def test_a_table_is_read_in_the_sinks_shape() -> None:
    """None where there is none; what is wrong names the table and the key."""
    config = Config(sinks=Sinks(tables={"made": {"file": "x"}, "bad": {"file": 1}}))
    assert settings_of(config, "absent", Shape) is None
    assert settings_of(config, "made", Shape) == Shape(file="x")
    with pytest.raises(ConfigError, match=r"\[sinks.bad\]: file"):
        settings_of(config, "bad", Shape)
