"""A trial by way of a proxy of the operator's (docs/experiments/proxy.md): by which one, and how far it led.

A proxy is told by a word of the operator's, and by how far it led: whoever knows its address or port can block it.
Must not live here: what is said on the way, what a proxy is (agent), or any verdict.
"""

import re
from typing import Final

import msgspec

from balise_wire.word import Word

ASKED: Final = 1_000
"""Bytes of a connection to a proxy that is asked for another, with a name and a password, both directions, at most."""
MOST: Final = 3
"""Such connections in a series: the control's, and the subject's twice."""
LABEL: Final = re.compile(r"[a-z][a-z-]{0,15}")
"""Letters alone, so that no address and no port can be written down in one."""


class ProxyStage(Word):
    """How far a proxy led."""

    UNREACHED = "unreached"
    """No TCP connection to the proxy came about: it is down, or blocked itself."""
    REFUSED = "refused"
    """The proxy was reached and does not serve us, or does not speak its protocol."""
    NO_WAY = "no_way"
    """The proxy says that it did not reach the server, or says nothing within the time."""
    OPEN = "open"
    """The proxy says that it is connected to the server: what happens from here on happens to what was asked."""
    ANSWERED = "answered"
    """A relay that leads to this service alone brought the service's own answer. No control goes by way of such a one,
    so that what it does not bring says nothing (``no_way``)."""
    UNKNOWN = "unknown"
    """A newer word."""


class Through(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Of one trial: by way of what, and how far."""

    label: str
    """The operator's word for the proxy."""
    stage: ProxyStage
