"""The injectors that others have measured: a name beside packets that are known to be forged.

Lives here: reading the table (injectors.toml, with its source) and finding whose packets look like these. Must not live
here: whether a packet is forged at all (injection.py). No verdict and no score depends on a name.
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from balise_collector.judge.injection import trace
from balise_wire.evidence import Packet

_NEARER: Final = 16
"""Hops by which we may be nearer or farther than those who measured."""


class Injector(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One injector as published."""

    name: str
    ttl: tuple[int, int]
    ip_id: tuple[int, int]
    df: bool
    flags: str
    copies: int
    payload: int
    residual: int

    def sent(self, volley: Sequence[Packet]) -> bool:
        """Tell whether it sends RSTs like these of one trial."""
        like = [p for p in volley if p.flags == self.flags and p.df == self.df and p.length == self.payload]
        like = [p for p in like if self.ip_id[0] <= p.ip_id <= self.ip_id[1]]
        near = [p for p in like if self.ttl[0] - _NEARER <= p.ttl <= self.ttl[1] + _NEARER]
        return len(near) == len(volley) == self.copies


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    injector: tuple[Injector, ...]


@cache
def injectors() -> tuple[Injector, ...]:
    """Return the table, as shipped."""
    text = files(__package__).joinpath("injectors.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), _Table).injector


def known(packets: Sequence[Packet]) -> str:
    """Name the injector that sends RSTs like those of a trial whose RSTs are forged; empty where none does."""
    resets = trace(packets).resets
    return next((each.name for each in injectors() if resets and each.sent(resets)), "")
