"""A YAML file as fields that know their line: what every error of a scenario is built on.

Lives here: reading text into a tree of ``Field`` and collecting problems, so that all are told at once. Scalars stay
the characters of the file: YAML 1.1 would turn ``22:00`` into 1320, ``no`` into false and a date into a date. Must not
live here: what a scenario may contain (load, timeline, expectations) or what a scalar means (scalars).
"""

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import yaml

_T = TypeVar("_T")


LONGEST = 1_000_000
"""Characters of a file; the longest that ships has some thousand."""


class ScenarioError(Exception):
    """The scenario file is wrong; the message lists every problem with file, line and mend."""

    def __init__(self, path: str, problems: Iterable["Problem"]) -> None:
        """Keep the problems for whoever wants them one by one."""
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(problem.told(path) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the file."""

    line: int
    where: str
    """Path of keys, e.g. ``timeline[2].start.kind``."""
    what: str
    mend: str

    def told(self, path: str) -> str:
        """Return the problem as one line for people."""
        where = f"{self.where}: " if self.where else ""
        return f"{path}:{self.line}: {where}{self.what}; {self.mend}"


@dataclass(slots=True)
class Problems:
    """Everything wrong with one file, errors and warnings apart."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


class Field:
    """One node of the file, with its line and the path of keys that leads to it."""

    def __init__(self, node: yaml.Node, where: str, problems: Problems) -> None:
        """Wrap a node of PyYAML's graph."""
        self.node = node
        self.where = where
        self._problems = problems

    @property
    def line(self) -> int:
        """Line of the file, counted from 1."""
        return int(self.node.start_mark.line) + 1

    def wrong(self, what: str, mend: str) -> None:
        """Note an error here."""
        self._problems.errors.append(Problem(self.line, self.where, what, mend))

    def odd(self, what: str, mend: str) -> None:
        """Note a warning here: the scenario runs, and may not do what its author thinks."""
        self._problems.warnings.append(Problem(self.line, self.where, what, mend))

    def scalar(self) -> str | None:
        """Return the characters of a scalar; ``None`` for a mapping or list."""
        return str(self.node.value).strip() if isinstance(self.node, yaml.ScalarNode) else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written: ``key:`` alone, ``~`` or ``null``."""
        return self.node.tag == "tag:yaml.org,2002:null"

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self.node, yaml.MappingNode)

    @property
    def size(self) -> int:
        """How many members a list or entries a mapping has; 1 for anything else."""
        return 1 if isinstance(self.node, yaml.ScalarNode) else len(self.node.value)

    def items(self) -> list["Field"]:
        """Return the members of a list; a single value counts as a list of one; nothing is an empty list."""
        if isinstance(self.node, yaml.SequenceNode):
            return [Field(node, f"{self.where}[{n}]", self._problems) for n, node in enumerate(self.node.value)]
        return [] if self.is_empty else [self]

    def entries(self) -> dict[str, "Field"]:
        """Return the entries of a mapping in the file's order; a key given twice is an error."""
        if not isinstance(self.node, yaml.MappingNode):
            if not self.is_empty:
                self.wrong(f"is {_shape(self.node)}", "write a mapping, key: value")
            return {}
        found: dict[str, Field] = {}
        for key_node, value_node in self.node.value:
            name = str(key_node.value).strip() if isinstance(key_node, yaml.ScalarNode) else ""
            where = f"{self.where}.{name}" if self.where else name
            key = Field(key_node, where, self._problems)
            if not name:
                key.wrong("a key must be a word", "write key: value")
            elif name in found:
                key.wrong(f"is given twice, first in line {found[name].line}", "keep one of them")
            else:
                found[name] = Field(value_node, where, self._problems)
        return found

    def keys(self, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, "Field"]:
        """Return the entries of a mapping whose keys are a closed list; unknown and missing ones are errors."""
        known = tuple(known)
        found = self.entries()
        for name in [name for name in found if name not in known]:
            found.pop(name).wrong("unknown key", did_you_mean(name, known))
        if self.is_mapping:
            for name in required:
                if name not in found:
                    self.wrong(f"{name} is missing", f"add {name}: ...")
        return found

    def read(self, parse: Callable[[str], _T], default: _T) -> _T:
        """Parse a scalar; where that fails, note ``parse``'s ValueError (``what; mend``) and return ``default``."""
        text = self.scalar()
        if text is None:
            self.wrong(f"is {_shape(self.node)}", "write a single value")
            return default
        try:
            return parse(text)
        except ValueError as error:
            what, _, mend = str(error).partition("; ")
            self.wrong(what, mend or "see docs/scenarios.md")
            return default

    def choice(self, words: Iterable[str], default: str = "") -> str:
        """Return a scalar that must be one of ``words``."""
        words = tuple(words)

        def parse(text: str) -> str:
            if text not in words:
                raise ValueError(f"{text!r} is not known; {did_you_mean(text, words)}")
            return text

        return self.read(parse, default)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the mend for an unknown word: the nearest known one, or the list."""
    known = tuple(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    listed = f"known here: {', '.join(known)}" if known else "none is known here"
    return f"did you mean {near[0]}? ({listed})" if near else listed


def _shape(node: yaml.Node) -> str:
    """Name what a node is."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, yaml.SequenceNode) else f"the single value {str(node.value)!r}"


_YAML_MENDS = (
    (
        re.compile(r"undefined alias|expected alphabetic or numeric character|while scanning an alias"),
        'a name that begins with * must stand in quotes: "*.twimg.lab"',
    ),
    (re.compile(r"found character '\\t'"), "indent with spaces, not tabs"),
    (re.compile(r"mapping values are not allowed"), "put a text with a colon in quotes, and check the indentation"),
)


def read_tree(text: str, path: str, problems: Problems) -> Field:
    """Read YAML into fields.

    Raises:
        ScenarioError: not YAML at all, empty, more than one document, or longer or deeper than anybody writes.
    """
    if len(text) > LONGEST:
        what = f"the file has {len(text)} characters; {LONGEST} are the most that is read"
        raise ScenarioError(path, [Problem(1, "", what, "split it into several scenarios")])
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = str(error.problem or error.context or "not YAML")
        told = str(error)
        mend = next((mend for pattern, mend in _YAML_MENDS if pattern.search(told)), "mend the YAML there")
        raise ScenarioError(path, [Problem(mark.line + 1 if mark else 1, "", f"not YAML: {what}", mend)]) from None
    except RecursionError:
        raise ScenarioError(path, [Problem(1, "", "is nested too deep", "write a mapping, key: value")]) from None
    except yaml.YAMLError as error:
        raise ScenarioError(path, [Problem(1, "", f"not YAML: {error}", "save the file as UTF-8 text")]) from None
    if node is None:
        raise ScenarioError(path, [Problem(1, "", "the file is empty", "docs/scenarios.md has a whole example")])
    return Field(node, "", problems)
