"""Write the committed files anew (``make dashboards``), or say which are stale (``--check``).

Lives here: which file is made by what. Must not live here: content.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from balise_dashboards import alerts, collector, country, fleet, incident, overview, provisioning, service
from balise_dashboards.board import uid

HERE: Final = Path(__file__).resolve().parent.parent
BOARDS: Final[Mapping[str, Callable[[], Dashboard]]] = {
    "overview": overview.build,
    "country": country.build,
    "service": service.build,
    "incident": incident.build,
    "fleet": fleet.build,
    "collector": collector.build,
}
_NOTE: Final = "# Made by `make dashboards` from dashboards/balise_dashboards; edit there.\n"
_PROVISIONED: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "datasources/balise.yaml": provisioning.datasources,
    "dashboards/balise.yaml": provisioning.folder,
    "alerting/rules.yaml": alerts.rule_group,
    "alerting/contact-points.yaml": provisioning.contact_points,
    "alerting/policies.yaml": provisioning.policies,
    "plugins/balise.yaml": lambda: provisioning.nothing("apps"),
    "notifiers/balise.yaml": lambda: provisioning.nothing("notifiers"),
}


def files() -> dict[str, str]:
    """Return the text of every file by its path below ``dashboards``."""
    made = {f"json/{uid(name)}.json": _board(build()) for name, build in BOARDS.items()}
    for path, what in _PROVISIONED.items():
        made[f"provisioning/{path}"] = _NOTE + yaml.safe_dump(what(), sort_keys=False, width=1000, allow_unicode=True)
    return made


def _board(made: Dashboard) -> str:
    """Return a dashboard as Grafana imports it, with panels numbered in their order."""
    table: dict[str, Any] = json.loads(JSONEncoder().encode(made.build()))
    for number, panel in enumerate(table["panels"], 1):
        panel["id"] = number
    return json.dumps(table, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def stale() -> list[str]:
    """Return the paths of files that differ from what would be made now, or that nobody makes."""
    made = files()
    there = {str(path.relative_to(HERE)) for kind in ("json", "provisioning") for path in (HERE / kind).rglob("*.*")}
    different = {path for path, text in made.items() if path in there and (HERE / path).read_text("utf-8") != text}
    return sorted(different | (there ^ made.keys()))


def main() -> int:
    """Write, or check: exit 1 with the names of stale files."""
    if "--check" in sys.argv[1:]:
        found = stale()
        print("dashboards: " + (f"stale, run make dashboards: {', '.join(found)}" if found else "fresh"))
        return 1 if found else 0
    for path, text in files().items():
        place = HERE / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    print(f"dashboards: {len(BOARDS)} dashboards and {len(_PROVISIONED)} provisioning files written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
