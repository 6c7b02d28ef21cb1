"""The cases, one module a row (``rNN_word``) or field trouble (``fN_word``), each with a tuple ``CASES``."""

import importlib
import pkgutil
import re

from balise_attack.case import Case


def _place(case: Case) -> tuple[bool, int, str]:
    """Rows by number, then the troubles of the field."""
    number = re.search(r"\d+", case.row)
    return (case.row.startswith("f"), int(number[0]) if number else 0, case.row)


def all_cases() -> tuple[Case, ...]:
    """Return every case in the order of the rows.

    Raises:
        ValueError: two cases have one number.
    """
    found = [
        case
        for module in pkgutil.iter_modules(__path__)
        for case in importlib.import_module(f"{__name__}.{module.name}").CASES
    ]
    rows = [case.row for case in found]
    twice = sorted({row for row in rows if rows.count(row) > 1})
    if twice:
        raise ValueError(f"two attack cases have one number: {', '.join(twice)}")
    return tuple(sorted(found, key=_place))
