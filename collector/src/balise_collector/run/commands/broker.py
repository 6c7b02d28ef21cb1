"""``balise-collector broker files|refresh``: everything that mosquitto reads, by the fleet's own authority.

Must not live here: the text of the files or what is written when (broker_files/).
"""

import argparse
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from balise_collector.fleet import broker_files
from balise_collector.fleet.authority import FOLDER, Authority
from balise_collector.fleet.broker_files import BrokerFiles
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.run.commands import AddCommand
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError

_HERE = ("localhost", "127.0.0.1")
"""By which the collector calls a broker on its own machine."""


def add(group: Any, command: AddCommand) -> None:
    """Add the commands to the group ``broker``."""
    files = command(group, "files", _files, "write mosquitto's configuration, rules, certificate and refusals")
    files.add_argument("--out", required=True, metavar="DIR", help="where the files go, e.g. /etc/balise/broker")
    files.add_argument(
        "--name", required=True, action="append", metavar="HOST", help="host name or address that probes call; repeat"
    )
    files.add_argument(
        "--listen", action="append", metavar="ADDR", help="literal address, or * for all; repeat; default: *"
    )
    files.add_argument(
        "--mqtt",
        type=int,
        default=443,
        metavar="PORT",
        help="of the listener for probes; 0: none; default: %(default)s",
    )
    files.add_argument(
        "--websockets",
        type=int,
        default=0,
        metavar="PORT",
        help="of a listener with WebSockets (mosquitto 2.1 or later)",
    )
    files.add_argument(
        "--local",
        type=int,
        default=8883,
        metavar="PORT",
        help="of the collector's listener, on 127.0.0.1; default: 8883",
    )
    files.add_argument("--user", default="mosquitto", help="whose the files are; default: %(default)s")
    files.add_argument("--data", default="/var/lib/mosquitto", metavar="DIR", help="default: %(default)s")
    files.add_argument("--place", metavar="DIR", help="where mosquitto will find the files; default: --out")
    files.add_argument("--verbose", action="store_true", help="log messages and addresses, to look for a fault")
    files.add_argument(
        "--observe", action="store_true", help="tell the collector from where probes connect, in the place of a log"
    )
    refresh = command(group, "refresh", _refresh, "bring rules, refusals and certificate up to date")
    refresh.add_argument("--out", required=True, metavar="DIR", help="where `broker files` wrote")
    refresh.add_argument(
        "--then", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run where something changed; comes last"
    )


def _files(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    out = Path(arguments.out).absolute()
    settings = broker_files.Settings(
        listeners=broker_files.listeners(
            arguments.listen or ["*"], arguments.mqtt, arguments.websockets, arguments.local
        ),
        folder=arguments.place or str(out),
        data=arguments.data,
        user=arguments.user,
        verbose=arguments.verbose,
        observe=arguments.observe,
    )
    names = tuple(dict.fromkeys((*arguments.name, *_HERE)))
    with closing(Authority.open_or_create(config.authority_dir)) as authority:
        written = broker_files.write(out, settings, names, authority, _revoked(config))
    _hand_back(config)
    yield from _told(out, written)
    for listener in settings.listeners:
        where = f"[{listener.address}]" if ":" in listener.address else listener.address
        yield f"listener {where}:{listener.port} {listener.transport}"
    if arguments.websockets:
        yield "note: mosquitto before 2.1 lets revoked certificates in at a listener with WebSockets (docs/broker.md)"
    if written.restart:
        yield "mosquitto must be restarted"
    elif written.changed:
        yield "mosquitto must be reloaded (SIGHUP)"


def _refresh(config: Config, _clock: Clock, arguments: argparse.Namespace) -> Iterator[str]:
    out = Path(arguments.out).absolute()
    with closing(Authority.open_or_create(config.authority_dir)) as authority:
        written = broker_files.refresh(out, authority, _revoked(config))
    _hand_back(config)
    yield from _told(out, written)
    if written.changed and arguments.then:
        try:
            subprocess.run(arguments.then, check=True, timeout=60)  # noqa: S603 - the operator's own words
        except (OSError, subprocess.SubprocessError) as error:
            raise ConfigError(f"--then {' '.join(arguments.then)}: {error}; the files are written") from None


def _told(out: Path, written: BrokerFiles) -> Iterator[str]:
    for name in written.changed:
        yield f"changed {out / name}"
    if not written.changed:
        yield f"unchanged {out}"


def _revoked(config: Config) -> list[str]:
    """Return the ids that may not speak."""
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        return [member.id for member in registry.fleet().members.values() if member.revoked]


def _hand_back(config: Config) -> None:
    """Give what root made in the collector's folder to whose folder it is, or the collector could not read it."""
    if os.geteuid() != 0:
        return
    held = config.state_dir.stat()
    folder = config.state_dir / FOLDER
    for path in (folder, *folder.iterdir(), *config.state_dir.glob("fleet.sqlite*")):
        if path.stat().st_uid == 0 and held.st_uid != 0:
            os.chown(path, held.st_uid, held.st_gid)
