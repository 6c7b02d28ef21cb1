"""The course: machines are provisioned twice and in check mode, then asked from outside whether all works.

Lives here: the order, and what must come of each step. Must not live here: how a step is done.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from balise_ground import chain, measured, releases
from balise_ground.authority import Pair
from balise_ground.ground import ADDRESSES, CENTRE, PROBE, REFERENCE, Ground
from balise_ground.network import PREFIX
from balise_ground.patience import until
from balise_ground.playbook import Controller, Run
from balise_ground.recap import changed_tasks

POINT_SECONDS = 180.0
"""Real seconds within which a point must have come: an interval, a batch, a judgement, a write."""
REFUSED_SECONDS = 30.0
"""Real seconds within which a revocation must have reached the broker."""
PASSPHRASE = "correct horse battery staple"
"""Of a backup that ends with this run."""


class CourseError(Exception):
    """Something was not as it should be; the text says what, and where to read on."""


def inventory(cache: Path, catalogue: Path) -> dict[str, Any]:
    """Return the inventory of the ground: one host for the centre, one probe, one reference."""
    return {
        "all": {
            "hosts": {name: {"ansible_host": address} for name, address in ADDRESSES.items()},
            "vars": {
                "ansible_user": "root",
                "balise_wheelhouse": str(cache / "wheelhouse"),
                "balise_from_index": False,
                "balise_addresses": [ADDRESSES[CENTRE]],
                "collector_catalogue": str(catalogue),
                "collector_settings": {"network": {"laboratory": [PREFIX]}, "timetable": {"interval": 30}},
                "collector_disk_mb": 500,
                "probe_country": "PK",
                "probe_asn": 64501,
                "probe_consent_accepted": True,
                "probe_settings": {
                    "network": {"laboratory": [PREFIX]},
                    "spool": {"batch_seconds": 2.0},
                    "tls": {"ca_file": "/etc/ssl/measured.pem"},
                },
                # Grafana's packages are nowhere to be had here: its files are written, and looked at.
                "grafana_package": False,
            },
            "children": {
                **{group: {"hosts": {CENTRE: {}}} for group in ("collector", "broker", "influxdb", "grafana")},
                "probes": {"hosts": {PROBE: {}}},
                "references": {"hosts": {REFERENCE: {}}, "vars": {"probe_country": "DE", "probe_asn": 64601}},
                "ring_canary": {"hosts": {PROBE: {}}},
            },
        }
    }


def prepare(cache: Path, ground: Ground) -> Path:
    """Write catalogue and inventory into the ground's folder; returns the inventory."""
    catalogue = ground.folder / "catalogue"
    catalogue.mkdir()
    for name, text in measured.catalogue().items():
        (catalogue / name).write_text(text, encoding="ascii")
    return ground.write_inventory(inventory(cache, catalogue))


def play(project: Path, cache: Path, ground: Ground) -> None:
    """Play the whole course (CourseError at the first thing that is not as it should be, with the machines' logs)."""
    try:
        _play(project, cache, ground)
    except CourseError as error:
        logs = [chain.complaints(machine) for machine in ground.machines.values()]
        raise CourseError("\n".join([str(error), *logs])) from None


def _play(project: Path, cache: Path, ground: Ground) -> None:
    begin = time.monotonic()
    logs = cache / "logs"
    logs.mkdir(exist_ok=True)
    for old in logs.glob("*.log"):
        old.unlink()
    controller = Controller(project, prepare(cache, ground), logs, ground.folder, ground.key)
    _run(controller, "site", "bare", "--check")
    _run(controller, "site", "first")
    _unchanged(_run(controller, "site", "second"))
    _unchanged(_run(controller, "site", "check", "--check", "--diff"))
    _points(ground)
    _door(project, ground)
    _rings(controller, cache, ground)
    _again(controller, ground)
    _backup(controller, ground)
    _wipe(project, controller, ground)
    _second_door(project, controller, ground)
    _dashboards(project, ground)
    _units(ground)
    leaked = chain.leaks(ground.machines[CENTRE], logs)
    if leaked:
        raise CourseError(f"in what Ansible printed stands {', '.join(leaked)}; see {logs}")
    print(f"ansible-test: no secret of {len(chain.SECRETS) + 1} kinds in {len(list(logs.glob('*.log')))} logs")
    print(f"ansible-test: passed in {time.monotonic() - begin:.0f} s", flush=True)


def _run(controller: Controller, playbook: str, log: str, *options: str, fails: bool = False) -> Run:
    """Run a playbook and print its numbers (CourseError where it failed and should not, or the other way round)."""
    run = controller.play(playbook, log, *options)
    print(f"ansible-test: {playbook}.yml {log:<7} {run.recap}  {run.seconds:.0f} s", flush=True)
    if bool(run.code or run.recap.failed) is not fails:
        what = "did not fail" if fails else "failed"
        raise CourseError("\n".join([f"{playbook}.yml {log} {what}:", *run.output.splitlines()[-40:]]))
    return run


def _unchanged(run: Run) -> None:
    if run.recap.changed:
        named = "\n  ".join(changed_tasks(run.output))
        raise CourseError(f"a run after the first changed {run.recap.changed}:\n  {named}")


