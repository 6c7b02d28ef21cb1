"""What pages mean: which are odd, which heat, what they cost."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.http import HttpObservation
from balise_wire.words import Arm, Experiment
from tests.agent.experiments.http.pages import page

HTTP = REGISTRY[Experiment.HTTP]


HOST = "twitter.example"


@pytest.mark.parametrize(
    "response",
    [
        page(451),
        page(403),
        page(503),
        page(302, b"", Location="http://block.isp.example/?ip=10.0.0.1"),
    ],
)
def test_refusals_and_foreign_redirects_are_odd(network: FakeNetwork, task: Task, response: bytes) -> None:
    """What nobody ever saw as usual is judged by itself: refusals, and redirects to another site."""
    network.pages[HOST] = response
    observations = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert HTTP.reader.anomaly(observations) is observations[0]


@pytest.mark.parametrize("location", ["https://twitter.example/", "https://www.twitter.example/x", "/login"])
def test_redirects_inside_the_site_are_not(network: FakeNetwork, task: Task, location: str) -> None:
    """A site may send its visitors around at home."""
    network.pages[HOST] = page(301, b"", Location=location)
    assert HTTP.reader.anomaly(network.play(HTTP.plan.sentinel(task), HttpObservation)) is None


def test_a_page_unlike_the_usual_is_odd(network: FakeNetwork, task: Task) -> None:
    """A block page with status 200 shows itself by its title only; a page that always was a 403 is none."""
    (usual,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    network.pages[HOST] = page(body=b"<title>Access denied by order</title>")
    (blocked,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert HTTP.reader.anomaly((blocked,)) is None
    assert HTTP.reader.anomaly((blocked,), usual) is blocked
    network.pages[HOST] = page(403)
    (refused,) = network.play(HTTP.plan.sentinel(task), HttpObservation)
    assert HTTP.reader.anomaly((refused,), refused) is None


def test_a_page_that_only_looks_different_is_answered() -> None:
    """A redesign is looked into until the incident's bytes are used up; a refusal to verify is no mere change."""
    fine = HttpObservation(arm=Arm.SUBJECT, at=1.0, address="198.18.1.1", port=443, host=HOST, tls=True, status=200)
    assert HTTP.reader.read(fine).answered
    assert not HTTP.reader.read(msgspec.structs.replace(fine, tls_verified=False)).answered
    assert HTTP.reader.read(msgspec.structs.replace(fine, body_bytes=2_000)).spent == 3_500 + 2_200 + 6_000
