"""A table of settings is what its shape says, or the words name the place and what was probably meant."""

from __future__ import annotations

import msgspec
import pytest

from balise_wire.strict_table import TableError, shaped, unknown_key


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    """A table within."""

    interval: int = 1
    name: str = ""


class Outer(msgspec.Struct, frozen=True, kw_only=True):
    """A shape with a table, a list of tables and a number."""

    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    share: float = 0.0


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"shar": 1.0}, "unknown key 'shar'; did you mean 'share'?"),
        ({"inner": {"intervall": 2}}, "unknown key 'inner.intervall'; did you mean 'interval'?"),
        ({"several": [{}, {"nam": "x"}]}, "unknown key 'several[1].nam'; did you mean 'name'?"),
        ({"zzz": 1}, "unknown key 'zzz'; known here: inner, several, share"),
        ({"inner": {"interval": 2}, "share": 1}, ""),
    ],
)
def test_unknown_keys_are_named_where_they_stand(table: dict[str, object], words: str) -> None:
    """At every depth, with the nearest key that is known there."""
    assert unknown_key(table, Outer) == words


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"inner": {"interval": "x"}}, "inner.interval: expected a whole number, got text"),
        ({"inner": []}, "inner: expected a table, got a list"),
        ({"share": "x"}, "share: expected a number, got text"),
    ],
)
def test_a_value_of_another_type_is_told_in_plain_words(table: dict[str, object], words: str) -> None:
    """No word of a programming language reaches whoever wrote the file."""
    with pytest.raises(TableError) as error:
        shaped(table, Outer)
    assert str(error.value) == words


def test_what_fits_is_the_record() -> None:
    """Nothing is added to it and nothing left out."""
    assert shaped({"inner": {"interval": 2}}, Outer) == Outer(inner=Inner(interval=2))
