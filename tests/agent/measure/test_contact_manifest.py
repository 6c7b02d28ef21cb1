"""The contact manifest: everything that is contacted stands in it, and the bytes add up."""

from __future__ import annotations

import pytest

from balise_agent.measure.contact_manifest import Manifest, manifest, rendered
from balise_wire.assignment import Assignment, Budget, Control, Target, Timetable
from balise_wire.words import Experiment, TargetRole

TARGET = Target(
    id="s/web/a.example/4",
    service="s",
    role=TargetRole.WEB,
    host="a.example",
    addresses=("8.8.8.8", "8.8.4.4"),
    neighbour="b.example",
    sibling="8.8.9.9",
    other_port=8080,
    experiments=(Experiment.DNS, Experiment.TCP, Experiment.TLS, Experiment.HTTP),
)


@pytest.fixture
def found() -> Manifest:
    """Return the manifest of one target with everything."""
    return manifest(
        Assignment(
            version=1,
            catalogue="c",
            expires=9e9,
            targets=(TARGET,),
            controls=(Control(name="c.example", addresses=("1.1.1.1",)),),
            public_resolvers=("9.9.9.9",),
            silent_addresses=("8.8.7.7",),
            control_name="d.example",
            timetable=Timetable(hello_every=2, http_every=12),
            budget=Budget(bytes_per_day=6_000_000),
        )
    )


def test_every_destination_is_named(found: Manifest) -> None:
    """What the host agrees to is all of it: also what only a failure leads to."""
    endpoints = {(c.address, c.port) for c in found.contacts}
    assert endpoints >= {
        ("8.8.8.8", 443),
        ("8.8.4.4", 443),
        ("8.8.8.8", 80),
        ("8.8.8.8", 8080),
        ("8.8.9.9", 443),
        ("1.1.1.1", 443),
        ("9.9.9.9", 53),
        ("8.8.7.7", 53),
    }
    assert {c.name for c in found.contacts} >= {"a.example", "b.example", "c.example", "d.example"}


def test_bytes_add_up(found: Manifest) -> None:
    """The total is the sum of its rows; a day's share of two addresses is not counted twice."""
    assert found.bytes_per_day == sum(c.bytes_per_day for c in found.contacts)
    hellos = [c for c in found.contacts if c.why.startswith("tls")]
    assert sum(c.bytes_per_day for c in hellos) == 144 * 5_000
    assert found.most_per_day == 6_000_000


def test_what_is_scheduled_is_not_listed_as_exception(found: Manifest) -> None:
    """One endpoint and name has one row where the schedule contacts it anyway."""
    keys = [(c.name, c.address, c.port, c.protocol, c.per_day > 0) for c in found.contacts]
    scheduled = {key[:4] for key in keys if key[4]}
    assert not any(key[:4] in scheduled for key in keys if not key[4])


def test_it_reads_as_a_table(found: Manifest) -> None:
    """A person sees names, addresses, times and kilobytes, and the bound of a day."""
    text = rendered(found)
    assert "a.example" in text
    assert "never more than 6.0 MB a day" in text
    assert len({line.index("why") for line in text.splitlines()[:1]}) == 1


def test_an_empty_assignment_contacts_nobody() -> None:
    """No targets: no line checks either."""
    bare = manifest(
        Assignment(
            version=1, catalogue="c", expires=9e9, targets=(), controls=(Control(name="c", addresses=("1.1.1.1",)),)
        )
    )
    assert bare.bytes_per_day == 0
