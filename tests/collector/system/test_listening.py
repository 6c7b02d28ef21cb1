"""A port is taken, or why it cannot be had is said with the table to mend."""

from __future__ import annotations

from contextlib import closing

import pytest

from balise_collector.system.errors import ConfigError
from balise_collector.system.listening import listen


def test_a_port_that_another_has_is_named_with_its_table() -> None:
    """So that the operator sees which setting to change."""
    with closing(listen("127.0.0.1", 0, "pages")) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"\[public\] 127\.0\.0\.1:{port}: .*choose another"):
            listen("127.0.0.1", port, "public")
