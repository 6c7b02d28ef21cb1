"""How much evidence the shipped catalogue and timetables keep, and how soon a block is told, by profile.

Lives here: what is played for these figures, and the two tables. Must not live here: bounds (the tests have them).
"""

import statistics
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from balise_collector.judge import Level
from balise_lab.field.centre import Centre
from balise_lab.field.expect import discarded_of
from balise_lab.field.play import play
from balise_lab.field.situation import Event, Expect, Probes, Situation
from balise_wire.words import Profile

_HOUR: Final = 3600.0
PROFILES: Final = (Profile.STANDARD, Profile.LEAN, Profile.METERED)
_ASN: Final = 64501
_WAITS: Final = {Profile.STANDARD: 2 * _HOUR, Profile.LEAN: 3 * _HOUR, Profile.METERED: 5 * _HOUR}
"""For how long a block lasts that is waited for, by profile."""


class Layout(NamedTuple):
    """Who is affected, of whom."""

    name: str
    probes: tuple[tuple[int, int], ...]
    """AS number and boards on it."""
    affected: int | None = None
    """The first so many boards; all of them where that is left out."""


LAYOUTS: Final = (
    Layout("3 of 3", ((_ASN, 3),)),
    Layout("2 of 3", ((_ASN, 3),), 2),
    Layout("2 of 10", ((_ASN, 10),), 2),
    Layout("five providers", tuple((_ASN + n, 1) for n in range(5))),
)


def figures(out: Callable[[str], None], repeats: int = 3) -> None:
    """Print both tables.

    Args:
        out: given each line as it is known.
        repeats: blocks of each layout and profile, each with other boards and another moment.
    """
    out("One day, three homes, hellos with Twitter's names die from 10:00 to 14:00, shipped catalogue")
    out(f"{'profile':<10} {'paired':>7} {'set aside':>10} {'share':>7} {'blocked':>8}  by rule")
    for profile in PROFILES:
        played = play(day(profile))
        discarded, paired = discarded_of(played)
        verdicts = [v for v in played.centre.verdicts if not v.reference and v.design.controlled]
        rules = Counter(v.rule for v in verdicts if v.level is Level.DISCARDED).most_common(3)
        blocked = sum(v.state == "blocked" for v in verdicts)
        share = f"{discarded / paired:.1%}" if paired else "-"
        words = ", ".join(f"{rule} {count}" for rule, count in rules)
        out(f"{profile.value:<10} {paired:>7} {discarded:>10} {share:>7} {blocked:>8}  {words}")
    out("")
    out(f"Minutes from the block to the published incident, {repeats} blocks each (- : not in the time it lasted)")
    out(f"{'probes':<16}" + "".join(f"{f'{profile.value}: median / p90':>28}" for profile in PROFILES))
    for layout in LAYOUTS:
        cells = []
        for profile in PROFILES:
            found = sorted(opens(layout, profile, number) for number in range(repeats))
            cells.append(f"{_minutes(statistics.median(found))} / {_minutes(_quantile(found, 0.9))}")
        out(f"{layout.name:<16}" + "".join(f"{cell:>28}" for cell in cells))


def day(profile: Profile) -> Situation:
    """Return a day of three homes with a block in it."""
    return Situation(
        id=f"figures-day-{profile.value}",
        title="a day with a block in it",
        start="2026-11-10T00:00:00Z",
        lasts=24 * _HOUR,
        probes=(Probes(country="PK", provider=_ASN, count=3, profile=profile),),
        events=(
            Event(kind="sni.drop", at=10 * _HOUR, until=14 * _HOUR, countries=("PK",), extra={"services": ["twitter"]}),
        ),
    )


def opens(layout: Layout, profile: Profile, number: int) -> float:
    """Return after how many minutes a block is published; infinity where it is not while it lasts."""
    groups = tuple(
        Probes(
            country="PK",
            provider=asn,
            count=count,
            profile=profile,
            id=f"r{number}as{asn}n" if count == 1 else f"r{number}as{asn}",
        )
        for asn, count in layout.probes
    )
    begins = 0.75 * _HOUR + 97.0 * number
    names = [f"{group.id}n{n + 1}" if group.count > 1 else group.id for group in groups for n in range(group.count)]
    who = names if layout.affected is None else names[: layout.affected]
    situation = Situation(
        id=f"figures-{layout.name}-{profile.value}-{number}",
        title="a block",
        start="2026-11-10T06:00:00Z",
        lasts=begins + _WAITS[profile],
        probes=groups,
        events=(Event(kind="sni.drop", at=begins, probes=tuple(who), extra={"services": ["twitter"]}),),
        expect=Expect(),
        seed=number + 1,
    )
    played = play(situation, ends=lambda centre: _published(centre) is not None)
    told = _published(played.centre)
    return float("inf") if told is None else (told - played.start - begins) / 60.0


def _published(centre: Centre) -> float | None:
    return next((at for at, one in centre.store.told if one.confirmed and one.kind == "interference"), None)


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _minutes(value: float) -> str:
    return "-" if value == float("inf") else f"{value:.0f}"