def _points(ground: Ground) -> None:
    """See that what probe and reference measure is a point in InfluxDB."""
    for name in (PROBE, REFERENCE):
        begin = time.monotonic()
        point = chain.points(ground.machines[CENTRE], name, POINT_SECONDS)
        if point is None:
            raise CourseError(f"no point of {name} in InfluxDB within {POINT_SECONDS:.0f} s")
        print(
            f"ansible-test: end to end: {name} -> broker -> collector -> InfluxDB: {point['service']} {point['layer']} "
            f"{point['state']} at {point['time']} (waited {time.monotonic() - begin:.0f} s)",
            flush=True,
        )


def _door(project: Path, ground: Ground) -> None:
    """Knock at the broker's door: with a certificate of the fleet's authority, with a stranger's, with none."""
    centre = ground.machines[CENTRE]
    known = _own_certificate(ground)
    stranger = ground.strangers.issue(PROBE)
    root = ground.folder / "fleet.pem"
    root.write_text(centre.ssh("cat /etc/balise/broker/ca.pem").stdout, encoding="ascii")
    for who, pair, welcome in (("its own", known, True), ("a stranger's", stranger, False), ("no", None, False)):
        through, said = chain.publishes(project / ".tools/bin", centre.address, root, pair, "n2door7k")
        why = f"{said}; the broker says {chain.refusal(centre)}"
        print(f"ansible-test: door with {who} certificate: {'open' if through else f'closed ({why})'}", flush=True)
        if through is not welcome:
            raise CourseError(f"the broker's door with {who} certificate: {said or 'open'}")


def _second_door(project: Path, controller: Controller, ground: Ground) -> None:
    """A broker on a host of its own gets its files from the collector's, and knows the same people."""
    address = ADDRESSES[REFERENCE]
    values = {"broker_collector_host": CENTRE, "broker_names": [address]}
    more = ground.folder / "second.yml"
    more.write_text(json.dumps({"broker": {"hosts": {REFERENCE: {}}}}), encoding="ascii")
    options = ("--inventory", str(more), "--limit", REFERENCE, "--extra-vars", json.dumps(values))
    _run(controller, "collector", "broker", *options)
    root, tools = ground.folder / "fleet.pem", project / ".tools/bin"
    known = Pair(ground.folder / "door.pem", ground.folder / "door.key")
    opened = [chain.publishes(tools, address, root, pair, "n2door7k")[0] for pair in (known, None)]
    if opened != [True, False]:
        raise CourseError(f"the second broker's door with its own certificate and with none: {opened}")
    print("ansible-test: a broker on a host of its own: open to its own, closed to others", flush=True)


def _own_certificate(ground: Ground) -> Pair:
    """Have the fleet's authority certify one more client, and bring it here."""
    centre = ground.machines[CENTRE]
    made = centre.ssh(
        "runuser -u balise-collector -- balise-collector authority client --name n2door7k "
        "--out /var/lib/balise-collector/door"
    )
    if made.returncode:
        raise CourseError(f"authority client: {made.stderr}")
    pair = Pair(ground.folder / "door.pem", ground.folder / "door.key")
    for path, name in ((pair.certificate, "n2door7k.pem"), (pair.key, "n2door7k.key")):
        path.write_text(centre.ssh(f"cat /var/lib/balise-collector/door/{name}").stdout, encoding="ascii")
    return pair


def _rings(controller: Controller, cache: Path, ground: Ground) -> None:
    """A release that does not start ends at the canary, which goes back; a good one reaches everybody."""
    before = _releases(ground)
    wheelhouse = cache / "wheelhouse"
    broken = releases.variant(wheelhouse, ground.folder / "broken", releases.BROKEN)
    short = ("--extra-vars", json.dumps({"probe_healthy_seconds": 30}))
    where = ("--extra-vars", json.dumps({"balise_wheelhouse": str(ground.folder / "broken")}))
    run = _run(controller, "update", "broken", *where, *short, fails=True)
    if _releases(ground) != before or REFERENCE in run.recap.hosts:
        raise CourseError(f"{broken} does not start and went beyond the canary: {_releases(ground)}")
    print(f"ansible-test: {broken} does not start: the canary is back at {before[PROBE]}, the rest was not touched")
    good = releases.variant(wheelhouse, ground.folder / "good", releases.GOOD)
    where = ("--extra-vars", json.dumps({"balise_wheelhouse": str(ground.folder / "good")}))
    _run(controller, "update", "good", *where)
    if set(_releases(ground).values()) != {good}:
        raise CourseError(f"{good} is not everywhere: {_releases(ground)}")
    print(f"ansible-test: {good} is on {len(before)} hosts, ring by ring", flush=True)


def _releases(ground: Ground) -> dict[str, str]:
    """Which release is current, by host."""
    return {
        name: ground.machines[name].ssh("readlink /opt/balise/agent/current").stdout.strip()
        for name in (PROBE, REFERENCE)
    }


