"""mosquitto: the broker in the centre.

Lives here: its configuration text. Limits follow the fleet's: the default of 1000 queued messages drops silently, and a
window of 20 in flight stalls a collector that acknowledges after its commit.
"""

from pathlib import Path

PORT = 1883
WEBSOCKETS = 8083


def configuration(address: str, folder: Path, *, websockets: bool) -> str:
    """mosquitto.conf for one listener on the centre's address (and one for WebSockets where compiled in)."""
    lines = [
        "user root",
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {folder}/",
        "autosave_interval 5",
        "max_inflight_messages 2000",
        "max_queued_messages 100000",
        "max_packet_size 1048576",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages true",
        f"listener {PORT} {address}",
        f"listener {PORT} 127.0.0.1",
    ]
    if websockets:
        lines += [f"listener {WEBSOCKETS} {address}", "protocol websockets"]
    return "\n".join([*lines, ""])
