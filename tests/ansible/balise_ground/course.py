"""The course: machines are provisioned twice and in check mode, then asked from outside whether all works.

Lives here: the order, and what must come of each step. Must not live here: how a step is done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balise_ground.ground import ADDRESSES, CENTRE, PROBE, REFERENCE, Ground
from balise_ground.network import PREFIX
from balise_ground.playbook import Controller, Run
from balise_ground.recap import changed_tasks


class CourseError(Exception):
    """Something was not as it should be; the text says what, and where to read on."""


def inventory(cache: Path) -> dict[str, Any]:
    """Return the inventory of the ground: one host for the centre, one probe, one reference."""
    return {
        "all": {
            "hosts": {name: {"ansible_host": address} for name, address in ADDRESSES.items()},
            "vars": {
                "ansible_user": "root",
                "balise_wheelhouse": str(cache / "wheelhouse"),
                "balise_from_index": False,
                "balise_addresses": [ADDRESSES[CENTRE]],
                "collector_settings": {"network": {"laboratory": [PREFIX]}, "timetable": {"interval": 20}},
                "probe_country": "PK",
                "probe_asn": 64501,
                "probe_consent_accepted": True,
                "probe_settings": {"network": {"laboratory": [PREFIX]}, "spool": {"batch_seconds": 2.0}},
                # Grafana's packages are nowhere to be had here: its files are written, and looked at.
                "grafana_package": False,
            },
            "children": {
                **{group: {"hosts": {CENTRE: {}}} for group in ("collector", "broker", "influxdb", "grafana")},
                "probes": {"hosts": {PROBE: {}}},
                "references": {"hosts": {REFERENCE: {}}},
            },
        }
    }


def play(project: Path, cache: Path, ground: Ground) -> None:
    """Play the whole course."""
    logs = cache / "logs"
    logs.mkdir(exist_ok=True)
    controller = Controller(project, ground.write_inventory(inventory(cache)), logs, ground.key)
    _provision(controller, "first")
    second = _provision(controller, "second")
    if second.recap.changed:
        named = "\n  ".join(changed_tasks(second.output))
        raise CourseError(f"the second run changed {second.recap.changed}:\n  {named}")
    _provision(controller, "check", "--check", "--diff")


def _provision(controller: Controller, log: str, *options: str) -> Run:
    """Run the site's playbook and print its numbers (CourseError with the end of its log where a task failed)."""
    run = controller.play("site", log, *options)
    print(f"ansible-test: site.yml {log:<7} {run.recap}  {run.seconds:.0f} s", flush=True)
    if run.code or run.recap.failed:
        raise CourseError("\n".join([f"site.yml {log} failed:", *run.output.splitlines()[-40:]]))
    return run
