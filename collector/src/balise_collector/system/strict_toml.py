"""TOML read strictly: a file either is what its shape says, or the error names the file, the key and the mend.

Lives here: reading the file. Must not live here: how a table is held against its shape (balise_wire.strict_table), or
any particular shape (config.py and catalogue.py have theirs).
"""

import tomllib
from pathlib import Path
from typing import Any, Final

from balise_collector.system.errors import ConfigError
from balise_wire.strict_table import Shape, TableError, shaped, unknown_key

_BYTES_MOST: Final = 1024 * 1024


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
    if wrong := unknown_key(table, shape):
        raise ConfigError(f"{name}: {wrong}")
    try:
        return shaped(table, shape)
    except TableError as error:
        raise ConfigError(f"{name}: {error}; see {example}") from None
