"""From a YAML file to situations; whatever is wrong is told at once, each with file, line and mend.

Lives here: defaults of a file, the variants of a ``for:`` table, times and short forms. Must not live here: what a
situation means (situation.py), or what the network does with an effect (network/).
"""

import copy
import re
import types
import typing
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, Union
from zoneinfo import ZoneInfo

import msgspec
import yaml

from balise_collector.words.countries import zone_of
from balise_lab.field import situation as schema
from balise_lab.scenario.source import Field, Problem, Problems, ScenarioError, did_you_mean, read_tree

SituationError = ScenarioError
_VARIABLE: Final = re.compile(r"\$([a-z]\w*)")
_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)?")
_CLOCK: Final = re.compile(r"(?:(\d+)d\s*)?(\d{1,2}):(\d{2})")
_UNITS: Final = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, None: 60.0}
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_SHORT: Final = re.compile(r"([A-Z]{2})\s+(?:AS)?(\d+)(?:\s+x(\d+))?(?:\s+(standard|lean|metered))?")
_MERGE: Final = "tag:yaml.org,2002:merge"
_DOCUMENT: Final = "docs/field.md says what may stand here"


def load(path: Path) -> list[schema.Situation]:
    """Read one file.

    Raises:
        SituationError: with every problem of it.
    """
    problems = Problems()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SituationError(str(path), [Problem(1, "", f"cannot be read: {error}", "name a YAML file")]) from None
    tree = read_tree(text, str(path), problems)
    found = [*_situations(tree, problems)]
    seen: set[str] = set()
    for one, place in found:
        if one.id in seen:
            place.wrong(f"id {one.id!r} is there twice", "give each situation, and each variant, an id of its own")
        seen.add(one.id)
    if problems.errors:
        raise SituationError(str(path), problems.errors)
    return [one for one, _ in found]


def files_of(paths: list[Path]) -> list[Path]:
    """Return the YAML files that paths name; of a folder, those in it."""
    found: list[Path] = []
    for path in paths:
        found += sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")]) if path.is_dir() else [path]
    return found


def _situations(tree: Field, problems: Problems) -> Iterator[tuple[schema.Situation, Field]]:
    if tree.is_mapping and "situations" in tree.entries():
        top = tree.keys(("defaults", "situations"), ("situations",))
        defaults = top.get("defaults")
        listed = top["situations"].items()
    else:
        defaults, listed = None, tree.items()
    for each in listed:
        merged = _merged(each.node, None if defaults is None else defaults.node)
        for node in _variants(merged, Field(merged, each.where, problems), problems):
            field = Field(node, each.where, problems)
            one = _situation(field)
            if one is not None:
                yield one, field


def _merged(node: yaml.Node, below: yaml.Node | None) -> yaml.Node:
    """Return a mapping with the keys of ``below`` that it has not, and with YAML's own merge keys carried out."""
    if not isinstance(node, yaml.MappingNode):
        return node
    entries: list[tuple[yaml.Node, yaml.Node]] = []
    taken: set[str] = set()
    later: list[yaml.Node] = [below] if below is not None else []
    for key, value in node.value:
        if key.tag == _MERGE:
            later[:0] = value.value if isinstance(value, yaml.SequenceNode) else [value]
        else:
            entries.append((key, value))
            taken.add(str(key.value))
    for other in later:
        for key, value in getattr(other, "value", ()):
            if str(key.value) not in taken:
                taken.add(str(key.value))
                entries.append((key, value))
    return yaml.MappingNode(node.tag, entries, node.start_mark, node.end_mark)


def _variants(node: yaml.Node, field: Field, problems: Problems) -> Iterator[yaml.Node]:
    """Yield the situation once for each row of its ``for:`` table, with ``$key`` filled in."""
    if not isinstance(node, yaml.MappingNode):
        yield node
        return
    table = next((value for key, value in node.value if key.value == "for"), None)
    if table is None:
        yield _filled(node, {}, field)
        return
    rest = yaml.MappingNode(
        node.tag, [pair for pair in node.value if pair[0].value != "for"], node.start_mark, node.end_mark
    )
    for row in Field(table, f"{field.where}.for", problems).items():
        values = {name: value.node for name, value in row.entries().items()}
        yield _filled(rest, values, field)


