"""What worked goes on working; consent is never guessed; what is missing is said."""

from __future__ import annotations

import msgspec
import pytest

from balise_agent.provisioning.card.findings import CardProblem, Severity
from balise_agent.provisioning.card.merge import Merged, digest, merge
from balise_agent.provisioning.card.reading import CardReading, read
from balise_wire import card, card_token
from balise_wire.card import CardSettings, Wifi


def test_an_unreadable_file_changes_nothing(good: CardSettings) -> None:
    """The last good settings stay in force, and the status says so."""
    for data in (b"", b"\0" * 99, b"hello"):
        merged = merge(read(data), good, enrolled=True)
        assert merged.settings == good
        assert merged.consented
        assert merged.complete
        assert any(one.problem is CardProblem.LAST_GOOD for one in merged.findings)


def test_a_spoilt_value_keeps_its_last_good_one(good: CardSettings) -> None:
    """One mistyped value costs that change and nothing else."""
    text = card.render(good).replace(good.fingerprint, "123").replace('"cable"', '"dsl 2"')
    merged = merge(read(text.encode()), good, enrolled=True)
    assert merged.settings.fingerprint == good.fingerprint
    assert merged.settings.provider == "dsl 2"
    assert any("fingerprint" in one.what and one.problem is CardProblem.LAST_GOOD for one in merged.findings)


def test_a_value_that_was_taken_out_is_gone(good: CardSettings) -> None:
    """A person who removes a line means it."""
    text = card.render(good).replace('provider = "cable"\r\n', "")
    assert merge(read(text.encode()), good, enrolled=True).settings.provider == ""


@pytest.mark.parametrize("answer", ["false", "maybe", "", '"tru"'])
def test_an_answer_that_is_not_yes_is_no(good: CardSettings, answer: str) -> None:
    """Consent can be taken back with any pen; the old yes is no answer to a new question."""
    text = card.render(good).replace("\r\naccepted = true", f"\r\naccepted = {answer}")
    merged = merge(read(text.encode()), good, enrolled=True)
    assert not merged.consented


def test_an_old_text_is_no_consent(good: CardSettings) -> None:
    """A new text asks again, also where the old one was agreed to."""
    text = card.render(good).replace(f'version = "{card.CONSENT_VERSION}"', 'version = "2019-01"')
    assert not merge(read(text.encode()), good, enrolled=True).consented


def test_what_was_blanked_by_us_is_remembered(good: CardSettings) -> None:
    """The Wi-Fi password lives on in the box; another network's does not."""
    blanked = card.blank(card.render(good))
    assert merge(read(blanked.encode()), good, enrolled=True).settings.wifi == good.wifi
    other = blanked.replace(good.wifi.name, "cafe")
    merged = merge(read(other.encode()), good, enrolled=True)
    assert merged.settings.wifi.password == ""
    assert any(one.problem is CardProblem.MISSING and "password" in one.what for one in merged.findings)


def test_an_enrolled_box_needs_no_token(good: CardSettings) -> None:
    """The token is empty after its use; before, that is what is missing."""
    reading = read(card.blank(card.render(good)).encode())
    assert merge(reading, good, enrolled=True).complete
    fresh = merge(reading, None, enrolled=False)
    assert not fresh.complete
    assert [one.what for one in fresh.findings if one.severity is Severity.WRONG] == [
        "token is empty",
        "the Wi-Fi password is empty",
    ]


def test_a_wiped_token_is_not_used_again(good: CardSettings) -> None:
    """Who wiped the box wants it silent; only a new token changes that."""
    bare = card_token.normalise(good.token)
    merged = merge(read(card.render(good).encode()), None, enrolled=False, wiped=frozenset({digest(bare)}))
    assert merged.settings.token == ""
    assert any(one.problem is CardProblem.TOKEN_WIPED and one.line for one in merged.findings)
    assert merge(read(card.render(good).encode()), None, enrolled=False, wiped=frozenset({"x"})).settings.token == bare


@pytest.mark.parametrize(
    ("wifi", "told"),
    [
        (Wifi(name="house"), "the Wi-Fi password is empty"),
        (Wifi(name="house", open=True), ""),
        (Wifi(password="12345678"), "there is a Wi-Fi password but no Wi-Fi name"),
        (Wifi(name="house", password="12345678", open=True), "open = true with a password"),
        (Wifi(), ""),
    ],
)
def test_wifi_that_cannot_work_is_told(good: CardSettings, wifi: Wifi, told: str) -> None:
    """Before anybody waits for a connection that never comes."""
    settings = msgspec.structs.replace(good, wifi=wifi)
    merged: Merged = merge(read(card.render(settings).encode()), None, enrolled=False)
    assert [one.what for one in merged.findings] == ([told] if told else [])


def test_an_empty_card_is_said_in_full() -> None:
    """A new box without anything: consent and the three values that the operator gives."""
    merged = merge(read(card.render(CardSettings()).encode()), None, enrolled=False)
    wrong = [one.what for one in merged.findings]
    assert wrong == ["enrol is empty", "fingerprint is empty", "token is empty", "nobody has agreed yet"]
    assert all(one.line for one in merged.findings)
    assert not merge(CardReading(None), None, enrolled=False).consented
