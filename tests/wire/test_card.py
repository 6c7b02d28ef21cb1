"""The settings file of a card: readable everywhere, consent inside, silent about the product, and blanked exactly."""

from __future__ import annotations

import hashlib
import re
import tomllib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_wire import card, card_token
from balise_wire.card import CardConsent, CardSettings, Ssh, Wifi
from balise_wire.words import ProbeRole

TOKEN = card_token.make(bytes(range(15)))
FILLED = CardSettings(
    enrol=("https://198.51.100.7:8443", "https://www.example.org:443"),
    fingerprint="ab" * 32,
    token=TOKEN,
    country="PK",
    provider="cable 2",
    wifi=Wifi(name="Zia's house", password='a"b\\c d#e', country="PK"),
    ssh=Ssh(key="ssh-ed25519 AAAA box"),
    consent=CardConsent(version=card.CONSENT_VERSION, accepted=True),
)
CONSENTS = {
    ("2026-11", "en"): "378d82a77d736415cf7522cbac2c8b87b371ae6e7d171029f2161ce9318cfe42",
    ("2026-11", "fr"): "272c2e476c3b9b670b54899b4bc77b1c535f37ed511d0e30b1ae3c980b75088f",
}
"""SHA-256 of each text under its version. A change of meaning needs a new version, so that hosts are asked again."""


@pytest.mark.parametrize("language", card.languages())
@pytest.mark.parametrize(
    "settings", [CardSettings(), FILLED, msgspec.structs.replace(FILLED, role=ProbeRole.REFERENCE)]
)
def test_what_is_rendered_is_read_back(language: str, settings: CardSettings) -> None:
    """The file is plain TOML that says exactly the settings, in every language."""
    table = tomllib.loads(card.render(settings, language))
    if isinstance(table["enrol"], str):
        table["enrol"] = [table["enrol"]] if table["enrol"] else []
    read = msgspec.convert(table, CardSettings)
    assert read == msgspec.structs.replace(settings, consent=read.consent)
    assert read.consent == CardConsent(version=card.CONSENT_VERSION, accepted=settings.consent.accepted)


@pytest.mark.parametrize("language", card.languages())
def test_the_file_fits_notepad_and_names_no_product(language: str) -> None:
    r"""Every line ends in \r\n and is short; who finds the card learns no product name from it."""
    text = card.render(FILLED, language)
    assert text.count("\r\n") == text.count("\n") == text.count("\r")
    assert max(len(line) for line in card.render(CardSettings(), language).splitlines()) <= 80
    assert text.splitlines()[-1].startswith(card.END_MARK)
    assert re.findall(r"(?i)balise|censor|probe|ooni|measure", text) == []


@pytest.mark.parametrize("language", card.languages())
def test_the_consent_stands_in_the_file_word_for_word(language: str) -> None:
    """A host agrees to what they can read there, and the text is the one that its version names."""
    shown = [line.removeprefix("#").removeprefix(" ") for line in card.render(FILLED, language).splitlines()]
    consent = card.consent_text(language)
    assert "\n".join(consent.splitlines()) in "\n".join(shown)
    digest = hashlib.sha256(consent.encode()).hexdigest()
    assert CONSENTS[card.CONSENT_VERSION, language] == digest


def test_a_language_without_words_is_refused_by_name() -> None:
    """No path is made of what a caller says."""
    assert {"en", "fr"} <= set(card.languages())
    for word in ("xx", "../en", ""):
        with pytest.raises(ValueError, match="there are en, fr"):
            card.render(CardSettings(), word)


def test_blanking_takes_the_secrets_and_nothing_else() -> None:
    """Token and Wi-Fi password are gone; every other line is byte for byte what it was; twice is once."""
    text = card.render(FILLED)
    blanked = card.blank(text)
    assert TOKEN not in blanked
    assert FILLED.wifi.password not in blanked
    changed = [(a, b) for a, b in zip(text.splitlines(True), blanked.splitlines(True), strict=True) if a != b]
    assert [b for _, b in changed] == ['token = ""\r\n', 'password = ""\r\n']
    assert card.blank(blanked) == blanked
    assert tomllib.loads(blanked)["wifi"] == {**tomllib.loads(text)["wifi"], "password": ""}


@pytest.mark.parametrize(
    ("line", "blanked"),
    [
        ('token = "abc"  # from Ana', 'token = ""  # from Ana'),
        ("token: abc def", 'token: ""'),
        ('TOKEN = "abc', 'TOKEN = ""'),
        ("\ttoken=\u201cabc\u201d", '\ttoken=""'),
        ('# password = "old one"', '# password = ""'),
        ('wifi.password = "a" "b"', 'wifi.password = ""'),
        ("'Password' = 'it''s'", "'Password' = \"\""),
        ("psk=12345678", 'psk=""'),
        ("\ufefftoken = 'abc'", '\ufefftoken = ""'),
        ("# The token comes from the operator.", "# The token comes from the operator."),
        ("token =", "token ="),
        ('provider = "token = 5"', 'provider = "token = 5"'),
    ],
)
def test_a_mangled_secret_is_blanked_too(line: str, blanked: str) -> None:
    """What cannot be read may be the secret; what plainly is none stays."""
    assert card.blank(f"a\r{line}\nb\r\n") == f"a\r{blanked}\nb\r\n"


def test_a_secret_in_another_place_is_taken_out() -> None:
    """Somebody put the password into the wrong line."""
    assert card.blank('provider = "correct horse"\n', ["correct horse"]) == 'provider = ""\n'


@given(st.text(), st.text())
def test_blanking_never_raises(text: str, secret: str) -> None:
    """Whatever was found on the card."""
    card.blank(f"{text}\ntoken = {secret}", [secret])


@given(st.text())
def test_any_text_can_be_quoted(text: str) -> None:
    """TOML reads back what was written."""
    assert tomllib.loads(f"x = {card.quoted(text)}")["x"] == text


@pytest.mark.slow
@given(
    st.binary(min_size=15, max_size=15), st.integers(0, 24), st.integers(0, 24), st.sampled_from(card_token.ALPHABET)
)
def test_a_mistyped_token_is_noticed(chance: bytes, place: int, other: int, wrong: str) -> None:
    """Every wrong character and every swap of two is found on the device, before anybody is asked."""
    token = card_token.make(chance)
    bare = card_token.normalise(token)
    assert card_token.fault(token) == ""
    assert card_token.normalise(token.lower().replace("0", "o").replace("1", "l").replace("-", " ")) == bare
    letters = list(bare)
    letters[place] = wrong
    assert bool(card_token.fault("".join(letters))) == (wrong != bare[place])
    letters = list(bare)
    letters[place], letters[other] = letters[other], letters[place]
    assert bool(card_token.fault("".join(letters))) == (bare[place] != bare[other])


@pytest.mark.parametrize(
    ("text", "told"), [("", "0 characters"), ("ABC", "3 characters"), (TOKEN + "U", "U"), ("é" * 25, "É")]
)
def test_what_is_wrong_with_a_token_is_said(text: str, told: str) -> None:
    """In words for the person who typed it."""
    assert told in card_token.fault(text)
