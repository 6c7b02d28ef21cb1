"""Each row as a scenario."""

import pytest

from balise_lab.matrix.rows import EXPERIMENTS, ROWS, Row
from balise_lab.matrix.scenario import scenario_of, services_of
from balise_wire.experiments.clienthello import HelloExtension
from balise_wire.experiments.vpn import VpnProtocol


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_is_a_scenario(row: Row) -> None:
    """Packets can play it as well as the field."""
    assert scenario_of(row).warnings == ()


def test_every_protocol_and_every_extension_is_a_service() -> None:
    """One that is added is met by every box and every fault."""
    protocols = {one.value for one in VpnProtocol} - {VpnProtocol.UNKNOWN.value}
    extensions = {one.value for one in HelloExtension} - {HelloExtension.UNKNOWN.value}
    assert set(services_of("vpn")) == {f"by-{one}".replace("_", "-") for one in protocols}
    assert set(services_of("clienthello")) == {f"by-{one}" for one in extensions}
    ids = {service.id for service in scenario_of(ROWS[0]).services}
    assert ids == {name for one in EXPERIMENTS for name in services_of(one)}
