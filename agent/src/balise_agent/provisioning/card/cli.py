"""``balise-agent card read|write``, ``pause``, ``resume`` and ``wipe``: their arguments and what they print.

Lives here: grammar, printing, exit codes. Must not live here: any work (boot_actions.py, wiping.py).
"""

import argparse
import contextlib
import fcntl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from balise_agent.provisioning.card import boot_actions, store, wiping
from balise_agent.system import config as settings
from balise_agent.system import disk
from balise_agent.system.clock import Clock
from balise_agent.system.errors import ConfigError
from balise_wire.card import SETTINGS_FILE

_FINE, _FAILED, _USAGE = 0, 1, 2
_FLAT: Final = Path("/boot/firmware")
Commands = Any
"""What argparse returns for a group of commands; it has no public name."""


def add(commands: Commands) -> None:
    """Add the commands to the program's grammar."""
    card = commands.add_parser("card", help="the settings file on the card (root, by the system's units)")
    action = card.add_subparsers(title="actions", required=True, metavar="ACTION")
    read = action.add_parser("read", help="read it, and put everything where the system and the agent look")
    write = action.add_parser("write", help="copy the status onto it, and blank the secrets once they are used")
    for one in (read, write):
        one.add_argument("--card", type=Path, default=_FLAT, metavar="DIR", help=f"FAT partition (default {_FLAT})")
        one.add_argument("--data", type=Path, default=Path(settings.Probe().state_dir), metavar="DIR")
    read.add_argument("--network-dir", type=Path, default=Path("/run/systemd/network"), metavar="DIR")
    read.add_argument("--run-dir", type=Path, default=Path("/run/balise-card"), metavar="DIR")
    _add_also(read)
    read.set_defaults(command=_read)
    write.add_argument("--status", type=Path, default=Path("/run/balise/status.txt"), metavar="FILE")
    write.set_defaults(command=_write)

    pause = commands.add_parser("pause", help="measure nothing until resumed")
    pause.set_defaults(command=_pause)
    resume = commands.add_parser("resume", help="end a pause")
    resume.set_defaults(command=_resume)
    wipe = commands.add_parser("wipe", help="destroy key, results and secrets for good, then stay silent")
    wipe.add_argument("--yes", action="store_true", help="do not ask")
    wipe.add_argument("--card", type=Path, metavar="DIR", help=f"FAT partition (default {_FLAT} where it is one)")
    _add_also(wipe)
    wipe.set_defaults(command=_wipe)
    for one in (pause, resume, wipe):
        one.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: [probe] state_dir)")
        one.add_argument("--config", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def _add_also(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--also", type=Path, action="append", default=[], metavar="DIR", help="a wipe empties this folder, too (a log)"
    )


def _read(options: argparse.Namespace) -> int:
    """Carry out the first action."""
    places = boot_actions.Places(options.card, options.data, options.network_dir, options.run_dir, tuple(options.also))
    return _told(boot_actions.read_card(places, Clock.from_environment().now()))


def _write(options: argparse.Namespace) -> int:
    """Carry out the second action."""
    return _told(boot_actions.write_card(options.card, options.data, options.status))


def _told(outcome: boot_actions.ActionOutcome) -> int:
    """Print what was told on the card, and what failed."""
    print(outcome.told.replace("\r\n", "\n"), end="")
    for failure in outcome.failures:
        print(f"balise-agent: {failure}", file=sys.stderr)
    return _FAILED if outcome.failures else _FINE


def _data(options: argparse.Namespace) -> Path:
    """Return the data folder: as said, as the settings say, or the usual one where those cannot be read."""
    if options.data is not None:
        found = Path(options.data)
    else:
        try:
            found = Path(settings.load(options.config or settings.DEFAULT_PATH).probe.state_dir)
        except ConfigError:
            # Broken settings must not keep anybody from pausing or wiping.
            found = Path(settings.Probe().state_dir)
    if not found.is_dir():
        raise ConfigError(f"{found}: no such folder; name the data folder with --data DIR")
    return found


def _pause(options: argparse.Namespace) -> int:
    """Set the pause mark."""
    data = _data(options)
    with _saying(data):
        disk.replace(data / store.PAUSED, store.BY_COMMAND, draft=store.DRAFT, like=data)
    print("paused; `balise-agent resume` ends it")
    return _FINE


def _resume(options: argparse.Namespace) -> int:
    """Take the pause mark away."""
    data = _data(options)
    with _saying(data):
        by_card = disk.content(data / store.PAUSED) == store.BY_CARD
        (data / store.PAUSED).unlink(missing_ok=True)
        disk.sync(data)
    print("resumed" + ("; take the file named pause off the card, or the next start pauses again" if by_card else ""))
    return _FINE


@contextlib.contextmanager
def _saying(data: Path) -> Iterator[None]:
    """Turn a refusal of the system into a line with a mend."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{data}: {error.strerror}; run this as root or as the service's user") from None


def _wipe(options: argparse.Namespace) -> int:
    """Destroy everything, after the running agent has let go."""
    data = _data(options)
    if not options.yes and not _agreed(data):
        print("nothing was done")
        return _USAGE
    card = options.card or (_FLAT if (_FLAT / SETTINGS_FILE).exists() else None)
    now = Clock.from_environment().now()
    with _saying(data):
        # The running agent looks for this mark and ends; then its lock is free.
        wiping.begin(data, card=card)
        with (data / "lock").open("w") as lock:
            print("waiting for the running agent to end", flush=True) if not _free(lock.fileno()) else None
            fcntl.flock(lock, fcntl.LOCK_EX)
            for step in wiping.wipe(data, card=card, also=tuple(options.also), now=now):
                print(f"wiped: {step}")
    print("everything is destroyed; this machine stays silent until it is given a new token")
    return _FINE


def _free(lock: int) -> bool:
    """Tell whether no agent holds the folder (flock(2))."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _agreed(data: Path) -> bool:
    """Ask the person."""
    if not sys.stdin.isatty():
        raise ConfigError("wipe asks before it destroys, and nobody is here to answer; add --yes")
    print(f"This destroys the key, all results and the settings in {data}. Nothing brings them back.")
    return input("Type  wipe  to go on: ").strip() == "wipe"
