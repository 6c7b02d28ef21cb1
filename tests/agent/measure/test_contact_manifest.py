"""The contact manifest: everything that is contacted stands in it, and the bytes add up."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments import REGISTRY, steps
from balise_agent.experiments.dns.contacts import RANDOM, STRANGER
from balise_agent.experiments.experiment import GATEWAY, PROVIDER, RESOLVED, SCRAMBLED
from balise_agent.experiments.task import Task
from balise_agent.measure.contact_manifest import Contact, Manifest, manifest, rendered
from balise_agent.measure.line_check import line_task
from balise_agent.measure.run import Run
from balise_agent.measure.task_choice import Device, task_for
from balise_agent.testing import ANY_PORT, FakeNetwork, server_name
from balise_wire.assignment import Assignment, Budget, Control, Target, Timetable
from balise_wire.experiments import usual
from balise_wire.experiments.dns import DnsAnswer
from balise_wire.experiments.tls import USUAL_HELLO
from balise_wire.failures import Failure
from balise_wire.words import Design, Experiment, TargetRole

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
    assert sum(c.bytes_per_day for c in hellos) == 144 * USUAL_HELLO[4]
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


# --- what is contacted is what was told, for every experiment that is registered ----------------------------------

HELPERS = ("198.18.7.20", "2a00::20")
LAB = Device(secret=b"secret", laboratory=("198.18.0.0/15",))
FULL = Assignment(
    version=1,
    catalogue="c",
    expires=9e9,
    targets=(
        Target(
            id="s/web/subject.example/4",
            service="s",
            role=TargetRole.WEB,
            host="subject.example",
            addresses=("198.18.1.1", "198.18.1.2"),
            neighbour="neighbour.example",
            sibling="198.18.1.9",
            other_port=8080,
        ),
        Target(id="s/web/bare.example/4", service="s", role=TargetRole.WEB, host="bare.example"),
        Target(id="s/web/six.example/6", service="s", role=TargetRole.WEB, host="six.example", addresses=("2a00::1",)),
    ),
    controls=(
        Control(name="dual.example", addresses=("2a00::9", "198.18.9.1")),
        Control(name="portal.example", addresses=("198.18.9.2",), port=80),
        Control(name="bare.example", addresses=()),
    ),
    public_resolvers=("198.18.8.8",),
    silent_addresses=("198.18.7.7",),
    control_name="control.example",
)
Contacted = tuple[str | None, str, int, str]
"""Name that was shown (``None``: none), address (empty: the provider's resolver), port, protocol."""


def said(step: steps.Send | steps.Transfer | steps.Inject) -> bytes:
    """Return what a step sends on its connection."""
    return step.payload if isinstance(step, steps.Inject) else step.data


def contacted(network: FakeNetwork) -> set[Contacted]:
    """Return whom a plan contacted, by the steps that it began; a step that nobody can read here is an error."""
    found: set[Contacted] = set()
    where, hellos = ("", 0), dict[int, bytes]()
    for step in network.steps:
        match step:
            case steps.AskGateway():
                found.add((GATEWAY, GATEWAY, 0, "icmp"))
            case steps.Query():
                found.add((step.name, step.server, 53, "tcp" if step.tcp else "udp"))
            case steps.Exchange():
                found |= {
                    (None, probe.address, getattr(probe, "port", 0), "tcp" if hasattr(probe, "port") else "icmp")
                    for probe in step.packets
                }
            case steps.Datagram():
                found.add((None, step.address, step.port, "udp"))
            case steps.Connect():
                where = (step.address, step.port)
                found.add((None, *where, "tcp"))
            case steps.Handshake():
                found.add((step.sni, *where, "tcp"))
            case steps.Send() | steps.Inject() if step.handle in hellos or said(step).startswith(b"\x16"):
                # A hello may leave in pieces; copies of one that is injected do not follow each other.
                before = hellos.get(step.handle, b"") if isinstance(step, steps.Send) else b""
                hellos[step.handle] = before + said(step)
                found.add((server_name(hellos[step.handle]), *where, "tcp"))
            case steps.Send() | steps.Transfer() | steps.Inject() if b"\r\nHost: " in said(step):
                found.add((said(step).split(b"\r\nHost: ")[1].split(b"\r\n")[0].decode(), *where, "tcp"))
            case steps.Receive() | steps.Transfer() | steps.Close() | steps.Rest():
                pass
            case _:
                pytest.fail(f"say here whom a {type(step).__name__} contacts")
    return found


def is_told(one: Contacted, rows: list[Contact]) -> bool:
    """Tell whether a contact stands in the manifest: the very name, address, port and protocol, or the word for it."""
    name, address, port, protocol = one
    if name is not None and name.endswith(".control.example"):
        name = f"{RANDOM}.control.example"
    scrambles = name is not None and name.endswith(".example") and name.split(":")[0] not in NAMES
    return any(
        (name is None or row.name == name.split(":")[0] or (row.name == SCRAMBLED and scrambles))
        and (row.address == (address or PROVIDER) or row.address in {RESOLVED, STRANGER})
        and (row.port, row.protocol) == (port, protocol)
        for row in rows
    )


NAMES = {
    *(target.host for target in FULL.targets),
    *(control.name for control in FULL.controls),
    "neighbour.example",
    "control.example",
}


def networks() -> dict[str, FakeNetwork]:
    """Return networks under which plans take their different ways."""
    expected = FakeNetwork(dns={("six.example", ""): (DnsAnswer(rtt_ms=1.0, addresses=("2a00::1",)),)})
    stranger = (DnsAnswer(rtt_ms=1.0, addresses=("198.18.66.6",)),)
    lying = FakeNetwork(dns={(target.host, ""): stranger for target in FULL.targets})
    bogus = FakeNetwork(untrusted=set(NAMES), dns=lying.dns, old_tls=set(NAMES))
    deaf = FakeNetwork()
    for address in ("198.18.1.1", "198.18.1.2", "2a00::1", "198.18.9.1"):
        deaf.refuse(address, ANY_PORT)
    cut = FakeNetwork(cut=dict.fromkeys(("subject.example", "bare.example", "six.example"), Failure.CONNECTION_RESET))
    return {"well": expected, "lying": lying, "bogus": bogus, "deaf": deaf, "cut": cut}


def given(word: Experiment) -> Assignment:
    """Return the assignment, with helpers for what goes to them alone."""
    return msgspec.structs.replace(FULL, helpers=HELPERS) if REGISTRY[word].traits.at_helper else FULL


def tasks(word: Experiment) -> list[Task]:
    """Return the tasks of an experiment: of every target, or of the line."""
    if not REGISTRY[word].traits.of_target:
        return [line_task(FULL, LAB, 0.0)]
    return [
        task_for(
            given(word), target, int(target.id[-1]), device=LAB, now=day * 86_400.0, slot=day, resolved=("198.18.1.1",)
        )
        for target in FULL.targets
        for day in range(2)
    ]  # fmt: skip


def told(word: Experiment) -> Manifest:
    """Return the manifest of an assignment that asks for one experiment alone."""
    of_target = REGISTRY[word].traits.of_target
    # What is only asked for stands on no list: it goes where the experiment went that shows the name.
    listed = Experiment.TLS if REGISTRY[word].traits.asked else word
    targets = tuple(
        msgspec.structs.replace(target, experiments=(listed,) if of_target else ()) for target in FULL.targets
    )
    return manifest(msgspec.structs.replace(given(word), targets=targets), line=not of_target)


@pytest.mark.parametrize("word", REGISTRY)
@pytest.mark.parametrize("state", networks())
@pytest.mark.parametrize("design", [Design.SENTINEL, Design.PAIRED, Design.MANUAL, Design.ON_DEMAND])
def test_nobody_is_contacted_who_is_not_told(word: Experiment, state: str, design: Design) -> None:
    """A host consents to a list: whatever any registered experiment contacts, in whatever network, stands in it."""
    rows = list(told(word).contacts)
    if state == "well" and design is Design.SENTINEL and not REGISTRY[word].traits.asked:
        rows = [row for row in rows if row.per_day > 0]  # what is on schedule, as long as nothing fails
    for sentinel in tasks(word):
        task = msgspec.structs.replace(sentinel, design=design, full=True)
        run = Run(target=task.target, family=task.family, experiment=word, slot=0, due=0.0, task=task)
        network = networks()[state]
        network.play(run.plan())
        found = contacted(network)
        assert found
        assert not [one for one in found if not is_told(one, rows)]


@pytest.mark.parametrize("word", REGISTRY)
def test_the_sizes_of_contacts_are_what_a_run_usually_costs(word: Experiment) -> None:
    """The bytes that a host consents to are those of the one cost table."""
    for task in tasks(word):
        experiment = REGISTRY[word]
        shape = msgspec.structs.replace(experiment.plan.shape(task), full=bool(experiment.traits.looks))
        assert sum(one.size for one in experiment.contacts.scheduled(task)) == usual(word, shape)
