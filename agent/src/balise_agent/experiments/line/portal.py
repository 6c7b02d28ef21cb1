"""The look for a captive portal: one control over HTTP, and whether what answers is the control. Pure.

Operating systems look in the same way: a page whose answer is known. Without one a portal that answers 200 looks like
the control. Must not live here: the fetch itself (experiments/http).
"""

from collections.abc import Generator
from typing import Final, NamedTuple

import msgspec

from balise_agent.codec.http_response import Malformed, read_body, read_head
from balise_agent.experiments.http.outcome import redirect_host
from balise_agent.experiments.http.plan import fetch
from balise_agent.experiments.steps import Reply, Step
from balise_agent.experiments.task import Task
from balise_wire.assignment import Control, KnownPage, Target
from balise_wire.experiments.http import HttpObservation, HttpParameters
from balise_wire.words import Arm, Portal

PORT: Final = 80
"""A control on this port is the assignment's permission for the look."""
MOST: Final = 1_024
"""Bytes of the page that are asked for, where its beginning is known."""
_LOGIN: Final = 511
"""Network Authentication Required (RFC 6585 6)."""
_OF_PART: Final = {206: 200}
"""A range of a page is that page."""


class Where(NamedTuple):
    """The control that is asked, and its address."""

    control: Control
    address: str


def chosen(task: Task) -> Where | None:
    """Return the control that the assignment offers, one with a known page by preference."""
    offered = [
        Where(control, next((a for a in control.addresses if ":" not in a), control.addresses[0]))
        for control in task.controls
        if control.port == PORT and control.addresses
    ]
    return next((one for one in offered if one.control.page is not None), next(iter(offered), None))


def look(task: Task, target: Target) -> Generator[Step, Reply, Portal]:
    """Ask the control whether it is itself."""
    where = chosen(task)
    if where is None:
        return Portal.NOT_ASKED
    page = where.control.page
    asked = HttpParameters(port=PORT, path=page.path if page else "/", fetch_bytes=MOST if page and page.begins else 0)
    question = msgspec.structs.replace(
        task, target=msgspec.structs.replace(target, host=where.control.name).saying(asked), address=where.address
    )
    trial, response = yield from fetch(question, Arm.CONTROL, where.control.name)
    if trial.status is None:
        return Portal.NO_ANSWER
    if trial.status == _LOGIN or _leads_away(trial, where.control.name):
        return Portal.CAPTIVE
    return Portal.PLAUSIBLE if page is None else _is_known(page, trial.status, response)


def _leads_away(trial: HttpObservation, name: str) -> bool:
    """Tell whether a redirect leads to another host than the control and its sub-domains."""
    host = redirect_host(trial)
    return bool(host) and not (host == name or host.endswith(f".{name}"))


def _is_known(page: KnownPage, status: int, response: bytes) -> Portal:
    """Return whether a response is the known page; a control that says it is in trouble itself is no portal."""
    if status >= 500 or status == 429:
        return Portal.NO_ANSWER
    same = _OF_PART.get(status, status) == page.status and _begins(page.begins, response)
    return Portal.CLEAN if same else Portal.CAPTIVE


def _begins(text: str, response: bytes) -> bool:
    """Tell whether a response's body begins with a text, behind white space."""
    if not text:
        return True
    try:
        head = read_head(response)
        body = b"" if head is None else read_body(head, response, MOST).data
    except Malformed:
        return False
    return body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").startswith(text)