def _filled(node: yaml.Node, values: dict[str, yaml.Node], field: Field) -> Any:
    """Return a node with every ``$key`` in its texts replaced; one that is a text of its own may become anything."""
    if isinstance(node, yaml.ScalarNode):
        whole = _VARIABLE.fullmatch(str(node.value))
        if whole and whole[1] in values:
            return values[whole[1]]

        def text(match: re.Match[str]) -> str:
            if match[1] in values and isinstance(values[match[1]], yaml.ScalarNode):
                return str(values[match[1]].value)
            Field(node, field.where, field._problems).wrong(  # noqa: SLF001 - the same file's
                f"{match[0]} is not in the table of for:", did_you_mean(match[1], values)
            )
            return ""

        filled = copy.copy(node)
        filled.value = _VARIABLE.sub(text, str(node.value))
        return filled
    if isinstance(node, yaml.SequenceNode):
        return yaml.SequenceNode(
            node.tag, [_filled(one, values, field) for one in node.value], node.start_mark, node.end_mark
        )
    merged = _merged(node, None)
    return yaml.MappingNode(
        node.tag,
        [(key, _filled(value, values, field)) for key, value in merged.value],
        node.start_mark,
        node.end_mark,
    )


# ---------------------------------------------------------------- one situation


def _situation(field: Field) -> schema.Situation | None:
    entries = field.entries()
    start = _start(entries.get("start"))
    zone = _zone(entries, start)
    made = _Reader(start, zone).record(field, schema.Situation)
    if not isinstance(made, schema.Situation):
        return None
    if not _ID.fullmatch(made.id):
        field.wrong(f"id {made.id!r} is none", "write a-z, 0-9, - and . only, at most 80")
    return made


def _start(field: Field | None) -> datetime:
    default = datetime.fromisoformat(schema.Situation.__struct_defaults__[1])
    if field is None:
        return default

    def parse(text: str) -> datetime:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is no time; write 2026-11-10T06:00:00Z") from None
        if at.tzinfo is None:
            raise ValueError(f"{text!r} has no zone; write it in UTC, with a Z at its end")
        return at

    return field.read(parse, default)


def _zone(entries: dict[str, Field], _start: datetime) -> ZoneInfo:
    if "zone" in entries:

        def parse(text: str) -> ZoneInfo:
            try:
                return ZoneInfo(text)
            except (KeyError, ValueError, OSError):
                raise ValueError(f"{text!r} is no zone; write one of IANA's, such as Asia/Karachi") from None

        return entries["zone"].read(parse, ZoneInfo("UTC"))
    for probe in entries["probes"].items() if "probes" in entries else ():
        text = probe.scalar() or next((v.scalar() or "" for k, v in probe.entries().items() if k == "country"), "")
        return zone_of(text[:2])
    return ZoneInfo("UTC")


