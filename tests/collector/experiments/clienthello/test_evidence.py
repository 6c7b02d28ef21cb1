"""What people see of one trial of clienthello."""

from __future__ import annotations

import pytest

from balise_collector.experiments.clienthello.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from balise_wire.experiments.clienthello import HelloForm
from tests.collector.experiments.clienthello.trials import hello


@pytest.mark.parametrize("form", [one for one in HelloForm if one is not HelloForm.PLAIN])
def test_each_form_has_words(form: HelloForm) -> None:
    """Which name went where, in which form, and what came back."""
    plain, _ = EVIDENCE.told(hello(HelloForm.PLAIN), gettext_noop)
    asked, came = EVIDENCE.told(hello(form), gettext_noop)
    assert "twitter.com" in asked
    assert (asked == plain) is (form is HelloForm.NAMELESS)
    assert came == "server hello, 7 bytes"


def test_a_hello_without_a_name_says_so() -> None:
    """It shows nobody's."""
    asked, _ = EVIDENCE.told(hello(HelloForm.NAMELESS, sni=None), gettext_noop)
    assert asked == "hello without a name to 104.244.42.1 port 443"
