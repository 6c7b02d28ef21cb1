"""Grafana's provisioning files: datasources, the dashboards' folder, whom alerts are told.

The files name three things of the environment: BALISE_INFLUX_URL, BALISE_INFLUX_READ_TOKEN and nothing secret else.
Must not live here: rules (alerts.py) or dashboards.
"""

from typing import Any, Final

from balise_dashboards.alerts import DATASOURCE_UID

FOLDER: Final = "/etc/grafana/balise"
"""Where the dashboards' JSON files are to be found by Grafana."""
CONTACT: Final = "balise operators"


def datasources() -> dict[str, Any]:
    """Return both buckets as InfluxQL datasources, read with the token that can only read."""
    return {
        "apiVersion": 1,
        "datasources": [_datasource(DATASOURCE_UID, "balise"), _datasource("balise-rollup", "balise_rollup")],
    }


def _datasource(name: str, bucket: str) -> dict[str, Any]:
    return {
        "name": name,
        "uid": name,
        "orgId": 1,
        "type": "influxdb",
        "access": "proxy",
        "url": "$BALISE_INFLUX_URL",
        "database": bucket,  # Grafana up to 9
        "isDefault": name == DATASOURCE_UID,
        "editable": False,
        "jsonData": {
            "version": "InfluxQL",
            "dbName": bucket,
            "httpMode": "POST",
            "httpHeaderName1": "Authorization",
            "timeInterval": "1m",
        },
        # 2.x and 3 take a token; 1.8 takes user:password in its place.
        "secureJsonData": {"httpHeaderValue1": "Token $BALISE_INFLUX_READ_TOKEN"},
    }


def nothing(kind: str) -> dict[str, Any]:
    """Return a file of a kind that we have none of: Grafana logs an error where it finds no folder of the kind."""
    return {"apiVersion": 1, kind: []}


def folder() -> dict[str, Any]:
    """Return the provider that loads every dashboard of the folder; files are the truth, not the browser."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "balise",
                "orgId": 1,
                "folder": "balise",
                "type": "file",
                "disableDeletion": True,
                "allowUiUpdates": False,
                "updateIntervalSeconds": 60,
                "options": {"path": FOLDER},
            }
        ],
    }


def contact_points() -> dict[str, Any]:
    """Return one contact point; the address is an example (RFC 2606) that the operator replaces."""
    receiver = {
        "uid": "balise-operators",
        "type": "email",
        "settings": {"addresses": "operators@example.org", "singleEmail": True},
        "disableResolveMessage": False,
    }
    return {"apiVersion": 1, "contactPoints": [{"orgId": 1, "name": CONTACT, "receivers": [receiver]}]}


def policies() -> dict[str, Any]:
    """Return who is told what, how soon and how often: incidents at once, the rest gathered."""
    routes = [
        {
            "receiver": CONTACT,
            "object_matchers": [["source", "=", "balise"], ["severity", "=", "critical"]],
            "group_by": ["alertname", "country", "service"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "24h",
        },
        {
            "receiver": CONTACT,
            "object_matchers": [["source", "=", "balise"]],
            "group_by": ["alertname", "country"],
            "group_wait": "1m",
            "group_interval": "10m",
            "repeat_interval": "12h",
        },
    ]
    root = {"orgId": 1, "receiver": CONTACT, "group_by": ["grafana_folder", "alertname"], "routes": routes}
    return {"apiVersion": 1, "policies": [root]}
