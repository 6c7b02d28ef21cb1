"""What a role says to the experiments it is measured with."""

import pytest

from balise_lab.scenario.load import parse
from balise_lab.scenario.schema import Endpoint
from balise_lab.scenario.source import ScenarioError
from balise_wire.experiments.http import HttpParameters
from balise_wire.experiments.tcp import TcpParameters

HEAD = "name: x\ncountry: {code: PK, tz: UTC, starts: 2020-05-17T21:30}\nisps: {a1: 1}\nservices: {x: {web: "


def endpoint(role: str) -> Endpoint:
    """Return the one endpoint of a scenario whose role is written so."""
    return parse(HEAD + role + "}}\n", "bad.yaml").endpoints[0]


def test_what_is_not_written_is_what_the_servers_serve() -> None:
    """A host alone is fetched from port 80, a little of it, and has a second port to be asked."""
    usual = {HttpParameters(fetch_bytes=8192), TcpParameters(other_port=80)}
    assert usual <= set(endpoint("x.lab").parameters)
    assert TcpParameters(other_port=443) in endpoint("{host: x.lab, port: 80}").parameters


def test_what_is_written_goes_to_its_experiment() -> None:
    """Keys that targets always had keep their names."""
    found = endpoint("{host: x.lab, path: /a, http_port: 443, fetch_bytes: 100}").parameters
    assert HttpParameters(path="/a", port=443, fetch_bytes=100) in found


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("path: nowhere", "bad.yaml:4: services.x.web.path: 'nowhere' cannot be"),
        ("http_port: many", "bad.yaml:4: services.x.web.http_port: 'many' cannot be"),
        ("http_port: 8080", "bad.yaml:4: services.x.web: port 8080 of http is not served; use 80 in clear"),
        ("http_prot: 80", "did you mean http_port?"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(written: str, told: str) -> None:
    """The bounds are the wire's, and what the lab serves."""
    with pytest.raises(ScenarioError) as caught:
        endpoint(f"{{host: x.lab, {written}}}")
    assert told in str(caught.value)
