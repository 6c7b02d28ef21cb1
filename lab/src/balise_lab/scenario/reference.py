"""The reference of what a timeline can start, as Markdown: docs/scenarios.md holds what `balise-lab kinds` prints.

Pure. Lives here: the tables, made from the registry of boxes. Must not live here: any kind or parameter.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from balise_lab.boxes.engine.kind import Kind, Versions
from balise_lab.boxes.engine.setting import Setting, Value

_IP: Final = {Versions.FOUR: "4", Versions.SIX: "6", Versions.BOTH: "4, 6", Versions.QUESTIONS: ""}


def tables(kinds: Mapping[str, Kind]) -> str:
    """Return both tables: the kinds with what they take, and the parameters."""
    return "\n".join([*_kinds(kinds), "", *_settings(kinds)]) + "\n"


def _kinds(kinds: Mapping[str, Kind]) -> Iterator[str]:
    yield "| kind | what it does | IP | parameters |"
    yield "|---|---|---|---|"
    for word, kind in kinds.items():
        names = " ".join(_named(setting) for setting in kind.settings)
        short = f"; or short: `{word}: ...`" if kind.short else ""
        yield f"| `{word}` | {kind.means} | {_IP[kind.versions]} | {names}{short} |"


def _named(setting: Setting[Any]) -> str:
    return f"`{setting.name}`" + (" (needed)" if setting.required else "")


def _settings(kinds: Mapping[str, Kind]) -> Iterator[str]:
    found: dict[str, list[tuple[str, Setting[Any]]]] = {}
    for word, kind in kinds.items():
        for setting in kind.settings:
            found.setdefault(setting.name, []).append((word, setting))
    yield "| parameter | what it is | written | unless given |"
    yield "|---|---|---|---|"
    for name, uses in sorted(found.items()):
        setting = uses[0][1]
        yield f"| `{name}` | {setting.means} | {setting.how} | {_usual(uses)} |"


def _usual(uses: list[tuple[str, Setting[Any]]]) -> str:
    """What a parameter is unless given; where kinds differ, each with its kinds."""
    if all(setting.required for _, setting in uses):
        return "(needed)"
    by_default: dict[str, list[str]] = {}
    for word, setting in uses:
        by_default.setdefault(_shown(setting.default), []).append(word)
    if len(by_default) == 1:
        return next(iter(by_default))
    most = max(by_default, key=lambda shown: len(by_default[shown]))
    others = (f"{', '.join(f'`{word}`' for word in words)}: {it}" for it, words in by_default.items() if it != most)
    return f"{most}; {'; '.join(others)}"


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "all" if value == () else ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
