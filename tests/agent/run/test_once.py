"""``once`` on a scripted network: what a person types becomes a fair comparison, or an error with a mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from balise_agent.experiments.steps import Connect
from balise_agent.policy.limits import Limits
from balise_agent.run.console import rendered
from balise_agent.run.once import Once, Wish, split
from balise_agent.system import config
from balise_agent.system.clock import Clock
from balise_agent.system.errors import ConfigError, LinkUnusable
from balise_agent.testing import FakeNetwork
from balise_wire.assignment import Assignment, Control, Target
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.trial import Trial
from balise_wire.words import Arm, Design, Experiment, TargetRole

if TYPE_CHECKING:
    from balise_agent.system.reactor import Reactor

LABORATORY = Limits(laboratory=("198.18.0.0/15",), connections_per_host_per_minute=1000)


@pytest.fixture
def network() -> FakeNetwork:
    """Return a network in which everything works."""
    return FakeNetwork()


@pytest.fixture
def once(reactor: Reactor, network: FakeNetwork) -> Once:
    """Return the tool on a scripted network in which every name is 198.18.1.1."""
    return Once(config.standalone(), LABORATORY, Clock(), reactor, network)


@pytest.mark.parametrize(
    "experiment", [word for word in Experiment.known() if word not in {Experiment.PATH, Experiment.LINE}]
)
def test_a_bare_host_is_enough(once: Once, experiment: Experiment) -> None:
    """No configuration, no assignment, no collector: subject trials with controls beside them, and the line."""
    made = once.measure(Wish(experiment, "www.example.com"), None)
    assert made.design is Design.MANUAL
    assert made.line is not None
    arms = [trial.arm for trial in made.observations]
    assert arms.count(Arm.SUBJECT) >= 2
    if experiment is not Experiment.TCP:
        assert arms[0] is not Arm.SUBJECT
    assert "www.example.com" in rendered(made)


def test_the_line_needs_no_target(once: Once) -> None:
    """``once line`` looks at gateway, resolver and controls."""
    made = once.measure(Wish(Experiment.LINE, ""), None)
    assert [trial.arm for trial in made.observations] == [Arm.SUBJECT]
    assert "gateway well" in rendered(made)


def test_a_way_is_looked_at_by_hand(once: Once) -> None:
    """Where nothing is cut, one sweep of the control and one of the subject; each hop in words."""
    made = once.measure(Wish(Experiment.PATH, "www.example.com"), None)
    assert [trial.arm for trial in made.observations] == [Arm.CONTROL, Arm.SUBJECT]
    assert "hello of the subject to 198.18.1.1, TTL 1 to 1" in rendered(made)


def test_a_block_shows_beside_its_controls(once: Once, network: FakeNetwork) -> None:
    """The table holds the failure's word in the subject's row; nothing in it is a verdict."""
    network.cut["198.18.1.1"] = Failure.GENERIC_TIMEOUT
    made = once.measure(Wish(Experiment.TLS, "www.example.com"), None)
    assert {trial.failure for trial in made.observations} == {Failure.GENERIC_TIMEOUT}
    text = rendered(made)
    assert "generic_timeout_error; connected, then not a byte" in text
    assert "observations, not a verdict" in text
    assert "packets of trial 1" in text


def test_a_target_of_the_assignment_is_known_by_its_id(once: Once) -> None:
    """Host, port, neighbour and addresses are the catalogue's."""
    target = Target(
        id="svc/web/www.example.com/4", service="svc", role=TargetRole.WEB, host="www.example.com",
        addresses=("198.18.7.7",), neighbour="cdn.example.com",
    )  # fmt: skip
    task = Assignment(
        version=1, catalogue="c", expires=9e9, targets=(target,),
        controls=(Control(name="ctl.example.com", addresses=("198.18.2.2",)),),
    )  # fmt: skip
    made = once.measure(Wish(Experiment.TLS, target.id), task)
    assert made.service == "svc"
    assert _addresses([trial for trial in made.observations if trial.arm is Arm.NEIGHBOUR]) == {"198.18.7.7"}
    with pytest.raises(ConfigError, match="known: svc/web/"):
        once.measure(Wish(Experiment.TLS, "svc/web/other/4"), task)


def _addresses(trials: Sequence[Trial]) -> set[str]:
    """Return where hellos went; there are no other trials among them."""
    hellos = [trial for trial in trials if isinstance(trial, TlsObservation)]
    assert len(hellos) == len(trials)
    return {trial.address for trial in hellos}


def test_an_address_may_be_named(once: Once) -> None:
    """``--address`` tests what the person says, not what a resolver says."""
    made = once.measure(Wish(Experiment.TLS, "www.example.com", "198.18.9.9"), None)
    assert _addresses(made.observations) == {"198.18.9.9"}
    made = once.measure(Wish(Experiment.TCP, "198.18.9.9:8443"), None)
    last = made.observations[-1]
    assert isinstance(last, TcpObservation)
    assert (last.address, last.port) == ("198.18.9.9", 8443)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (Wish(Experiment.TLS, "svc/web/x/4"), "no assignment is stored"),
        (Wish(Experiment.TLS, "www.example.com:0"), "is no target"),
        (Wish(Experiment.TLS, "bad host"), "name is not letters"),
        (Wish(Experiment.TLS, "198.18.1.1"), "needs a name"),
        (Wish(Experiment.TLS, "www.example.com", "192.168.1.1"), r"private \(RFC 1918\)"),
        (Wish(Experiment.TCP, "192.168.1.1"), r"private \(RFC 1918\)"),
        (Wish(Experiment.TLS, "www.example.com", "nonsense"), "is not an IP address"),
    ],
)
def test_what_must_not_or_cannot_be_measured_is_told(once: Once, network: FakeNetwork, wish: Wish, told: str) -> None:
    """The household is refused by hand too, and every message says what to do."""
    with pytest.raises(ConfigError, match=told):
        once.measure(wish, None)
    assert not network.asked(Connect)


def test_our_own_failure_is_raised(once: Once, network: FakeNetwork) -> None:
    """Without CAP_NET_RAW there is no measurement, and the mend reaches the terminal."""
    network.fail(LinkUnusable("no right; use sudo"))
    with pytest.raises(LinkUnusable, match="use sudo"):
        once.measure(Wish(Experiment.TLS, "www.example.com", "198.18.9.9"), None)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("a.example", "a.example", 0),
        ("a.example:8443", "a.example", 8443),
        ("198.18.0.1:1", "198.18.0.1", 1),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
        ("2001:db8::1", "2001:db8::1", 0),
    ],
)
def test_targets_are_read_as_people_write_them(text: str, host: str, port: int) -> None:
    """Host, host and port, addresses of both families."""
    assert split(text) == (host, port)


@pytest.mark.parametrize("text", ["", ":443", "a:b", "a:70000", "[::1]:x"])
def test_what_is_no_target_is_refused(text: str) -> None:
    """With the shapes that are possible."""
    with pytest.raises(ConfigError, match="HOST or HOST:PORT"):
        split(text)
