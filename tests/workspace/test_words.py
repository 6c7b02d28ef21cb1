"""Every table over words of the wire has a line for a word of tomorrow, in both programs."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping

import pytest

import balise_agent
import balise_collector
from balise_wire.word import Word

_GATHERED = "a word that nobody knows has no folder: asked with `in`, or by the type of a trial, which is always known"
WITHOUT = {
    **dict.fromkeys(("REGISTRY", "PARAMETERS", "OBSERVATIONS", "BOUNDS", "DESTINATIONS", "NOTES"), _GATHERED),
    **dict.fromkeys(("EVIDENCE", "POINTS", "EXPORTS", "TRAITS"), _GATHERED),
    "_WORDS": "read with `cannot tell` for any other (status.py)",
    "_FIRST": "fitted() takes the metered profile for any other (profiles.py)",
}
"""Tables that are read with a default, and which."""


def _modules() -> Iterator[str]:
    for package in (balise_agent, balise_collector):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                yield module.name


def _tables(value: object) -> Iterator[Mapping[Word, object]]:
    """Yield the tables by words in a value, also those inside a table by languages."""
    if isinstance(value, Mapping):
        if value and all(isinstance(key, Word) for key in value):
            yield value
        else:
            for one in value.values():
                yield from _tables(one)


@pytest.mark.parametrize("name", sorted(_modules()))
def test_a_table_over_words_has_a_third_value(name: str) -> None:
    """One that knows every word of today fails on the first of tomorrow: with a KeyError, or with another's meaning."""
    for title, value in vars(importlib.import_module(name)).items():
        for table in _tables(value):
            words = type(next(iter(table)))
            if set(words.known()) <= set(table) and title not in WITHOUT:
                assert words["UNKNOWN"] in table, f"{name}.{title}"
