"""Worlds of names: addresses that nobody gave, shared servers, resolvers."""

import ipaddress

import pytest

from balise_agent.policy.limits import refuse_address
from balise_lab.field.network import Home, Host, World
from balise_lab.field.network.hosts import registered, resolver_address

HOMES = (Home(id="a", country="PK", asn=17557),)


def test_addresses_are_made_up_once_and_may_be_contacted() -> None:
    """Of a service's block, of no two hosts, of both families, and in no range that a probe refuses."""
    names = [f"host{number}.example.com" for number in range(300)]
    world = World.of_names(names, HOMES)
    found = [address for name in names for address in world.addresses_of(name)]
    assert len(set(found)) == len(found) == 600
    assert all(refuse_address(address) is None for address in found)
    assert refuse_address(resolver_address(17557, 1)) is None
    again = World.of_names(names, HOMES)
    assert found == [address for name in names for address in again.addresses_of(name)]


def test_hosts_of_a_service_stand_in_its_network() -> None:
    """One AS number and one route for names of one service or one registered name."""
    world = World.of_names(["a.example.com", "b.example.com", "c.example.org"], HOMES)
    near, beside, other = (world.hosts[name] for name in ("a.example.com", "b.example.com", "c.example.org"))
    assert near.asn == beside.asn != other.asn
    assert ipaddress.ip_address(near.addresses[0]) in ipaddress.ip_network(f"{beside.addresses[0]}/24", strict=False)


def test_one_server_holds_many_names() -> None:
    """A content network's address serves every host that names it, and their neighbours."""
    hosts = [Host(name="a.example", addresses=("45.1.1.1",), neighbours=("n.example",)),
             Host(name="b.example", addresses=("45.1.1.1",))]  # fmt: skip
    server = World(HOMES, hosts).servers["45.1.1.1"]
    assert set(server.names) == {"a.example", "n.example", "b.example"}
    holder = server.holder("n.example")
    assert holder is not None
    assert holder.name == "a.example"
    assert server.holder("c.example") is None


@pytest.mark.parametrize("twice", ["homes", "hosts"])
def test_two_of_one_name_are_refused(twice: str) -> None:
    """A world with two hosts or homes of one name is a mistake in the situation."""
    hosts = [Host(name="a.example")] * (2 if twice == "hosts" else 1)
    with pytest.raises(ValueError, match="two"):
        World(HOMES * (2 if twice == "homes" else 1), hosts)


def test_the_registered_part_of_a_name() -> None:
    """Two labels, three below a country's commercial names."""
    assert registered("pbs.twimg.com") == "twimg.com"
    assert registered("www.ptcl.com.pk") == "ptcl.com.pk"
    assert registered("ptcl.com.pk") == "ptcl.com.pk"


def test_what_a_catalogue_knows_of_a_name_stands_in_the_world() -> None:
    """Where a domestic control stands, the neighbour of a target; what a situation says goes first."""
    world = World.of_names(
        ["a.example", "b.example"],
        HOMES,
        [Host(name="b.example", country="FR")],
        countries={"a.example": "PK", "b.example": "PK"},
        neighbours={"a.example": "n.example"},
    )
    assert [world.hosts[name].country for name in ("a.example", "b.example")] == ["PK", "FR"]
    assert "n.example" in world.servers[world.addresses_of("a.example")[0]].names
