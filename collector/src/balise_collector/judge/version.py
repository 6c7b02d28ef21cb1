"""The version of the rules: a digest of the code they are compiled from, so that no rule can change without it.

Lives here: which modules decide, and the form of their code that is digested. A verdict that another condition,
constant or table would have given bears another version. Comments, docstrings, layout and the place of the installation
change nothing, nor does the Python that runs it (the syntax tree of 3.11 to 3.13, less what they write differently).
The price of certainty is that a mere renaming is a new version too. Must not live here: a rule.
"""

import ast
import hashlib
import importlib.util
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec, PathFinder
from typing import Final

_OURS: Final = __package__.partition(".")[0]
"""What is imported from here decides with the rules."""
_TABLES: Final = frozenset({"balise_wire.addresses", "balise_wire.bins"})
"""What decides of wire; the rest of it is words and structures, and no condition."""
_EXPERIMENTS: Final = f"{_OURS}.experiments"
_PARTS: Final = ("facts", "rules", "references")
"""The modules of an experiment that decide; how it is shown and exported is no part of the rules."""
_JUDGEMENT: Final = f"{_OURS}.conclude.judgement"
_UNSTABLE: Final = frozenset({"type_comment", "type_ignores", "kind"})
"""Fields of the tree that no condition depends on."""
_LETTERS: Final = 12


def version() -> str:
    """Return the version of the rules that are installed: 12 hexadecimal digits."""
    return digest(deciding())


def deciding() -> dict[str, ast.Module]:
    """Return the modules whose code decides, as syntax trees: the judge's, every experiment's, and their imports."""
    waiting = {__package__, *_modules_of(__package__), _JUDGEMENT}
    parts = [f"{home}.{part}" for home in _modules_of(_EXPERIMENTS) for part in _PARTS]
    waiting.update(name for name in parts if _is_module(name))
    found: dict[str, ast.Module] = {}
    while waiting:
        name = waiting.pop()
        found[name] = ast.parse(source(name))
        waiting |= {other for other in _imported(found[name]) if other not in found}
    return found


def _modules_of(package: str) -> list[str]:
    """Return the modules and packages that lie directly in a package, without importing any."""
    return [f"{package}.{each.name}" for each in pkgutil.iter_modules(_folders_of(package))]


def _folders_of(package: str) -> list[str]:
    spec = _spec(package)
    return list(spec.submodule_search_locations or ()) if spec is not None else []


@cache
def _spec(name: str) -> ModuleSpec | None:
    """Return where a module lies; unlike ``importlib.util.find_spec`` without importing what it lies in."""
    package = name.rpartition(".")[0]
    return PathFinder.find_spec(name, _folders_of(package)) if package else importlib.util.find_spec(name)


def source(name: str) -> str:
    """Return a module's source.

    Raises:
        LookupError: it is installed without; the rules could then not say which they are.
    """
    spec = _spec(name)
    loader = spec.loader if spec is not None else None
    text = loader.get_source(name) if isinstance(loader, InspectLoader) else None
    if text is None:
        raise LookupError(f"{name}: no source is installed; the version of the rules is made from it")
    return text


def digest(modules: Mapping[str, ast.Module]) -> str:
    """Return the version that modules, given as name and syntax tree, make."""
    whole = hashlib.sha256()
    for name in sorted(modules):
        whole.update(f"{name}\n{canonical(modules[name])}\n".encode())
    return whole.hexdigest()[:_LETTERS]


def canonical(tree: ast.AST) -> str:
    """Return a syntax tree as text that is equal wherever the code is the same but for words and layout."""
    parts: list[str] = []
    _write(tree, parts)
    return "".join(parts)


def _write(node: object, parts: list[str]) -> None:
    """Write a node; what is absent or empty is left out, for Pythons differ in which of that they name."""
    if isinstance(node, ast.AST):
        parts.append(f"{type(node).__name__}(")
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "body" and isinstance(value, list):
                value = [each for each in value if not _is_words(each)]
            elif name == "values" and isinstance(node, ast.JoinedStr):
                value = _joined(node.values)
            # `None` as a constant is a value like any other.
            told = isinstance(node, ast.Constant) and name == "value"
            if told or (value is not None and value != [] and name not in _UNSTABLE):
                parts.append(f"{name}=")
                _write(value, parts)
        parts.append(")")
    elif isinstance(node, list):
        parts.append("[")
        for each in node:
            _write(each, parts)
        parts.append("]")
    else:
        parts.append(f"{node!r},")


def _is_words(statement: ast.stmt) -> bool:
    """Tell whether a statement is nothing but a text: the docstring of a module, class, function or constant."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _joined(values: Iterable[ast.expr]) -> list[ast.expr]:
    """Return the parts of an f-string with neighbouring texts joined and empty ones gone (3.13 prunes them itself)."""
    found: list[ast.expr] = []
    for each in values:
        last = found[-1] if found else None
        if isinstance(each, ast.Constant) and isinstance(last, ast.Constant):
            found[-1] = ast.Constant(f"{last.value!s}{each.value!s}")
        elif not (isinstance(each, ast.Constant) and each.value == ""):
            found.append(each)
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    """Return what a module imports of the collector when it runs; what only types need is not among it."""
    for node in _run(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name for name in names if name in _TABLES or (name.startswith(f"{_OURS}.") and _is_module(name)))


def _run(node: ast.AST) -> Iterator[ast.stmt]:
    """Walk the statements of a module without the blocks ``if TYPE_CHECKING:``."""
    for name in ("body", "orelse", "handlers", "finalbody"):
        for child in getattr(node, name, ()) if isinstance(getattr(node, name, None), list) else ():
            if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.stmt):
                yield child
            yield from _run(child)


def _is_module(name: str) -> bool:
    return _spec(name) is not None
