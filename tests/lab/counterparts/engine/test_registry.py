"""One record for each counterpart: what lacks a part is refused by one message that names it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from balise_lab.counterparts.engine.registry import COUNTERPARTS, USUAL, discover, said
from balise_wire.experiments import OF_TARGETS, PARAMETERS, REGISTRY
from balise_wire.incomplete import Incomplete
from balise_wire.words import Experiment

WHOLE = """\
from balise_lab.counterparts.engine.counterpart import Counterpart
from balise_wire.words import Experiment
COUNTERPART = Counterpart(
    name="toy", means="a toy", experiments=(Experiment.DNS,), servers=lambda topology: ()
)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Return an empty package of counterparts."""
    folder = tmp_path / "servers"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    module = ModuleType("servers")
    module.__path__ = [str(folder)]
    yield module
    for name in [name for name in sys.modules if name.split(".")[0] == "servers"]:
        del sys.modules[name]


def written(package: ModuleType, **files: str) -> ModuleType:
    """Return the package with these files in it."""
    for name, text in files.items():
        (Path(package.__path__[0]) / f"{name}.py").write_text(text)
    return package


def test_a_file_put_there_is_a_counterpart(package: ModuleType) -> None:
    """A new experiment brings its server as one file: nothing else is edited."""
    assert list(discover(written(package, toy=WHOLE), [Experiment.DNS])) == ["toy"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"servers\.toy lacks COUNTERPART"),
        (WHOLE.replace('name="toy", ', ""), r"the counterpart '\(without a name\)' lacks name"),
        (WHOLE.replace('means="a toy", ', ""), "the counterpart 'toy' lacks means"),
        (WHOLE.replace("experiments=(Experiment.DNS,), ", ""), "lacks experiments"),
        (WHOLE.replace(", servers=lambda topology: ()", ""), "lacks servers"),
    ],
)
def test_a_counterpart_that_lacks_a_part_is_refused_by_its_name(package: ModuleType, text: str, says: str) -> None:
    """One message names the counterpart and all that it lacks."""
    with pytest.raises(Incomplete, match=says):
        discover(written(package, toy=text), [])


def test_an_experiment_that_nobody_answers_is_refused_by_its_word(package: ModuleType) -> None:
    """A scenario could not play it: every trial would fail, and look like interference."""
    with pytest.raises(Incomplete, match="no file answers the experiments tls"):
        discover(written(package, toy=WHOLE), [Experiment.DNS, Experiment.TLS])


def test_what_says_nothing_of_a_service_is_asked_of_no_target_unless_a_scenario_says_so() -> None:
    """A catalogue that asks it of some of a service's targets and not of all is refused: pk-2020 would not start."""
    assert set(USUAL)
    assert all(REGISTRY[word].of_service for word in USUAL)


def test_every_experiment_of_targets_finds_an_answer_and_has_its_parameters() -> None:
    """The lab asks the wire's table of experiments, and knows none by itself."""
    assert {word for one in COUNTERPARTS.values() for word in one.experiments} >= set(OF_TARGETS) >= set(USUAL)
    assert {word: type(record) for word, record in said(443).items()} == {word: PARAMETERS[word] for word in OF_TARGETS}
