"""One experiment, one name in several packages: the parts that each must have are gathered, or the program stops here.

The words are those of ``words.Experiment``. A package of experiments (``balise_wire.experiments``, the agent's, the
collector's) has one module or sub-package a word, named as the word is, and states once which parts it expects in
each. ``gather`` imports them all and checks them; what is missing or of the wrong type anywhere becomes one
``Incomplete`` that names all of it, at import, before anything is measured or judged::

    PLAN: Final = instance("plan:PLAN", Experiment)
    REGISTRY: Final = gather(__package__, (PLAN,)).of(PLAN)

Must not live here: any one experiment, or what is done with the parts.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Generic, TypeVar, cast

from balise_wire.incomplete import Incomplete
from balise_wire.words import Experiment

T = TypeVar("T")
A = TypeVar("A")


class Part(Generic[T]):
    """One thing that a package expects of each of its experiments."""

    __slots__ = ("attribute", "complain", "module", "optional")

    def __init__(self, where: str, complain: Callable[[object], str], *, optional: bool) -> None:
        """Prepare a part; ``instance``, ``subclass`` and ``function`` are the ways to say it.

        Args:
            where: ``module:attribute`` below the experiment's own module, ``:attribute`` for that module itself;
                ``{Name}`` in it stands for the word in capitals of words, e.g. ``:{Name}Observation``.
            complain: says what is wrong with a value; empty where it is right.
            optional: whether an experiment may do without the attribute and its module.
        """
        self.module, _, self.attribute = where.partition(":")
        self.complain = complain
        self.optional = optional


def instance(where: str, kind: type[T], *, optional: bool = False) -> Part[T]:
    """Expect a value of a type; a protocol must be ``runtime_checkable`` and then only its names are checked."""

    def complain(value: object) -> str:
        return "" if isinstance(value, kind) else f"is {type(value).__name__}, not {kind.__name__}"

    return Part(where, complain, optional=optional)


def subclass(where: str, base: type[T], *, optional: bool = False) -> Part[type[T]]:
    """Expect a class derived from ``base``."""

    def complain(value: object) -> str:
        return "" if isinstance(value, type) and issubclass(value, base) else f"is no subclass of {base.__name__}"

    return Part(where, complain, optional=optional)


def function(where: str, like: Callable[..., A], *, optional: bool = False) -> Part[Callable[..., A]]:
    """Expect something to call.

    Args:
        where: as in ``Part``.
        like: any function that returns the same; it is not called, and gives the part its type.
        optional: as in ``Part``.
    """
    del like

    def complain(value: object) -> str:
        return "" if callable(value) else "is nothing to call"

    return Part(where, complain, optional=optional)


class Gathered:
    """The parts of every experiment of a package."""

    def __init__(self, found: Mapping[Experiment, Mapping[Part[Any], object]]) -> None:
        """Hold what ``gather`` found."""
        self._found = found

    def of(self, part: Part[T]) -> Mapping[Experiment, T]:
        """Return one part by its experiment, in the order of the words; those that do without it are left out."""
        return MappingProxyType({word: cast("T", parts[part]) for word, parts in self._found.items() if part in parts})


def module_name(word: Experiment) -> str:
    """Return the name of an experiment's module in every package."""
    return word.value.replace("-", "_")


def class_name(word: Experiment) -> str:
    """Return what its classes begin with: ``dns`` has a ``DnsObservation``."""
    return "".join(piece.capitalize() for piece in module_name(word).split("_"))


def gather(package: str, parts: Iterable[Part[Any]], words: Iterable[Experiment] = Experiment.known()) -> Gathered:
    """Import ``<package>.<word>`` for every word and return the parts that are expected of each.

    Args:
        package: e.g. ``balise_agent.experiments``; its ``__init__`` may be what calls.
        parts: what each has to have.
        words: the experiments; those of ``balise_wire.experiments.MEASURED`` where a plan is needed.

    Raises:
        Incomplete: naming everything that is missing or wrong, over all words.
    """
    expected, missing = tuple(parts), list[str]()
    found: dict[Experiment, dict[Part[Any], object]] = {}
    for word in words:
        home = f"{package}.{module_name(word)}"
        wrong: list[str] = []
        if _module(home, wrong) is not None:
            found[word] = dict(_parts(home, word, expected, wrong))
        if wrong:
            missing.append(f"experiment {word.value}: {', '.join(dict.fromkeys(wrong))}")
    if missing:
        raise Incomplete("; ".join(missing))
    return Gathered(found)


def _parts(
    home: str, word: Experiment, expected: Iterable[Part[Any]], wrong: list[str]
) -> Iterable[tuple[Part[Any], object]]:
    """Yield the parts that are there and right; add to ``wrong`` what is not."""
    for part in expected:
        place = f"{home}.{part.module}" if part.module else home
        attribute = part.attribute.format(Name=class_name(word))
        lost: list[str] = []
        module = _module(place, lost)
        if module is None or not hasattr(module, attribute):
            if not part.optional:
                wrong += lost or [f"{_path(place)} lacks {attribute}"]
            continue
        value = getattr(module, attribute)
        if complaint := part.complain(value):
            wrong.append(f"{attribute} of {_path(place)} {complaint}")
        else:
            yield part, value


def _module(name: str, lost: list[str]) -> ModuleType | None:
    """Import a module; where it or one that it needs of an experiment is not there, add that to ``lost``.

    What is wrong inside of one otherwise is raised as it is.
    """
    experiments = name.partition(".experiments.")[0] + ".experiments"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not _within(error.name, experiments) and not _within(name, error.name or "?"):
            raise
        lost.append(f"{_path(error.name or name)} is missing")
    except ImportError as error:
        if isinstance(error, Incomplete) or not _within(error.name, experiments):
            raise
        lost.append(f"{_path(error.name or name)}: {error.msg}")
    return None


def _within(name: str | None, package: str) -> bool:
    """Tell whether a module is a package or in it."""
    return name is not None and (name == package or name.startswith(f"{package}."))


def _path(module: str) -> str:
    """Return how people call a module: ``wire/experiments/stun.py``, ``agent/experiments/stun/plan.py``."""
    return f"{module.removeprefix('balise_').replace('.', '/')}.py"
