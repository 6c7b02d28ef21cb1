"""A day of each profile with every experiment switched on, played by the probe's own agenda over the shipped list.

Each run counts what a tap saw of its kind (``balise_wire.experiments.usual``, held to packets by
tests/chain/test_netns_bytes.py), and delivery what it is reckoned to cost. Everything is well in this network: what an
anomaly adds is bounded by the incident's budget, and the day by the account (tests/agent/policy/test_egress.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.measure.agenda import Agenda
from balise_agent.policy.limits import tightened
from balise_agent.system.config import LimitSettings, NetworkSettings
from balise_collector.fleet.assignment import assignment_for
from balise_collector.fleet.catalogue import default_folder, load
from balise_collector.fleet.members import Member
from balise_collector.fleet.profiles import fitted
from balise_wire.assignment import Assignment, Budget, Control, Target, Timetable
from balise_wire.experiments import OF_TARGETS, usual
from balise_wire.measurement import Network
from balise_wire.profiles import DAY, SHARES, delivery_bytes
from balise_wire.words import Experiment, Profile, TargetRole
from tests.experiments.journey import HELPER, START, with_helper

ROOM: Final = 0.1
"""Share of a day that what is scheduled and delivered leaves for what fails."""
DAYS: Final = {Profile.STANDARD: 2, Profile.LEAN: 4, Profile.METERED: 80}
"""So many that everything has its turn: a metered line measures a rate once in days."""
MIDNIGHT: Final = START // DAY * DAY
PUBLIC: Final = ("198.18.0.0/15",)
OWN: Final = Target(
    id="calls/call-media/calls.invalid/4",
    service="calls",
    role=TargetRole.CALL_MEDIA,
    host="calls.invalid",
    addresses=("198.18.3.1",),
)
"""An operator's own, with a helper: what no shipped service has among its experiments, such as calls."""


def whole(profile: Profile) -> Assignment:
    """Return the shipped list as a probe gets it once references have found addresses, with a helper."""
    member = Member(id="k7m2q9xd", public_key="0" * 64, network=Network(country="PK", asn=64501), profile=profile)
    folder = default_folder()
    every = [path.stem for path in folder.glob("*.toml") if path.stem not in {"controls", "providers"}]
    made = assignment_for(member, load(folder, every), Timetable(), Budget(), {})
    targets = tuple(
        msgspec.structs.replace(target, addresses=(f"198.18.2.{number}",))
        for number, target in enumerate(made.targets, 1)
    )
    controls = tuple(
        Control(name=one.name, addresses=(f"198.18.9.{number}",), scope=one.scope, port=one.port)
        for number, one in enumerate(made.controls, 1)
    )
    shipped = {word for target in targets for word in target.experiments}
    own = msgspec.structs.replace(OWN, experiments=tuple(word for word in OF_TARGETS if word not in shipped))
    return fitted(
        msgspec.structs.replace(made, targets=(*targets, own), controls=controls, helpers=(HELPER,), expires=1e12),
        profile,
    )


@pytest.mark.slow
@pytest.mark.parametrize("profile", Profile.known())
def test_a_day_of_everything_stays_within_the_cap(
    profile: Profile, record_property: Callable[[str, object], None]
) -> None:
    """And leaves a tenth for what fails: calls, VPN handshakes and rates are on, and each has its turn.

    The first days are dearer, since the first page of each target is fetched four times: they keep the cap too.
    """
    assignment, network = whole(profile), with_helper()
    assert {word for target in assignment.targets for word in target.experiments} == set(OF_TARGETS)
    limits = tightened(LimitSettings(), NetworkSettings(), profile=profile)
    agenda = Agenda(assignment, secret=b"s", limits=msgspec.structs.replace(limits, laboratory=PUBLIC), now=MIDNIGHT)
    spent, runs = Counter[Experiment](), Counter[Experiment]()
    days, results = Counter[int](), Counter[int]()
    now = MIDNIGHT
    while now < MIDNIGHT + DAYS[profile] * DAY:
        for run in agenda.due(now):
            network.now = now
            size = usual(run.experiment, REGISTRY[run.experiment].plan.shape(run.task))
            spent[run.experiment] += size
            runs[run.experiment] += 1
            days[int(now // DAY)] += size
            results[int(now // DAY)] += 1
            agenda.done(run, network.play(run.plan()), now)
        now = max(now + 1.0, agenda.next_at())
    count, cap = DAYS[profile], SHARES[profile].bytes_per_day
    delivered = {day: delivery_bytes(profile, made, assignment.timetable.health) for day, made in results.items()}
    each = [size + delivered[day] for day, size in days.items()]
    usually, most = sum(each) // count, max(each)
    rows = [f"{word:12}{runs[word] / count:10,.1f} runs {spent[word] // count:12,} bytes" for word in runs]
    rows += [f"{'delivery':12}{'':15} {sum(delivered.values()) // count:12,} bytes"]
    rows += [f"{profile:12}{'':15} {usually:12,} bytes a day of {count}, most {most:,}, cap {cap:,}"]
    record_property("table", "\n".join(rows))
    assert set(runs) == {*OF_TARGETS, Experiment.LINE}
    assert usually <= (1.0 - ROOM) * cap
    assert most <= cap