def _again(controller: Controller, ground: Ground) -> None:
    """A probe that is known gets another certificate with a new token, and keeps its id and its key."""
    probe, centre = ground.machines[PROBE], ground.machines[CENTRE]
    look = "sha256sum /var/lib/balise/enrolment/certificate.pem /var/lib/balise/probe.key; ls /etc/balise/token"
    before = probe.ssh(look).stdout.split()
    _run(controller, "enroll", "enroll", "--limit", PROBE)
    after = probe.ssh(look).stdout.split()
    said = centre.ssh("runuser -u balise-collector -- balise-collector fleet list --json").stdout
    ids = sorted(member["id"] for member in json.loads(said)["approved"])
    if after[0] == before[0] or after[2] != before[2] or len(after) != 4 or ids != sorted((PROBE, REFERENCE)):
        raise CourseError(f"enrolled anew: {before} became {after}, the fleet is {ids}")
    print(f"ansible-test: {PROBE} has a new certificate, the same key and id; its token is gone", flush=True)


def _backup(controller: Controller, ground: Ground) -> None:
    """The backup comes as one file that says nothing without its passphrase, and leaves nothing behind."""
    passphrase = ground.folder / "passphrase"
    passphrase.write_text(PASSPHRASE, encoding="ascii")
    folder = ground.folder / "backups"
    values = {"backup_passphrase_file": str(passphrase), "backup_folder": str(folder)}
    _run(controller, "backup", "backup", "--extra-vars", json.dumps(values))
    files = list(folder.iterdir())
    left = ground.machines[CENTRE].ssh("ls -d /var/lib/balise-collector/balise-backup-*").stdout
    if len(files) != 1 or b"PRIVATE KEY" in files[0].read_bytes() or left:
        raise CourseError(f"the backup is {files}, and on the host remains {left or 'nothing'}")
    print(f"ansible-test: backup sealed, {files[0].stat().st_size} bytes", flush=True)


def _wipe(project: Path, controller: Controller, ground: Ground) -> None:
    """Only the host whose id was typed is wiped; the collector refuses it, and so does the broker, soon after."""
    stolen = _stolen(ground)
    root, tools, address = ground.folder / "fleet.pem", project / ".tools/bin", ADDRESSES[CENTRE]
    if not chain.publishes(tools, address, root, stolen, REFERENCE)[0]:
        raise CourseError(f"the certificate of {REFERENCE} does not open the door while it is good")
    _run(controller, "wipe", "wipe", "--extra-vars", json.dumps({"wipe_these": REFERENCE}))
    keys = {name: ground.machines[name].ssh("ls /var/lib/balise/probe.key").returncode for name in (PROBE, REFERENCE)}
    said = ground.machines[CENTRE].ssh("runuser -u balise-collector -- balise-collector fleet list --json").stdout
    revoked = [member["id"] for member in json.loads(said)["approved"] if member["revoked"]]
    if keys[PROBE] != 0 or keys[REFERENCE] == 0 or revoked != [REFERENCE]:
        raise CourseError(f"after the wipe: keys {keys}, revoked {revoked}")

    def closed() -> bool | None:
        return None if chain.publishes(tools, address, root, stolen, REFERENCE)[0] else True

    begin = time.monotonic()
    if until(closed, REFUSED_SECONDS, every=1.0) is None:
        raise CourseError(f"a revoked certificate still opens the door after {REFUSED_SECONDS:.0f} s")
    print(f"ansible-test: door with a copy of the revoked certificate: closed after {time.monotonic() - begin:.0f} s")


def _stolen(ground: Ground) -> Pair:
    """Copy the reference's certificate and key, as somebody with the board in hand could."""
    pair = Pair(ground.folder / "stolen.pem", ground.folder / "stolen.key")
    for path, name in ((pair.certificate, "certificate.pem"), (pair.key, "client.key")):
        path.write_text(
            ground.machines[REFERENCE].ssh(f"cat /var/lib/balise/enrolment/{name}").stdout, encoding="ascii"
        )
    return pair


def _units(ground: Ground) -> None:
    """No unit of any machine failed."""
    failed = {
        name: words
        for name, machine in ground.machines.items()
        if (words := machine.ssh("systemctl --failed --plain --no-legend").stdout.split())
    }
    if failed:
        raise CourseError(f"units failed: {failed}")
    print(f"ansible-test: no failed unit on {len(ground.machines)} machines", flush=True)


def _dashboards(project: Path, ground: Ground) -> None:
    """Every dashboard and provisioning file is on the host as it is in the tree; Grafana itself was not run."""
    machine = ground.machines[CENTRE]
    count = 0
    for here, there in (("json", "balise"), ("provisioning", "provisioning")):
        folder = project / "dashboards" / here
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            place = f"/etc/grafana/{there}/{file.relative_to(folder)}"
            if machine.ssh(f"cat {place}").stdout != file.read_text(encoding="utf-8"):
                raise CourseError(f"{place} is not what the tree has")
            count += 1
    if machine.ssh("stat -c '%a %U' /etc/grafana/balise.env").stdout.strip() != "600 root":
        raise CourseError("/etc/grafana/balise.env can be read by others than root")
    print(f"ansible-test: {count} files of Grafana in place (no Grafana was run)", flush=True)
