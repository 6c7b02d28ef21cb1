"""YAML as fields that know their line."""

import pytest

from balise_lab.scenario.load import parse
from balise_lab.scenario.source import ScenarioError
from tests.lab.scenario.examples import errors


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "the file is empty"),
        ("- a\n", 1, "begin with name"),
        ("name: x\nmatch: [*.twimg.lab]\n", 2, "must stand in quotes"),
        ("name: x\n\tsummary: y\n", 2, "spaces, not tabs"),
        ("name: x\nname: y\n", 2, "given twice"),
    ],
)
def test_what_is_no_scenario_at_all_is_said_plainly(text: str, line: int, said: str) -> None:
    """Errors of YAML itself come with a line and a mend too."""
    assert any(one.startswith(f"bad.yaml:{line}: ") and said in one for one in errors(text))


def test_aliases_make_no_more_of_it() -> None:
    """YAML repeats what is written once: each repetition counts."""
    text = "name: x\ncountry: {code: PK, tz: UTC, starts: 2020-05-17T21:30}\nservices: {x: x.lab}\nisps:\n"
    text += "  a0: &p {probes: 200}\n" + "".join(f"  a{n}: *p\n" for n in range(1, 60))
    with pytest.raises(ScenarioError, match="12000 probes in all"):
        parse(text)


@pytest.mark.slow
def test_a_file_that_nobody_wrote_is_refused_at_once() -> None:
    """By its length, and by its depth."""
    with pytest.raises(ScenarioError, match="characters; 1000000 are the most"):
        parse("#" * 1_000_001)
    with pytest.raises(ScenarioError, match=r"nested too deep|not YAML"):
        parse("x: " + "[" * 20_000)
