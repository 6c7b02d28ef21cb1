"""The whole program on a line of its own, under a tap: not one packet before the host agreed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from balise_wire.card import CONSENT_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.netns

GROUND = Path(__file__).with_name("netns_silence.py")


@pytest.fixture
def sent(namespace_wrapper: tuple[str, ...], tmp_path: Path) -> Callable[[str], list[str]]:
    """Return a function that lets the agent live with settings, and returns what it sent."""

    def live(settings: str) -> list[str]:
        path = tmp_path / "agent.toml"
        path.write_text(settings)
        program = (sys.executable, "-m", "balise_agent", "--config", str(path), "run")
        done = subprocess.run(
            (*namespace_wrapper, sys.executable, str(GROUND), "4", *program),
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return live


def settings(folder: Path, consent: str, host: str = "front.example") -> str:
    """Return the settings of a board with a token."""
    return (
        f'[probe]\nstate_dir = "{folder}/data"\nruntime_dir = "{folder}/run"\ncountry = "PK"\n'
        f'[enrolment]\nurls = ["https://{host}:8443"]\nfingerprint = "{"ab" * 32}"\ntoken = "t"\n'
        f'[network]\nresolvers = ["198.18.53.53"]\n{consent}'
    )


ACCEPTED = f'[consent]\nversion = "{CONSENT_VERSION}"\naccepted = true\n'
BY_HAND = (
    '[probe]\nid = "k7m2q9xd"\ncountry = "PK"\nasn = 64501\nstate_dir = "{0}/data"\nruntime_dir = "{0}/run"\n'
    '[collector]\nkey = "' + "ab" * 32 + '"\n[[broker]]\nhost = "broker.example"\n'
    '[network]\nresolvers = ["198.18.53.53"]\nlaboratory = ["198.18.0.0/15"]\n'
)


@pytest.mark.parametrize("consent", ["", '[consent]\nversion = "2001-01"\naccepted = true\n'])
def test_not_one_packet_before_the_host_agreed(sent: Callable[[str], list[str]], tmp_path: Path, consent: str) -> None:
    """No name is asked for, no connection tried, nothing announced; the status says what is missing."""
    assert sent(settings(tmp_path, consent)) == []
    assert "agreed" in (tmp_path / "run" / "status.txt").read_text()


def test_nor_by_a_probe_whose_settings_were_written_by_hand(sent: Callable[[str], list[str]], tmp_path: Path) -> None:
    """Id and brokers are known, and still nothing leaves: not even to the brokers."""
    assert sent(BY_HAND.format(tmp_path)) == []


def test_once_agreed_the_same_board_speaks_to_whom_its_settings_name(
    sent: Callable[[str], list[str]], tmp_path: Path
) -> None:
    """The proof that the tap hears: a question for the name, or a connection to the address, and nothing else."""
    assert set(sent(settings(tmp_path, ACCEPTED))) == {"udp 53"}
    assert set(sent(settings(tmp_path, ACCEPTED, "198.18.7.7"))) == {"tcp 8443"}
    assert set(sent(BY_HAND.format(tmp_path) + ACCEPTED)) == {"udp 53"}
