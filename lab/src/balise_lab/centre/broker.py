"""mosquitto: the broker in the centre, as it ships.

Pure. Lives here: the command by which the collector writes the broker's files (it is the only one who knows them), and
the environment that mosquitto needs beside them. Must not live here: limits and rights, which are the fleet's own.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

PORT: Final = 443
"""Of the door for probes, on the centre's address."""
LOCAL: Final = 8883
"""Of the collector's, on the centre's loopback."""
USER: Final = "root"
"""Inside the lab's namespaces there is no other."""
IDENTITY: Final = "broker"
"""Name of the server among those of the lab."""


def files_command(address: str, folder: Path) -> Sequence[str]:
    """Return the collector's command (without the program) that writes the broker's files into a folder.

    Args:
        address: of the centre.
        folder: takes files and store.
    """
    return (
        "broker", "files", "--out", str(folder), "--name", address, "--listen", address, "--mqtt", str(PORT),
        "--local", str(LOCAL), "--user", USER, "--data", str(folder),
    )  # fmt: skip


def configuration(folder: Path) -> Path:
    """Return the configuration among the files."""
    return folder / "mosquitto.conf"


def authority(folder: Path) -> Path:
    """Return the certificate of the fleet's authority among the files."""
    return folder / "ca.pem"


def environment(folder: Path) -> dict[str, str]:
    """Return what mosquitto needs in its environment: the oldest TLS that any door speaks."""
    return {"OPENSSL_CONF": str(folder / "openssl.cnf")}
