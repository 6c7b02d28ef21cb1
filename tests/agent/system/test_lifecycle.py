"""The five states, as a table: which facts lead to which, and which hindrance is named first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balise_agent.system.lifecycle import LifecycleFacts, hindrance, state
from balise_agent.system.problems import ProblemId, Trouble
from balise_wire.words import Lifecycle

NEW = LifecycleFacts(consent=None, paused=False, assigned=False)
READY = replace(NEW, assigned=True)
NO_CONSENT = Trouble(id=ProblemId.CONSENT_MISSING)


@pytest.mark.parametrize(
    ("facts", "expected", "why"),
    [
        (NEW, Lifecycle.INIT, ProblemId.NO_ASSIGNMENT),
        (READY, Lifecycle.READY, None),
        (replace(READY, paused=True), Lifecycle.SLEEPING, ProblemId.PAUSED),
        (replace(NEW, paused=True), Lifecycle.SLEEPING, ProblemId.PAUSED),
        (replace(READY, halt="for now"), Lifecycle.SLEEPING, ProblemId.HALTED),
        (replace(READY, expired=True), Lifecycle.SLEEPING, ProblemId.ASSIGNMENT_EXPIRED),
        (replace(READY, halt="for now", expired=True), Lifecycle.SLEEPING, ProblemId.HALTED),
        (replace(READY, consent=NO_CONSENT), Lifecycle.SLEEPING, ProblemId.CONSENT_MISSING),
        (replace(READY, consent=NO_CONSENT, paused=True, halt="x"), Lifecycle.SLEEPING, ProblemId.CONSENT_MISSING),
        (replace(READY, paused=True, halt="x"), Lifecycle.SLEEPING, ProblemId.PAUSED),
        (replace(READY, leaving=True), Lifecycle.DISCONNECTED, None),
        (replace(READY, leaving=True, paused=True), Lifecycle.DISCONNECTED, ProblemId.PAUSED),
    ],
)
def test_facts_lead_to_one_state_and_one_reason(
    facts: LifecycleFacts, expected: Lifecycle, why: ProblemId | None
) -> None:
    """Consent first, then the host, then the operator, then the task."""
    found = hindrance(facts)
    assert state(facts) is expected
    assert (found.id if found else None) is why


def test_lost_is_never_decided_by_the_probe_itself() -> None:
    """It is the last will: only the broker says it, of a probe that is gone."""
    words = {
        state(
            replace(READY, consent=consent, paused=paused, assigned=assigned, halt=halt, expired=expired, leaving=bye)
        )
        for consent in (None, NO_CONSENT)
        for paused in (False, True)
        for assigned in (False, True)
        for halt in ("", "x")
        for expired in (False, True)
        for bye in (False, True)
    }
    assert words == set(Lifecycle.known()) - {Lifecycle.LOST}
