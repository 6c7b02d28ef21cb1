"""Field 2: resolvers as homes have them accuse nobody, and the broker's own name is found through them."""

import json
import socket
import sys
import threading
from pathlib import Path

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.resolvers import HABITS

_HOST = "sub.example.com"
_SUBJECT = "45.33.32.10"
_RESOLVER = "45.33.53.{}"
_PUBLIC = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
_DEAD = "45.33.53.250"
_MTU = 1280
"""The least of IPv6; an answer of 1,600 bytes comes in two pieces."""


def _resolver(habit: str) -> str:
    return "fe80::53%lo" if habit == "link_local" else _RESOLVER.format(10 + HABITS.index(habit))


def _serve(bed: Bed) -> None:
    """Start a resolver for each habit, and honest public ones, on loopback addresses."""
    entries = [(habit, _resolver(habit), [_SUBJECT]) for habit in HABITS]
    entries += [("ordinary", address, [_SUBJECT]) for address in _PUBLIC]
    for _, address, _ in entries:
        if ":" not in address:
            bed.address(address)
    bed.call([bed.tool("ip"), "addr", "add", "fe80::53/64", "dev", "lo"])
    # A dead resolver is silent: nothing on the way says that nobody is there.
    bed.call([bed.tool("ip"), "route", "add", "blackhole", f"{_DEAD}/32"])
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    bed.start("resolvers", [sys.executable, "-m", "balise_attack.resolvers", json.dumps(entries)], environment)
    if not bed.until(lambda: "ready" in bed.said("resolvers"), 10.0):
        raise TimeoutError(bed.said("resolvers")[-300:])


def _settings(bed: Bed, name: str, resolvers: list[str], more: str = "") -> Path:
    folder = bed.folder / name
    folder.mkdir()
    file = folder / "agent.toml"
    file.write_text(
        f'[probe]\nid = "k7m2q9xd"\ncountry = "PK"\nasn = 64501\nstate_dir = "{folder}"\nruntime_dir = "{folder}/run"\n'
        f'settings = "/nowhere"\n[network]\ninterface = "lo"\nresolvers = {json.dumps(resolvers)}\n'
        f"[timeouts]\ndns = 1.5\nlinger = 0.3\nconnect = 1.0\nanswer = 1.0\nsyn = 0.5\n{more}",
        encoding="utf-8",
    )
    return file


def accused(bed: Bed) -> Outcome:
    """Measure one name through each resolver with `once`, and let the collector's rules judge it."""
    _serve(bed)
    bed.address(_SUBJECT)
    cases = {habit: [_resolver(habit)] for habit in HABITS}
    cases["dead_first"] = [_DEAD, _resolver("ordinary")]
    bed.call([bed.tool("ip"), "link", "set", "lo", "mtu", str(_MTU)])
    more = f'[collector]\nkey = "{"ab" * 32}"\n[[broker]]\nhost = "127.0.0.1"\n{_consent(bed)}'
    for name, resolvers in cases.items():
        file = _settings(bed, name, resolvers, more)
        # Port 80: nobody there is asked for a certificate.
        once = bed.agent("--config", file, "once", "dns", f"{_HOST}:80", "--control", "control.example.org", "--json")
        bed.start(f"once-{name}", once)
    if not bed.until(lambda: not any(bed.alive(f"once-{name}") for name in cases), 60.0):
        return Outcome(False, "once did not end within 60 s")
    measured = {}
    for name in cases:
        said = bed.said(f"once-{name}")
        if "{\n" in said:
            measured[name] = json.loads(said[said.index("{\n") : said.rindex("}") + 1])
    file = bed.folder / "measured.json"
    file.write_text(json.dumps(list(measured.values())), encoding="utf-8")
    judged = bed.call(bed.collector("--config", Centre(bed).file, "judge", "--json", file))
    verdicts = [json.loads(line) for line in judged.stdout.splitlines()]
    words = dict.fromkeys(cases, "nothing measured")
    words |= {name: f"{one['state']} {one['rule']}" for name, one in zip(measured, verdicts, strict=True)}
    right = dict.fromkeys(cases, "ok") | {"validates": "down dns.unsigned"}
    wrong = [f"{name}: {word}" for name, word in words.items() if not word.startswith(right[name])]
    return Outcome(not wrong, f"{len(words) - len(wrong)} of {len(words)} resolvers understood; {', '.join(wrong)}")


def _consent(bed: Bed) -> str:
    version = bed.script("from balise_wire.card import CONSENT_VERSION as v; import json; print(json.dumps({'v': v}))")
    return f'[consent]\nversion = "{version["v"]}"\naccepted = true\n'


def lost(bed: Bed) -> Outcome:
    """Give agents nothing but a name to enrol at, through each resolver, and see who comes to the door."""
    heard: set[str] = set()
    doors = {name: f"45.33.33.{10 + number}" for number, name in enumerate((*HABITS, "dead_first"))}
    _serve(bed)
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    entries = [
        ("ordinary" if name == "dead_first" else name, _RESOLVER.format(100 + number), [door])
        for number, (name, door) in enumerate(doors.items())
        if name != "link_local"
    ]
    resolvers = {name: [_RESOLVER.format(100 + number)] for number, name in enumerate(doors)}
    resolvers["link_local"] = ["fe80::54%lo"]
    resolvers["dead_first"].insert(0, _DEAD)
    entries.append(("ordinary", "fe80::54%lo", [doors["link_local"]]))
    bed.call([bed.tool("ip"), "addr", "add", "fe80::54/64", "dev", "lo"])
    for _, address, _ in entries:
        if ":" not in address:
            bed.address(address)
    bed.start("doors", [sys.executable, "-m", "balise_attack.resolvers", json.dumps(entries)], environment)
    if not bed.until(lambda: "ready" in bed.said("doors"), 10.0):
        raise TimeoutError(bed.said("doors")[-300:])
    for name, door in doors.items():
        bed.address(door)
        threading.Thread(target=_wait, args=(door, name, heard), daemon=True).start()
    more = (
        f'[enrolment]\nurls = ["https://front.example.com:8443"]\nfingerprint = "{"ab" * 32}"\ntoken = "t"\n'
        f"{_consent(bed)}"
    )
    for name in doors:
        file = _settings(bed, f"agent-{name}", resolvers[name], more)
        file.write_text(file.read_text(encoding="utf-8").replace('id = "k7m2q9xd"\n', ""), encoding="utf-8")
        bed.start(f"agent-{name}", bed.agent("--config", file, "run"))
    bed.until(lambda: heard >= set(doors), 25.0)
    missing = sorted(set(doors) - heard)
    said = ", ".join(missing) or "none"
    return Outcome(not missing, f"{len(heard)} of {len(doors)} agents found the door by its name; lost: {said}")


def _wait(address: str, name: str, heard: set[str]) -> None:
    """Note the first connection to one door."""
    with socket.create_server((address, 8443)) as door:
        door.accept()[0].close()
        heard.add(name)


CASES = (
    Case(
        "f2a",
        "resolvers without EDNS, truncating, fragmenting, link-local, dead: who is accused",
        accused,
        seconds=90.0,
    ),
    Case("f2b", "the same resolvers stand before the place to enrol at: who finds it", lost),
)
