"""One record for each kind: what lacks a part is refused by one message that names it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from balise_lab.boxes.engine.registry import KINDS, discover
from balise_wire.incomplete import Incomplete
from balise_wire.mechanisms import Mechanism

WHOLE = """\
from balise_lab.boxes.engine.kind import Kind, Looks
KINDS = (Kind(word="toy.drop", means="toys vanish", looks=Looks.NOTHING, rules=lambda placement: ()),)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Return an empty package of kinds."""
    folder = tmp_path / "toys"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    module = ModuleType("toys")
    module.__path__ = [str(folder)]
    yield module
    for name in [name for name in sys.modules if name.split(".")[0] == "toys"]:
        del sys.modules[name]


def written(package: ModuleType, **files: str) -> ModuleType:
    """Return the package with these files in it."""
    for name, text in files.items():
        (Path(package.__path__[0]) / f"{name}.py").write_text(text)
    return package


def test_a_file_put_there_is_a_kind(package: ModuleType) -> None:
    """A new kind is its own file: nothing else is edited."""
    assert list(discover(written(package, toy=WHOLE))) == ["toy.drop"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"toys\.toy lacks KINDS"),
        (WHOLE.replace('word="toy.drop", ', ""), r"the kind '\(without a word\)' lacks word"),
        (WHOLE.replace('means="toys vanish", ', ""), r"the kind 'toy\.drop' lacks means"),
        (WHOLE.replace("looks=Looks.NOTHING, ", ""), r"lacks looks"),
        (WHOLE.replace(", rules=lambda placement: ()", ""), r"lacks rules"),
        (WHOLE.replace("NOTHING", "NAMES"), r"lacks queued \(which packets reach its program\)"),
        (WHOLE.replace("looks=", "queued=lambda placement: (), looks="), r"lacks decide"),
        (WHOLE.replace("looks=", 'short="size", looks='), r"lacks short"),
        (WHOLE.replace('word="toy.drop", means="toys vanish", looks=Looks.NOTHING, ', ""), "lacks word.*means.*looks"),
    ],
)
def test_a_kind_that_lacks_a_part_is_refused_by_its_name(package: ModuleType, text: str, says: str) -> None:
    """One message names the kind and all that it lacks."""
    with pytest.raises(Incomplete, match=says):
        discover(written(package, toy=text))


def test_a_word_means_one_thing(package: ModuleType) -> None:
    """Two files with one word are a mistake of whoever wrote the second."""
    with pytest.raises(Incomplete, match=r"toys\.twin: the kind 'toy\.drop' is there already"):
        discover(written(package, toy=WHOLE, twin=WHOLE))


def test_a_parameter_means_one_thing(package: ModuleType) -> None:
    """``ports`` of one kind is what it is of all others: people learn it once."""
    setting = "from balise_lab.boxes.engine.setting import Setting, Unit\n" + WHOLE.replace(
        "looks=", 'settings=(Setting("size", Unit.COUNT, 1, "{}"),), looks='
    )
    with pytest.raises(Incomplete, match=r"the parameter 'size' of other\.drop means something else"):
        discover(written(package, a=setting.format("one"), b=setting.format("two").replace("toy.drop", "other.drop")))


def test_every_mechanism_that_is_recognised_can_be_played() -> None:
    """Each word that the wire has for a technique is some box's, but for one.

    It says of a rate only that nothing tells how it is held down.
    """
    played = {kind.mechanism or word for word, kind in KINDS.items()}
    assert set(Mechanism.known()) - played == {Mechanism.RATE_LIMIT}
