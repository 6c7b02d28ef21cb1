"""Every mistake an operator can make in the file is told with the file, the key and the mend."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from balise_agent.system import config
from balise_agent.system.errors import ConfigError

GOOD = f"""
[probe]
id = "k7m2q9xd"
country = "PK"
asn = 64501
[collector]
key = "{"ab" * 32}"
[[broker]]
host = "198.18.200.5"
port = 1883
"""


def parse(text: str) -> config.Config:
    """Parse a file's text."""
    return config.parse(tomllib.loads(text), "agent.toml")


def test_the_least_file_works_and_defaults_are_sane() -> None:
    """Three tables are enough."""
    found = parse(GOOD)
    assert found.probe.role == "probe"
    assert found.broker[0].transport == "tcp"
    assert found.timeouts.connect == 8.0
    assert found.spool.max_bytes >= 16 * 1024 * 1024


def test_the_example_is_a_valid_file(repo_root: Path) -> None:
    """examples/agent.toml is what newcomers copy."""
    found = config.load(repo_root / "examples" / "agent.toml")
    assert found.broker


@pytest.mark.parametrize(
    ("wrong", "told", "mend"),
    [
        ('[probe]\nidd = "x"', "unknown key 'probe.idd'", "did you mean 'id'?"),
        ("[prob]\n", "unknown key 'prob'", "did you mean 'probe'?"),
        ("[timeouts]\nconect = 3.0", "unknown key 'timeouts.conect'", "did you mean 'connect'?"),
        ("[timeouts]\nzzz = 3.0", "unknown key 'timeouts.zzz'", "known here: answer, connect"),
        ("[timeouts]\nconnect = 600.0", "timeouts.connect", "use 0.05 to 60"),
        ('[timeouts]\nconnect = "8"', "timeouts.connect", "expected a number"),
        ('[network]\nresolvers = ["dns.google"]', "network.resolvers", "not an IP address"),
        ('[network]\nlaboratory = ["198.18.0.0/99"]', "network.laboratory", "not an IP prefix"),
        ('[tls]\nca_file = "/nowhere/ca.pem"', "tls.ca_file", "not a file"),
        ("[limits]\nbytes_per_day = -1", "limits.bytes_per_day", "leave it out"),
        ("[spool]\nmax_bytes = 10", "spool.max_bytes", "1048576"),
        ("[spool]\nbatch_seconds = 0.0", "spool.batch_seconds", "0.1 to 3600"),
        ("[spool]\nbatch_records = 0", "spool.batch_records", "1 to 500"),
        ("[consent]\naccepted = 1", "consent.accepted", "true or false"),
    ],
)
def test_a_wrong_table_is_named_with_its_mend(wrong: str, told: str, mend: str) -> None:
    """The message holds the file, the key and what to write instead."""
    text = GOOD.replace("[probe]\n", wrong + "\n", 1) if wrong.startswith("[probe]") else GOOD + wrong
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value).startswith("agent.toml: ")
    assert told in str(caught.value)
    assert mend in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('id = "k7m2q9xd"', 'id = "Kx"', "probe.id"),
        ('id = "k7m2q9xd"', 'id = "collector"', "probe.id"),
        ('id = "k7m2q9xd"', "", "[probe] id is missing"),
        ('country = "PK"', 'country = "Pakistan"', "probe.country"),
        ('country = "PK"', "", "probe.country"),
        ("asn = 64501", "asn = 0", "probe.asn"),
        ("asn = 64501", 'asn = "AS64501"', "probe.asn: expected a whole number"),
        ("asn = 64501", 'asn = 64501\nrole = "spy"', "probe.role"),
        ("asn = 64501", 'asn = 64501\naccess = "dialup"', "probe.access"),
        ("asn = 64501", 'asn = 64501\nstate_dir = "var"', "probe.state_dir"),
        ("ab" * 32, "ab" * 31, "collector.key"),
        ('[collector]\nkey = "' + "ab" * 32 + '"', "", "[collector] key is missing"),
        ('host = "198.18.200.5"', 'host = "mqtt://x"', "broker[0].host"),
        ("port = 1883", "port = 0", "broker[0].port"),
        ("port = 1883", 'port = 1883\ntransport = "quic"', "broker[0].transport"),
        ("port = 1883", 'port = 1883\nca_file = "/etc/passwd"', "set tls = true"),
        ("port = 1883", 'port = 1883\ntls = true\ncert_file = "/etc/hostname"', "belong together"),
        ("port = 1883", 'port = 1883\nprot = "tcp"', "did you mean 'port'?"),
        ("port = 1883", "port = 1883\nkeepalive = 1", "5 to 3600"),
        ('[[broker]]\nhost = "198.18.200.5"\nport = 1883', "", "no [[broker]]"),
        ("[[broker]]", "[broker]", "broker: expected a list"),
    ],
)
def test_a_wrong_value_is_named(before: str, after: str, told: str) -> None:
    """Each value is held against what it must be, and the key is in the message."""
    assert before in GOOD
    with pytest.raises(ConfigError, match=r"agent\.toml: ") as caught:
        parse(GOOD.replace(before, after))
    assert told in str(caught.value)


