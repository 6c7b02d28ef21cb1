"""A thread opens each file once, at its first use, and closes all of them together."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from balise_collector.run.databases import Databases
from balise_collector.system.config import Broker, CollectorSettings, Config
from balise_collector.system.errors import JournalError
from tests.collector.field_probe import FieldProbe


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return the settings of a collector in a folder of its own."""
    return Config(collector=CollectorSettings(state_dir=str(tmp_path)), broker=(Broker(host="127.0.0.1"),))


def connections(folder: Path) -> list[str]:
    """Return the databases of a folder that this process has open, one for each connection."""
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sorted(Path(link).name for link in links if Path(link).parent == folder and link.endswith(".sqlite"))


def test_each_file_is_opened_once_whoever_asks(config: Config, tmp_path: Path) -> None:
    """The store shows the measurements of the same journal: three files, three connections, and none afterwards."""
    with closing(Databases(config)) as databases:
        assert connections(tmp_path) == []
        assert databases.store.measurement("0" * 32) is None
        assert databases.journal.head() == 0
        assert databases.registry.pending() == []
        assert databases.fleet().active() == ()
        assert connections(tmp_path) == ["derived.sqlite", "fleet.sqlite", "journal.sqlite"]
    assert connections(tmp_path) == []


def test_the_fleet_is_read_again_where_it_changed(config: Config) -> None:
    """Making its keys ready costs more than a page."""
    with closing(Databases(config)) as mine, closing(Databases(config)) as another:
        before = mine.fleet()
        assert mine.fleet() is before
        another.registry.approve(FieldProbe().member)
        assert len(mine.fleet().members) == 1


def test_for_reading_nothing_is_made(config: Config, tmp_path: Path) -> None:
    """A view that may only read says that there is nothing yet."""
    with closing(Databases(config, reading=True)) as databases:
        with pytest.raises(JournalError):
            _ = databases.journal
        with pytest.raises(JournalError):
            _ = databases.registry
    assert list(tmp_path.iterdir()) == []
