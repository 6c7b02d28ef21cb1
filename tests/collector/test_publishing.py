"""The public listener beside the operator's: it serves what may be seen, and ends when it is asked to."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from balise_collector.config import Broker, Config, Pages, Place, Public
from balise_collector.errors import ConfigError
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.pages.api import EachThread
from balise_collector.pages.view import View
from balise_collector.publishing import Publishing, listen, token_of
from balise_collector.store import Store


def config_of(folder: Path, **more: object) -> Config:
    """Return settings with everything in a folder."""
    return Config(collector=Place(state_dir=str(folder)), broker=(Broker(host="127.0.0.1"),), **more)  # type: ignore[arg-type]


def test_the_public_view_has_its_own_port_and_ends(tmp_path: Path) -> None:
    """Over a real socket: an answer with the headers that caches need, no route of the operator's, and a quick end."""
    public = Public(port=0)
    config = config_of(tmp_path, public=public)
    SqliteJournal(config.journal_file).close()
    Store(config.derived_file).close()

    store = EachThread(lambda: Store(config.derived_file, config.journal_file))

    def look() -> View:
        return View(store=store(), now=1_589_733_000.0, services={"x": "X"})

    part = Publishing(config, public, look, b"secret")
    host, port = part._listening.getsockname()
    part.start()
    try:
        with closing(urllib.request.urlopen(f"http://{host}:{port}/api/v1/incidents", timeout=10)) as answer:
            assert json.loads(answer.read())["incidents"] == []
            assert answer.headers["Cache-Control"] == "public, max-age=60"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://{host}:{port}/api/v1/status", timeout=10)
        assert refused.value.code == 404
        refused.value.close()
    finally:
        part.stop()
        part.join(10)
    assert not part.is_alive()
    assert part.failed is None


def test_a_port_that_is_taken_is_named() -> None:
    """The operator reads which table to change."""
    taken = listen("127.0.0.1", 0, "public")
    with closing(taken), pytest.raises(ConfigError, match=r"\[public\] 127\.0\.0\.1:\d+: .*choose another"):
        listen("127.0.0.1", taken.getsockname()[1], "public")


def test_the_token_is_read_and_must_not_be_guessable(tmp_path: Path) -> None:
    """One line of 32 characters or more; anything less is refused at the start, with the mend."""
    file = tmp_path / "token"
    assert token_of(config_of(tmp_path)) == ""
    config = config_of(tmp_path, pages=Pages(token_file=str(file)))
    with pytest.raises(ConfigError, match="token_file"):
        token_of(config)
    for bad in ("", "short", "a b" * 20):
        file.write_text(bad, encoding="ascii")
        with pytest.raises(ConfigError, match="openssl rand"):
            token_of(config)
    file.write_text("f" * 64 + "\n", encoding="ascii")
    assert token_of(config) == "f" * 64
