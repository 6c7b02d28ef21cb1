"""TOML read strictly: a file either is what its shape says, or the error names the file, the key and the mend.

Lives here: reading, unknown keys with the nearest known one, and msgspec's complaints in an operator's words. Must not
live here: any particular shape (config.py and catalogue.py have theirs).
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec

from balise_collector.system.errors import ConfigError
from balise_wire.word import complaint

_BYTES_MOST: Final = 1024 * 1024
Shape = TypeVar("Shape", bound=msgspec.Struct)


def read_table(path: Path, *, example: str) -> dict[str, Any]:
    """Return the file's table; ``example`` names the file to copy from (ConfigError)."""
    try:
        if (size := path.stat().st_size) > _BYTES_MOST:
            raise ConfigError(f"{path}: {size} bytes; {_BYTES_MOST} are the most that is read")
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; copy {example} there, or name another with --config") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; make it readable for the user that runs the collector") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not TOML: {error}; see {example}") from None


def shape_table(table: dict[str, Any], shape: type[Shape], name: str, *, example: str) -> Shape:
    """Turn a table into ``shape``; ``name`` is the file's name for the errors (ConfigError)."""
    _refuse_unknown(table, shape, "", name)
    try:
        made = msgspec.convert(table, shape)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        place = where.rstrip("`") or "the file"
        raise ConfigError(f"{name}: {place}: {_plain(what)}; see {example}") from None
    if wrong := complaint(table, made):
        raise ConfigError(f"{name}: {wrong}; see {example}")
    return made


def _plain(message: str) -> str:
    """Turn msgspec's sentence into one for a person who reads TOML."""
    for ours, theirs in (
        ("text", "`str`"),
        ("a whole number", "`int`"),
        ("a number", "`float`"),
        ("true or false", "`bool`"),
        ("a list", "`array`"),
        ("a table", "`object`"),
    ):
        message = message.replace(theirs, ours)
    return message[:1].lower() + message[1:]


def _refuse_unknown(table: dict[str, Any], shape: type[msgspec.Struct], place: str, name: str) -> None:
    """Refuse keys that the shape does not have, and say which one was probably meant (ConfigError)."""
    hints = get_type_hints(shape)
    for key, value in table.items():
        where = f"{place}.{key}" if place else key
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1, cutoff=0.5)
            mend = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(hints))}"
            raise ConfigError(f"{name}: unknown key {where!r}; {mend}")
        inner = next((kind for kind in (hints[key], *get_args(hints[key])) if _is_struct(kind)), None)
        if inner is None:
            continue
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, dict):
                _refuse_unknown(item, inner, f"{where}[{index}]" if isinstance(value, list) else where, name)


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
