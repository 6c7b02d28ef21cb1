"""The plan of http: which names are asked for, in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.steps import Handshake, Send
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.http import HttpObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Experiment
from tests.agent.experiments.http.pages import page

if TYPE_CHECKING:
    from collections.abc import Callable

HTTP = REGISTRY[Experiment.HTTP]


HOST = "twitter.example"


def test_sentinel_reads_one_page(network: FakeNetwork, task: Task) -> None:
    """Status, length, hash, title and the allowed headers are the record; the body itself is not."""
    network.pages[HOST] = page(Server="nginx", Set_Cookie="id=1")
    (only,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert (only.status, only.body_bytes, only.title, only.failure) == (200, 19, "Home", None)
    assert dict(only.headers) == {"content-length": "19", "server": "nginx"}
    assert len(only.body_sha256) == 64
    assert b"<title>" not in msgspec.json.encode(only)


def test_over_tls_the_chain_is_recorded(network: FakeNetwork, task: Task, changed: Callable[..., Task]) -> None:
    """Without a verified chain a refusal is never the server's: the observation must say."""
    network.untrusted.add(HOST)
    (only,) = network.play(HTTP.plan.sentinel(changed(task, http_port=443)), HttpObservation)
    assert (only.tls, only.tls_verified, only.port) == (True, False, 443)
    assert any(isinstance(step, Handshake) for step in network.steps)
    assert HTTP.reader.anomaly((only,)) is only


def test_paired_order(network: FakeNetwork, task: Task) -> None:
    """Neighbour, scrambled, subject twice: the control's GET must precede the one that may poison the address."""
    network.cut[HOST] = Failure.CONNECTION_RESET
    observations = network.play(HTTP.plan.paired(task), HttpObservation)
    assert [o.arm for o in observations] == [Arm.NEIGHBOUR, Arm.SCRAMBLED, Arm.SUBJECT, Arm.SUBJECT]
    assert [o.failure for o in observations[2:]] == [Failure.CONNECTION_RESET] * 2
    assert len([s for s in network.steps if isinstance(s, Send)]) == 4


def test_where_nothing_connects_one_try_is_enough(network: FakeNetwork, task: Task) -> None:
    """As in tls: a dead address is the TCP series' matter."""
    network.refuse("198.18.1.1", 80, Failure.GENERIC_TIMEOUT)
    observations = network.play(HTTP.plan.paired(task), HttpObservation)
    assert [o.arm for o in observations] == [Arm.NEIGHBOUR, Arm.SUBJECT]
