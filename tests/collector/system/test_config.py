"""Settings are read strictly: each mistake is one line that names the file, the key and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from balise_collector.system.config import Broker, load
from balise_collector.system.errors import ConfigError

DOOR = "[broker]\nhost='x'\n[enrolment]\nnames=['front.example']\n"
FRONT = "[[enrolment.brokers]]\nhost='front.example'\n"


def written(tmp_path: Path, text: str) -> Path:
    """Write a settings file and return its path."""
    path = tmp_path / "collector.toml"
    path.write_text(text)
    return path


def test_the_example_is_good(repo_root: Path) -> None:
    """What we ship to be copied can be copied."""
    config = load(repo_root / "examples" / "collector.toml")
    assert config.broker == (Broker(host="127.0.0.1", port=8883, own_authority=True),)


def test_the_examples_enrolment_is_good_without_its_marks(repo_root: Path, tmp_path: Path) -> None:
    """The commented table works as it stands; cards are told names first, literal addresses last."""
    lines = (repo_root / "examples" / "collector.toml").read_text().splitlines()
    start = lines.index("# [enrolment]")
    end = lines.index("", start)
    lines[start:end] = [line.removeprefix("# ") for line in lines[start:end] if not line.startswith("# urls")]
    table = load(written(tmp_path, "\n".join(lines))).enrolment
    assert table is not None
    assert table.addresses_to_dial() == ("https://front.example:8443", "https://192.0.2.10:8443")
    assert (table.brokers[0].host, table.brokers[0].port) == ("front.example", 443)


def test_several_brokers_are_a_list(tmp_path: Path) -> None:
    """Probes may fail over between brokers, so the collector listens on all of them."""
    config = load(written(tmp_path, '[[broker]]\nhost = "a"\n[[broker]]\nhost = "b"\n'))
    assert [broker.host for broker in config.broker] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[broker]\nhst = 'x'\n", ["broker[0].hst", "did you mean 'host'"]),
        ("[broker]\nhost = 1\n", ["broker[0].host", "text"]),
        ("[broker]\nhost = 'mqtt://x'\n", ["broker[0].host", "without mqtt://"]),
        ("[broker]\nhost = 'x'\nport = 70000\n", ["broker[0].port"]),
        ("[broker]\nhost = 'x'\nca_file = '/nowhere'\n", ["broker[0].ca_file", "not a file"]),
        ("[broker]\nhost = 'x'\npassword_file = '/etc/hostname'\n", ["broker[0].username"]),
        ("", ["broker", "add [broker]"]),
        ("[broker]\nhost='x'\n[collector]\nstate_dir='relative'\n", ["collector.state_dir", "from /"]),
        ("[broker]\nhost='x'\n[timetable]\ninterval=1\n", ["timetable.interval"]),
        ("[broker]\nhost='x'\n[network]\nlaboratory=['x']\n", ["network.laboratory", "198.18.0.0/15"]),
        ("[broker]\nhost='x'\n[catalogue]\ndir='/nowhere'\n", ["catalogue.dir"]),
        ("[broker]\nhost='x'\n[pages]\nhost='0.0.0.0'\n", ["pages.token_file", "loopback"]),
        ("[broker]\nhost='x'\n[pages]\ntoken_file='/nowhere'\n", ["pages.token_file", "not a file"]),
        ("[broker]\nhost='x'\n[public]\nk=1\n", ["public.k", "2 or more"]),
        ("[broker]\nhost='x'\n[public]\ndelay_minutes=-1\n", ["public.delay_minutes", "0 to 10080"]),
        ("[broker]\nhost='x'\n[public]\nbase_url='example.org/x'\n", ["public.base_url", "https://"]),
        ("[broker]\nhost='x'\n[public]\nkk=3\n", ["public.kk"]),
        (f"{DOOR}port=70000\n{FRONT}", ["enrolment.port"]),
        (f"[broker]\nhost='x'\n[enrolment]\n{FRONT}", ["enrolment.names", "one of both"]),
        (f"{DOOR}addresses=['x']\n{FRONT}", ["enrolment.addresses", "192.0.2.10"]),
        (f"[broker]\nhost='x'\n[enrolment]\nnames=['https://x']\n{FRONT}", ["enrolment.names", "without https://"]),
        (f"{DOOR}urls=['http://x']\n{FRONT}", ["enrolment.urls", "https://"]),
        (f"{DOOR}consents=[]\n{FRONT}", ["enrolment.consents"]),
        (DOOR, ["enrolment.brokers", "[[enrolment.brokers]]"]),
        (f"{DOOR}[[enrolment.brokers]]\nhost='a/b'\n", ["enrolment.brokers[0].host"]),
        (f"{DOOR}[[enrolment.brokers]]\nhost='x'\nport=0\n", ["enrolment.brokers[0].port"]),
        ("[broker\n", ["not TOML"]),
    ],
)
def test_each_mistake_names_key_and_mend(tmp_path: Path, text: str, words: list[str]) -> None:
    """The operator reads which key is wrong and what to write instead."""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    assert "collector.toml" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_the_public_view_is_there_only_where_it_is_asked_for(tmp_path: Path) -> None:
    """No table, no listener; an empty table is two probes and half an hour."""
    assert load(written(tmp_path, "[broker]\nhost='x'\n")).public is None
    public = load(written(tmp_path, "[broker]\nhost='x'\n[public]\n")).public
    assert public is not None
    assert (public.k, public.delay_minutes, public.host) == (2, 30, "127.0.0.1")


def test_a_missing_file_says_what_to_copy(tmp_path: Path) -> None:
    """No file: the message names the example."""
    with pytest.raises(ConfigError, match=r"copy examples/collector\.toml"):
        load(tmp_path / "none.toml")


def test_a_key_that_is_no_longer_read_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A settings file of an earlier version still loads, and the log says what may go; the width of bins is fixed."""
    config = load(written(tmp_path, "[broker]\nhost='x'\n[detect]\nbin_seconds=300\nsilence_seconds=1200\n"))
    assert config.detect.silence_seconds == 1200
    assert "detect.bin_seconds is no longer read" in caplog.text
