"""A forgotten part stops the program with one message that names it; nothing is left out in silence."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pytest

from balise_wire.experiments.registry import (
    Part,
    class_name,
    function,
    gather,
    instance,
    module_name,
    subclass,
)
from balise_wire.incomplete import Incomplete
from balise_wire.words import Experiment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = (Experiment.DNS, Experiment.TCP)


class Base:
    """What a part is derived from."""


@runtime_checkable
class Plan(Protocol):
    """What a part looks like."""

    def sentinel(self) -> int:
        """Return anything."""
        ...


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a package of experiments that is still empty."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "balise_toys" / "experiments"
    folder.mkdir(parents=True)
    for one in (folder, folder.parent):
        (one / "__init__.py").write_text("")
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "balise_toys"]:
        del sys.modules[name]


def _gathered(*parts: Part[Any]) -> str:
    with pytest.raises(Incomplete) as caught:
        gather("balise_toys.experiments", parts, WORDS)
    return str(caught.value)


def test_every_part_is_found(package: Path) -> None:
    """Whole experiments are gathered in the order of the words, each part with its own value."""
    for number, word in enumerate(WORDS):
        (package / word.value).mkdir()
        (package / word.value / "__init__.py").write_text(f"TRAITS = {number}\n")
        (package / word.value / "plan.py").write_text(f"class {class_name(word)}Error(KeyError): ...\n")
    traits, error = instance(":TRAITS", int), subclass("plan:{Name}Error", LookupError)
    found = gather("balise_toys.experiments", (traits, error), WORDS)
    assert list(found.of(traits).items()) == [(Experiment.DNS, 0), (Experiment.TCP, 1)]
    assert [kind.__name__ for kind in found.of(error).values()] == ["DnsError", "TcpError"]


def test_all_that_is_missing_is_named_at_once(package: Path) -> None:
    """One message has every word, every module and every part, so that one run of the program finds all of it."""
    (package / "tcp").mkdir()
    (package / "tcp" / "__init__.py").write_text("TRAITS = 'none'\nLOOSE = 1\nWRONG = 1\n")
    told = _gathered(
        instance(":TRAITS", int),
        instance("plan:PLAN", Plan),
        instance(":PLAN", Plan),
        function(":LOOSE", len),
        subclass(":WRONG", Base),
    )
    assert told == (
        "experiment dns: toys/experiments/dns.py is missing; "
        "experiment tcp: TRAITS of toys/experiments/tcp.py is str, not int, toys/experiments/tcp/plan.py is missing, "
        "toys/experiments/tcp.py lacks PLAN, LOOSE of toys/experiments/tcp.py is nothing to call, "
        "WRONG of toys/experiments/tcp.py is no subclass of Base"
    )


def test_what_an_experiment_may_do_without_is_left_out(package: Path) -> None:
    """An optional part is absent from its own mapping only; where it is there it must be right."""
    (package / "dns.py").write_text("NOTE = 'x'\n")
    (package / "tcp.py").write_text("")
    note, points = instance(":NOTE", str, optional=True), instance("points:POINTS", str, optional=True)
    found = gather("balise_toys.experiments", (note, points), WORDS)
    assert (dict(found.of(note)), dict(found.of(points))) == ({Experiment.DNS: "x"}, {})
    (package / "tcp.py").write_text("NOTE = 1\n")
    del sys.modules["balise_toys.experiments.tcp"]
    assert "NOTE of toys/experiments/tcp.py is int, not str" in _gathered(note)


def test_what_is_wrong_inside_a_module_is_not_taken_for_a_missing_one(package: Path) -> None:
    """A module that imports what is not there says so itself: the message would name the wrong file otherwise."""
    (package / "dns.py").write_text("import balise_toys.nowhere\n")
    with pytest.raises(ModuleNotFoundError, match=r"balise_toys\.nowhere"):
        gather("balise_toys.experiments", (), WORDS)


def test_a_word_with_a_hyphen_has_a_module() -> None:
    """Python's names have no hyphens; the words of the wire may."""
    assert {module_name(word).isidentifier() for word in Experiment.known()} == {True}
    assert class_name(Experiment.DNS) == "Dns"