class _Reader:
    """Reads records by their types."""

    def __init__(self, start: datetime, zone: ZoneInfo) -> None:
        self._start = start
        self._zone = zone

    def record(self, field: Field, kind: type[Any]) -> Any:
        """Return a record of a mapping, or of a short form; ``None`` where something of it is wrong."""
        if kind is schema.Probes and field.scalar() is not None:
            return field.read(_short, None)
        if kind is schema.When and field.scalar() is not None:
            return schema.When(contains=self.value(field, schema.Seconds))
        hints = typing.get_type_hints(kind, include_extras=True)
        known = {_spelt(name): name for name in kind.__struct_fields__ if name != "extra"}
        entries = field.entries()
        given: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        right = field.is_mapping
        if not right and not field.is_empty:
            return None
        for key, value in entries.items():
            name = known.get(key)
            if name is None and "extra" in kind.__struct_fields__:
                extra[key] = _plain(value)
            elif name is None:
                value.wrong("unknown key", did_you_mean(key, known))
                right = False
            else:
                given[name] = self.value(value, hints[name])
                right = right and given[name] is not _WRONG
        for name, default in _required(kind):
            if default is msgspec.NODEFAULT and name not in given:
                field.wrong(f"{_spelt(name)} is missing", f"add {_spelt(name)}: ...")
                right = False
        if not right:
            return _WRONG
        if extra:
            given["extra"] = extra
        return kind(**given)

    def value(self, field: Field, hint: Any) -> Any:
        """Return one value of a type; an error is noted, and ``_WRONG`` stands for it."""
        meta: msgspec.Meta | None = None
        if typing.get_origin(hint) is typing.Annotated:
            hint, meta = typing.get_args(hint)[:2]
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in {Union, types.UnionType}:
            if field.is_empty:
                return None
            return self.value(field, next(one for one in arguments if one is not type(None)))
        if origin is tuple:
            items = [self.value(one, arguments[0]) for one in field.items()]
            return _WRONG if any(one is _WRONG for one in items) else tuple(items)
        if origin is dict:
            if arguments[1] is Any or typing.get_origin(arguments[1]) is dict:
                plain = _plain(field)
                return plain if isinstance(plain, dict) else _noted(field, "is no mapping", "write key: value")
            table = {name: self.value(one, arguments[1]) for name, one in field.entries().items()}
            return _WRONG if any(one is _WRONG for one in table.values()) else table
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            made = self.record(field, hint)
            return _WRONG if made is None else made
        return self._scalar(field, hint, meta)

    def _scalar(self, field: Field, hint: Any, meta: msgspec.Meta | None) -> Any:
        if typing.get_origin(hint) is Literal:
            word = field.choice(typing.get_args(hint), "\0")
            return _WRONG if word == "\0" else word
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            word = field.choice([one.value for one in hint], "\0")
            return _WRONG if word == "\0" else hint(word)
        title = "" if meta is None else meta.title
        if title in {"time", "length"}:
            parser: Callable[[str], Any] = self._time if title == "time" else length
            return field.read(parser, _WRONG)

        def parse(text: str) -> Any:
            typed = msgspec.convert(_number(text) if hint in {int, float, bool} else text, hint, strict=True)
            if meta is not None:
                msgspec.convert(typed, typing.Annotated[hint, meta])
            return typed

        def told(text: str) -> Any:
            try:
                return parse(text)
            except msgspec.ValidationError as error:
                raise ValueError(f"{text!r}: {error}; {_DOCUMENT}") from None

        return field.read(told, _WRONG)

    def _time(self, text: str) -> float:
        """Return seconds from the start of minutes, a length with its unit, or a time of day."""
        clock = _CLOCK.fullmatch(text)
        if clock is None:
            return length(text)
        local = self._start.astimezone(self._zone)
        at = local.replace(hour=int(clock[2]) % 24, minute=int(clock[3]) % 60, second=0, microsecond=0)
        days = int(clock[1]) if clock[1] else 0
        if at < local and not days:
            at += timedelta(days=1)
        # The wall clock's own arithmetic, so that 03:00 stays 03:00 over a change of the zone's hour.
        moved = (at.replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=self._zone)
        return moved.timestamp() - self._start.timestamp()


class _Wrong:
    """Stands for a value that could not be read."""


_WRONG: Final = _Wrong()


def _noted(field: Field, what: str, mend: str) -> Any:
    field.wrong(what, mend)
    return _WRONG


def length(text: str) -> float:
    """Return seconds of ``90`` (minutes), ``90 s``, ``2 h`` or ``3 d``."""
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no time; write minutes from the start, 90 s, 2 h, 3 d, 22:15 or 1d 03:00")
    return float(match[1]) * _UNITS[match[2]]


def _short(text: str) -> schema.Probes:
    match = _SHORT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no probe; write country, AS number, count, profile: PK 64501 x3 lean")
    return msgspec.convert(
        {
            "country": match[1],
            "provider": int(match[2]),
            "count": int(match[3] or 1),
            "profile": match[4] or "standard",
        },
        schema.Probes,
    )


def _required(kind: type[Any]) -> list[tuple[str, Any]]:
    return [(one.name, one.default if one.default is not msgspec.NODEFAULT else one.default_factory)
            for one in msgspec.structs.fields(kind)]  # fmt: skip


def _spelt(name: str) -> str:
    """Return how a key is written: ``from`` and ``to`` of an event, which Python cannot name so."""
    return {"at": "from", "until": "to"}.get(name, name)


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), text)


def _plain(field: Field) -> Any:
    """Return what a file says, as plain values: for records that somebody else reads."""
    if field.is_list:
        return [_plain(one) for one in field.items()]
    if field.is_mapping:
        return {name: _plain(one) for name, one in field.entries().items()}
    node = field.node
    if isinstance(node, yaml.ScalarNode) and node.style in {"'", '"'}:
        return node.value
    return None if field.is_empty else _number(field.scalar() or "")
