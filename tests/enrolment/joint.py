"""Authority, broker, collector and a board on one loopback: what a card goes through from its first start to its end.

Run inside a fresh network namespace: ``joint.py FOLDER TOOLS`` plays the story below and prints one line of JSON for
each chapter: what the programs then say of themselves. Must not live here: what they ought to say (test_joint.py).
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from balise_collector.journal.sqlite import SqliteJournal

FOLDER, TOOLS = Path(sys.argv[1]), Path(sys.argv[2])
COLLECTOR = f"""
[collector]
state_dir = "{FOLDER}/centre"
[broker]
host = "127.0.0.1"
port = 8883
own_authority = true
[pages]
port = 8484
[network]
laboratory = ["127.0.0.0/8"]
[enrolment]
host = "127.0.0.1"
port = 8443
addresses = ["127.0.0.1"]
brokers = [{{host = "127.0.0.1", port = 8883}}]
"""
AGENT = f"""
[probe]
state_dir = "{FOLDER}/data"
runtime_dir = "{FOLDER}/run"
settings = "{FOLDER}/card.toml"
[network]
laboratory = ["127.0.0.0/8"]
"""
CENTRE = str(Path(sys.executable).with_name("balise-collector"))
PATIENCE = 80.0
STARTED: list[subprocess.Popen[bytes]] = []


def collector(*words: str) -> str:
    """Run a command of the centre."""
    command = (CENTRE, "--config", str(FOLDER / "collector.toml"), *words)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def start(name: str, *command: str, **environment: str) -> subprocess.Popen[bytes]:
    """Start a program with a log of its own."""
    log = (FOLDER / f"{name}.log").open("ab")
    STARTED.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environment}))
    return STARTED[-1]


def board() -> subprocess.Popen[bytes]:
    """Start the agent."""
    return start("agent", sys.executable, "-m", "balise_agent", "--config", str(FOLDER / "agent.toml"), "run")


def status() -> dict[str, Any]:
    """Return what the agent last said of itself."""
    try:
        found: dict[str, Any] = json.loads((FOLDER / "run" / "status.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


def troubles() -> list[str]:
    """Return the ids of what is wrong."""
    return [trouble["id"] for trouble in status().get("troubles", ())]


def diagnosis() -> str | None:
    """Return the first cause that the doctor names; None where it finds none."""
    command = (sys.executable, "-m", "balise_agent", "--config", str(FOLDER / "agent.toml"), "doctor", "--json")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    cause = json.loads(done.stdout)["cause"]
    return None if cause is None else str(cause["id"])


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for a chapter to come true."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in FOLDER.glob("*.log"))
            sys.exit(f"did not come true: {what}\n{status()}\n{logs}")
        time.sleep(0.1)  # noqa: TID251 - a script outside the programs, waiting for them


def tell(chapter: str, **facts: object) -> None:
    """Print how things stand."""
    sys.stdout.write(json.dumps({"chapter": chapter, **facts}) + "\n")
    sys.stdout.flush()


def measured(id: str) -> list[str]:
    """Return which requests the measurement with an id names, as the centre keeps it."""
    with closing(SqliteJournal(FOLDER / "centre" / "journal.sqlite")) as journal:
        rows = journal.read(0, 100_000)
        return [row.measurement.request for row in rows if row.measurement.id == id]


def centre() -> None:
    """Bring up the collector."""
    start("centre", CENTRE, "--config", str(FOLDER / "collector.toml"), "run")


def broker() -> subprocess.Popen[bytes]:
    """Write the broker's files as they are due, with all that is revoked, and start it."""
    broker = FOLDER / "broker"
    collector(
        "broker", "files", "--out", str(broker), "--name", "127.0.0.1", "--listen", "127.0.0.1",
        "--websockets", "443", "--mqtt", "0", "--local", "8883", "--user", "root", "--data", str(broker),
    )  # fmt: skip
    mosquitto = (str(TOOLS / "mosquitto"), "-c", str(broker / "mosquitto.conf"))
    return start("broker", *mosquitto, OPENSSL_CONF=str(broker / "openssl.cnf"))


def card(*words: str) -> None:
    """Make a card and put what a reader would make of it beside the data."""
    import tomllib  # noqa: PLC0415 - here alone

    out = FOLDER / f"cards{len(list(FOLDER.glob('cards*')))}"
    collector(
        "fleet", "token", "--country", "PK", "--asn", "64501", "--access", "fixed", "--accepted", "--out", str(out),
        *words,
    )  # fmt: skip
    table = tomllib.loads(next(out.rglob("*.toml")).read_text())
    urls = table["enrol"] if isinstance(table["enrol"], list) else [table["enrol"]]
    (FOLDER / "card.toml").write_text(
        f'[probe]\ncountry = "PK"\n[enrolment]\nurls = {json.dumps(urls)}\nfingerprint = "{table["fingerprint"]}"\n'
        f'token = "{table["token"]}"\n[consent]\nversion = "{table["consent"]["version"]}"\naccepted = true\n'
    )


def main() -> None:
    """Play the story."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    agent = board_before_the_centre()
    before, cause = troubles(), diagnosis()
    door = broker()
    centre()
    tell("no centre", troubles=before, state=status()["state"], doctor=cause)
    until(lambda: bool(status().get("connected")), "connected")
    probe = status()["probe"]
    tell("enrolled", probe=probe, enrolled=status()["enrolled"], fleet=probe in collector("fleet", "list"))
    if status()["state"] != "ready":
        collector("fleet", "approve", probe)
    until(lambda: status()["state"] == "ready", "measuring")
    until(lambda: status().get("last_receipt") is not None, "a receipt")
    said = [word for word in troubles() if word not in {"too-hot", "under-voltage"}]
    tell("measuring", troubles=said, doctor=diagnosis())
    collector("fleet", "halt", "PK", "--reason", "for now")
    until(lambda: status()["state"] == "sleeping", "halted")
    tell("halted", troubles=troubles(), doctor=diagnosis())
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    (FOLDER / "run" / "status.json").unlink()
    agent = board()
    until(lambda: status().get("state") == "sleeping", "halted after a restart")
    tell("halted after a restart", troubles=troubles(), probe=status()["probe"] == probe)
    collector("fleet", "halt", "PK", "--undo")
    until(lambda: status()["state"] == "ready", "lifted")
    tell("lifted", state=status()["state"])
    asked = ("request", probe, "joint/web/n.example/4", "tcp", "--address", "127.0.0.1", "--port", "8883")
    answer = collector(*asked, "--wait", str(PATIENCE))
    kept = json.loads(collector("requests", probe, "--json"))
    tell("asked", said=answer, kept=kept, journal=measured(kept[0]["measurement"]))
    collector("fleet", "revoke", probe)
    door.kill()
    door.wait()
    broker()
    until(lambda: "revoked" in troubles(), "revoked")
    until(lambda: "broker-refuses" in troubles(), "refused by the broker as well")
    tell("revoked", troubles=troubles(), doctor=diagnosis())
    agent.terminate()
    tell("ended", code=agent.wait(20))


def board_before_the_centre() -> subprocess.Popen[bytes]:
    """Make everything, but let the board wake first, as boards do."""
    (FOLDER / "collector.toml").write_text(COLLECTOR)
    (FOLDER / "agent.toml").write_text(AGENT)
    collector("key")
    card()
    agent = board()
    until(lambda: "enrolment-unreachable" in troubles(), "nobody answers")
    return agent


if __name__ == "__main__":
    try:
        main()
    finally:
        for process in STARTED:
            process.kill()
