"""The look for a captive portal: what is known of the control's page, and what a portal shows in its place."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from balise_agent.experiments.line.plan import LINE_TARGET
from balise_agent.experiments.line.portal import chosen, look
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.assignment import Control, KnownPage
from balise_wire.failures import Failure
from balise_wire.words import Portal
from tests.agent.experiments.http.pages import page

NO_CONTENT = KnownPage(path="/generate_204", status=204)
SUCCESS = KnownPage(path="/success.txt", begins="success")


def asked(network: FakeNetwork, task: Task, known: KnownPage | None) -> Portal:
    """Return what the look says."""
    control = Control(name="portal.example", addresses=("198.18.9.3",), port=80, page=known)
    plan = look(msgspec.structs.replace(task, controls=(*task.controls, control)), LINE_TARGET)
    session, reply = network.session(), None
    try:
        while True:
            step = plan.send(reply) if reply is not None else next(plan)
            reply = network.reply(step, session)
    except StopIteration as stop:
        found: Portal = stop.value
        return found


@pytest.mark.parametrize(
    ("known", "response", "found"),
    [
        (NO_CONTENT, b"HTTP/1.1 204 No Content\r\n\r\n", Portal.CLEAN),
        (NO_CONTENT, page(200, b"<title>Log in</title>"), Portal.CAPTIVE),
        (SUCCESS, page(200, b"success\n"), Portal.CLEAN),
        (SUCCESS, page(206, b"\xef\xbb\xbfsuccess\n", Content_Range="bytes 0-7/8"), Portal.CLEAN),
        (SUCCESS, page(200, b"<html>Welcome to Hotel Success</html>"), Portal.CAPTIVE),
        (SUCCESS, page(200, b""), Portal.CAPTIVE),
        (SUCCESS, page(503, b"<html>overloaded</html>"), Portal.NO_ANSWER),
        (SUCCESS, page(302, b"", Location="http://login.hotel.example/"), Portal.CAPTIVE),
        (SUCCESS, b"not http at all", Portal.NO_ANSWER),
        (None, page(200, b"<title>Log in</title>"), Portal.PLAUSIBLE),
        (None, page(511, b""), Portal.CAPTIVE),
    ],
)
def test_a_portal_that_answers_200_shows_another_page(
    network: FakeNetwork, task: Task, known: KnownPage | None, response: bytes, found: Portal
) -> None:
    """Only a page that is known tells it from the control; a control that is in trouble itself is no portal."""
    network.pages["portal.example"] = response
    assert asked(network, task, known) is found


def test_a_control_that_is_silent_shows_nothing(network: FakeNetwork, task: Task) -> None:
    """No answer is no portal, and no proof that there is none; without a control on port 80 nobody is asked."""
    network.refuse("198.18.9.3", 80, Failure.GENERIC_TIMEOUT)
    assert asked(network, task, SUCCESS) is Portal.NO_ANSWER
    assert chosen(task) is None


def test_a_control_with_a_known_page_is_preferred(task: Task) -> None:
    """It tells more."""
    plain = Control(name="plain.example", addresses=("198.18.9.4",), port=80)
    known = Control(name="known.example", addresses=("2a00::1", "198.18.9.5"), port=80, page=SUCCESS)
    where = chosen(msgspec.structs.replace(task, controls=(plain, known)))
    assert where is not None
    assert (where.control.name, where.address) == ("known.example", "198.18.9.5")


@pytest.mark.real_data
def test_the_portal_of_the_field_that_answers_200_is_seen(network: FakeNetwork, task: Task, shared_data: Path) -> None:
    """A hotel's login page in the place of a control whose page is known."""
    network.pages["portal.example"] = (shared_data / "field" / "h_portal200.bin").read_bytes()
    assert asked(network, task, SUCCESS) is Portal.CAPTIVE
    assert asked(network, task, None) is Portal.PLAUSIBLE
