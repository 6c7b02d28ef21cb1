"""Whom an effect selects, what it hits, and when it changes."""

import math

import pytest

from balise_lab.field.network import Effect, Home, Host, World
from balise_lab.field.network.acting import Acting, now

HOMES = (
    Home(id="a", country="PK", asn=1, region="punjab", district="lahore", version="2"),
    Home(id="b", country="PK", asn=2, region="sindh", district="karachi", version="1"),
    Home(id="c", country="DE", asn=3),
)
WORLD = World.of_names(
    [], HOMES, [Host(name="x.example", service="s", role="web"), Host(name="y.example", service="s", role="api")]
)


@pytest.mark.parametrize(
    ("who", "chosen"),
    [
        ({}, "abc"),
        ({"probes": ("a",)}, "a"),
        ({"spared": ("a",)}, "bc"),
        ({"providers": (1, 3)}, "ac"),
        ({"countries": ("PK",)}, "ab"),
        ({"regions": ("sindh",)}, "b"),
        ({"districts": ("lahore",)}, "a"),
        ({"versions": ("1",)}, "b"),
        ({"countries": ("PK",), "providers": (3,)}, ""),
    ],
)
def test_selectors_of_homes_narrow_together(who: dict[str, object], chosen: str) -> None:
    """Each selector narrows; none means everybody."""
    acting = Acting(Effect(kind="sni.rst", **who), WORLD, 0.0)  # type: ignore[arg-type]
    assert "".join(home.id for home in HOMES if acting.selects(home, home)) == chosen


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ({}, ["x.example", "y.example", "z.example"]),
        ({"hosts": ("x.example",)}, ["x.example"]),
        ({"services": ("s",)}, ["x.example", "y.example"]),
        ({"services": ("s",), "roles": ("api",)}, ["y.example"]),
        ({"hosts": ("*.example",)}, ["x.example", "y.example", "z.example"]),
    ],
)
def test_selectors_of_names(what: dict[str, object], names: list[str]) -> None:
    """Hosts, services, roles, and everything below a name."""
    acting = Acting(Effect(kind="sni.rst", **what), WORLD, 0.0)  # type: ignore[arg-type]
    assert [name for name in ("x.example", "y.example", "z.example") if acting.hits_name(name)] == names


def test_changes_are_the_next_edges() -> None:
    """What is in force is worked out anew at each edge, of duty cycles too, and never in between."""
    acting = Acting(Effect(kind="sni.rst", at=100.0, until=1000.0, duty=(60.0, 240.0)), WORLD, 50.0)
    edges = [0.0]
    while edges[-1] < math.inf and len(edges) < 9:
        edges.append(acting.changes(edges[-1]))
    assert edges[:5] == [0.0, 150.0, 210.0, 450.0, 510.0]
    assert [acting.on(moment) for moment in (149.0, 150.0, 209.0, 210.0, 449.0, 450.0, 1050.0)] == [
        False, True, True, False, False, True, False,
    ]  # fmt: skip


def test_what_acts_is_in_the_order_of_the_way() -> None:
    """The home's own comes before the provider's, and that before the server's."""
    effects = [Acting(Effect(kind=kind), WORLD, 0.0) for kind in ("server.hello", "sni.drop", "antivirus")]
    assert [one.kind for one in now(HOMES[0], effects, 5.0).names] == ["antivirus", "sni.drop", "server.hello"]


def test_a_line_is_the_sum_of_what_happens_to_it() -> None:
    """Loss compounds, delay adds, the slowest rate holds."""
    effects = [
        Acting(Effect(kind="line.loss", loss=0.1), WORLD, 0.0),
        Acting(Effect(kind="line.loss", loss=0.5), WORLD, 0.0),
        Acting(Effect(kind="line.slow", ms=40.0, kbps=500.0), WORLD, 0.0),
        Acting(Effect(kind="line.slow", ms=10.0, kbps=900.0), WORLD, 0.0),
    ]
    line = now(HOMES[0], effects, 5.0).line
    delayed = now(HOMES[0], [Acting(Effect(kind="line.slow", ms=40.0), WORLD, 0.0)], 5.0).line
    assert delayed.kbps == HOMES[0].kbps
    assert line.loss == pytest.approx(0.55, abs=0.001)
    assert (line.ms, line.kbps, line.dead) == (50.0, 500.0, False)