def test_every_broker_of_the_list_is_checked() -> None:
    """The second entry's mistake is not found only when the first broker dies."""
    with pytest.raises(ConfigError, match=r"broker\[1\]\.host"):
        parse(GOOD + '[[broker]]\nhost = ""\n')


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file"),
        (b"[probe\n", "not TOML"),
        (b"\xff\xfe\x00\x01", "not UTF-8"),
    ],
)
def test_an_unreadable_file_is_told(tmp_path: Path, content: bytes | None, told: str) -> None:
    """No traceback reaches the operator."""
    path = tmp_path / "agent.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=told) as caught:
        config.load(path)
    assert str(path) in str(caught.value)


def test_a_byte_order_mark_of_a_windows_editor_is_fine(tmp_path: Path) -> None:
    """The card's settings are edited on any laptop."""
    path = tmp_path / "agent.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert config.load(path).probe.id == "k7m2q9xd"


def test_the_configuration_is_frozen() -> None:
    """Nothing changes its mind while it runs."""
    found: Any = parse(GOOD)
    with pytest.raises(AttributeError):
        found.probe.id = "other"


CARD = """
[probe]
country = "PK"
provider = "line 7"
profile = "lean"
[enrolment]
urls = ["https://front.example:8443", "https://[2001:db8::1]"]
fingerprint = "{fingerprint}"
token = "t"
[consent]
version = "2026-11"
accepted = true
""".replace("{fingerprint}", "cd" * 32)


def test_a_probe_may_learn_who_it_is_by_enrolment() -> None:
    """Neither id nor key nor broker is needed where the collector will say them."""
    found = parse(CARD)
    assert not found.by_hand
    assert found.probe.profile == "lean"
    assert found.enrolment.urls[1] == "https://[2001:db8::1]"
    assert parse(GOOD).by_hand


def test_what_the_card_says_lies_over_the_file(tmp_path: Path) -> None:
    """The overlay wins for what it may say; a card that was never filled in is no error: the probe waits for it."""
    main, card = tmp_path / "agent.toml", tmp_path / "card.toml"
    main.write_text(
        f'[probe]\nsettings = "{card}"\nstate_dir = "{tmp_path}"\ncountry = "FR"\n[spool]\nbatch_seconds = 5.0'
    )
    waiting = config.load(main)
    assert (waiting.by_hand, waiting.consent.accepted, waiting.enrolment.urls) == (False, False, ())
    card.write_text(CARD)
    found = config.load(main)
    assert (found.probe.country, found.probe.provider, found.spool.batch_seconds) == ("PK", "line 7", 5.0)
    assert found.probe.state_dir == str(tmp_path)
    assert found.consent.accepted


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        ('[probe]\nstate_dir = "/tmp"', "unknown key 'probe.state_dir'"),
        ("[limits]\nbytes_per_day = 9", "[limits] does not belong here"),
        ('probe = "x"', "[probe] does not belong here"),
        ("[probe\n", "not TOML"),
    ],
)
def test_a_card_cannot_say_more_than_it_may(tmp_path: Path, overlay: str, told: str) -> None:
    """Where keys are kept and what the limits are is the software's, not the card's."""
    main, card = tmp_path / "agent.toml", tmp_path / "card.toml"
    main.write_text(f'[probe]\nsettings = "{card}"')
    card.write_text(overlay)
    with pytest.raises(ConfigError) as caught:
        config.load(main)
    assert str(card) in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('[enrolment]\nurls = ["http://front.example"]', "no place to enrol at"),
        ('[enrolment]\nurls = ["https://front.example/enrol"]', "no place to enrol at"),
        ('[enrolment]\nurls = ["https://front.example:0"]', "no place to enrol at"),
        ('[enrolment]\nurls = ["https://fr ont.example"]', "no place to enrol at"),
        ('[enrolment]\nurls = ["https://front.example"]', "enrolment.fingerprint: is missing"),
        ('[enrolment]\nfingerprint = "AB"', "64 digits"),
        ('[enrolment]\ntoken = "a"\ntoken_file = "/b"', "keep one of them"),
        ('[probe]\nprofile = "huge"\nsettings = "/x"', "probe.profile"),
    ],
)
def test_mistakes_on_the_way_to_a_certificate_are_told(wrong: str, told: str) -> None:
    """Each with its key."""
    with pytest.raises(ConfigError, match=re.escape(told)):
        parse(wrong)


def test_the_status_has_a_place(tmp_path: Path) -> None:
    """The settings' folder, else the service manager's, else beside the data."""
    by_hand = parse(GOOD)
    assert by_hand.runtime_dir({}) == Path("/var/lib/balise")
    assert by_hand.runtime_dir({"RUNTIME_DIRECTORY": "/run/a:/run/b"}) == Path("/run/a")
    named = parse(GOOD.replace("asn = 64501", f'asn = 64501\nruntime_dir = "{tmp_path}"'))
    assert named.runtime_dir({"RUNTIME_DIRECTORY": "/run/a"}) == tmp_path
