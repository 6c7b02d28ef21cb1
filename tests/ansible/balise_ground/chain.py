"""The chain asked from outside: do points arrive, who gets through the broker's door, what stands in the logs.

Lives here: one question a function, answered by the running machines. Must not live here: when to ask (course.py).
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from balise_ground.authority import Pair
from balise_ground.machine import Machine
from balise_ground.patience import until

INFLUX = """
import json, sys, urllib.parse, urllib.request
token = open("/var/lib/balise-collector/influx.token.read").read().strip()
query = urllib.parse.urlencode({"db": "balise", "q": sys.argv[1]})
request = urllib.request.Request("http://127.0.0.1:8086/query?" + query, headers={"Authorization": "Token " + token})
print(urllib.request.urlopen(request, timeout=10).read().decode())
"""
_TOKEN = re.compile(r"\b[0-9A-Z]{5}(?:-[0-9A-Z]{5}){4}\b")
SECRETS = {
    "the InfluxDB administrator's credential": "cut -d: -f2 /etc/balise-influxdb/admin",
    "the write token": "cut -d: -f2 /var/lib/balise-collector/influx.token",
    "the read token": "cut -d: -f2 /var/lib/balise-collector/influx.token.read",
    "Grafana's password": "cat /etc/grafana/balise.admin",
    "the broker's key": "sed -n 2p /etc/balise/broker/broker.key",
    "the collector's key at the broker": "sed -n 2p /var/lib/balise-collector/client/collector.key",
}


class Unanswered(Exception):
    """A machine did not say what was asked of it."""


def ask_influx(centre: Machine, statement: str) -> list[dict[str, Any]]:
    """Run a query on the centre's InfluxDB with the token that Grafana would have; returns its rows."""
    done = centre.ssh(f"python3 -c '{INFLUX}' \"{statement}\"")
    if done.returncode:
        raise Unanswered(f"InfluxDB: {done.stderr.strip()}")
    return [
        dict(zip(series["columns"], values, strict=True)) | series.get("tags", {})
        for result in json.loads(done.stdout)["results"]
        for series in result.get("series", [])
        for values in series["values"]
    ]


def points(centre: Machine, probe: str, seconds: float) -> dict[str, Any] | None:
    """Wait for a judged measurement of a probe as a point; returns the newest, None where none came."""
    statement = f"SELECT * FROM balise_verdict WHERE probe = '{probe}' AND state = 'ok' ORDER BY time DESC LIMIT 1"  # noqa: S608 - our own id
    return until(lambda: next(iter(ask_influx(centre, statement)), None), seconds, every=2.0)


def publishes(tools: Path, address: str, root: Path, pair: Pair | None, name: str) -> tuple[bool, str]:
    """Publish through the broker's door as somebody; whether it was let through, and what the client said."""
    shown = ["--cert", str(pair.certificate), "--key", str(pair.key)] if pair else []
    done = subprocess.run(
        [str(tools / "mosquitto_pub"), "-h", address, "-p", "443", "--cafile", str(root), *shown, "-q", "1",
         "-i", name, "-t", f"balise/v1/{name}/health", "-m", "x"],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    return done.returncode == 0, " ".join((done.stderr or done.stdout).split())


def refusal(centre: Machine) -> str:
    """What the broker's log says last of a handshake that failed."""
    said = centre.ssh("journalctl -u mosquitto -o cat --no-pager | grep -o 'SSL routines::.*' | tail -n 1").stdout
    return said.strip().removeprefix("SSL routines::") or "nothing"


def complaints(machine: Machine) -> str:
    """What our services on a machine said last: why a step failed is told there, and it is gone with the machine."""
    units = "-u balise-agent -u balise-collector -u mosquitto -u influxdb -u nginx"
    said = machine.ssh(f"journalctl --no-pager -o cat -n 12 {units}").stdout.strip()
    return f"--- {machine.name}\n{said}"


def leaks(centre: Machine, logs: Path) -> list[str]:
    """Name the secrets that stand in what Ansible printed."""
    printed = "\n".join(path.read_text(encoding="utf-8") for path in sorted(logs.glob("*.log")))
    found = [] if not _TOKEN.search(printed) else ["an enrolment token"]
    for name, command in SECRETS.items():
        secret = centre.ssh(command).stdout.strip()
        if not secret:
            raise Unanswered(f"{name} is not on the centre")
        if secret in printed:
            found.append(name)
    return found
