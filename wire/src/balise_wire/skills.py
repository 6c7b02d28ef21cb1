"""What a probe can carry out and read, as words: what it tells in its meta, and what the collector may give it.

A word is ``<list>:<word of the list>``, e.g. ``experiment:tls``; it is text and no enum, so that a collector keeps a
word that it does not know. The set is told by the probe itself, so it may only make less of what it is asked to do.
Must not live here: what a probe is asked for (the collector's assignment.py).
"""

from collections.abc import Iterable
from typing import Final

from balise_wire.word import Word
from balise_wire.words import Experiment, Scope, TargetRole

PIECEWISE: Final = "reads:assignments-piecewise"
"""It obeys the head of an assignment first and takes the rest piece by piece: a word that it lacks costs one piece."""
FEATURES: Final = (PIECEWISE,)
"""What a program of this version can read beyond the words of its lists, and without which its task is poorer."""
REQUESTS: Final = "reads:requests"
"""It carries out requests (request.py); nothing is asked of a probe that does not say so."""
AUTHORITIES: Final = "reads:authorities"
"""It believes a target's own authorities; a target that has some is given to no other probe, which would look upon its
chain as a forged one."""
WATCHES: Final = "reads:watches"
"""It looks more often while a watch of its assignment is on; others keep their timetable."""
MOST: Final = 200
"""Words of one probe that are kept, and ..."""
LONGEST: Final = 60
"""... characters of one."""
FIRST: Final = frozenset(
    {
        *(f"experiment:{word}" for word in ("dns", "tcp", "tls", "http", "line")),
        *(
            f"role:{word}"
            for word in (
                "web", "api", "media-image", "media-video", "signalling", "chat", "call-media", "registration",
                "download", "vpn", "control", "line",
            )
        ),
        *(f"scope:{word}" for word in ("domestic", "international")),
    }
)  # fmt: skip
"""What a probe can do that tells nothing: exactly the words of the first version (commit a430c09). Never changed."""


def skill(word: Word) -> str:
    """Return an experiment, role or scope as a word of this list."""
    return f"{_LISTS[type(word)]}:{word}"


def skills(experiments: Iterable[Experiment]) -> tuple[str, ...]:
    """Return what a program of this version can do.

    Args:
        experiments: those that it can carry out.
    """
    words: list[Word] = [*experiments, *TargetRole.known(), *Scope.known()]
    return (*(skill(word) for word in words), *FEATURES, REQUESTS, AUTHORITIES, WATCHES)


_LISTS: Final[dict[type[Word], str]] = {Experiment: "experiment", TargetRole: "role", Scope: "scope"}
