"""The sweep: at the first failure the service's other endpoints are asked, once, and for few bytes."""

from __future__ import annotations

from balise_agent.measure.entry import Entry
from balise_agent.measure.sweep import MOST, SHARE, SPREAD, STRETCH, Sweeps, looks_at_more
from balise_wire.assignment import Target
from balise_wire.experiments.tls import CHAIN, UNHEARD, TlsObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm, Experiment, TargetRole

PLENTY = 10_000_000


def place(name: str, word: Experiment = Experiment.TLS, service: str = "s", due: float = 9_000.0) -> Entry:
    """Return a place whose own time is far away."""
    target = Target(
        id=f"{service}/web/{name}/4", service=service, role=TargetRole.WEB, host=name, addresses=("198.18.0.1",)
    )
    return Entry(target, 4, word, due=due)


def failing(entry: Entry) -> Entry:
    """Return the place with a living anomaly."""
    entry.cause = TlsObservation(
        arm=Arm.SUBJECT, at=1.0, address="198.18.0.1", port=443, sni="a", failure=Failure.CONNECTION_RESET
    )
    return entry


def test_the_others_of_the_service_are_asked_within_a_minute() -> None:
    """The same experiment first; other services, and what is due soon anyway, are left alone."""
    failed = failing(place("a.example"))
    others = [place("b.example"), place("c.example", Experiment.DNS), place("d.example", due=110.0)]
    found = Sweeps().plan(failed, [failed, *others, place("e.example", service="t")], 100.0, PLENTY)
    assert [entry for entry, _ in found] == others[:2]
    assert all(100.0 < due <= 100.0 + SPREAD + 1.0 for _, due in found)


def test_what_only_a_chain_shows_is_looked_for_in_chains() -> None:
    """The others' hellos would be answered; those that are due anyway are asked in full as well, and it is paid for."""
    failed, soon, dns = place("a.example"), place("b.example", due=110.0), place("c.example", Experiment.DNS)
    failed.cause = TlsObservation(
        arm=Arm.SUBJECT, at=1.0, address="198.18.0.1", port=443, sni="a", full=True, bytes_received=7,
        failure=Failure.SSL_UNKNOWN_AUTHORITY,
    )  # fmt: skip
    found = Sweeps().plan(failed, [failed, soon, dns], 100.0, PLENTY)
    assert [entry for entry, _ in found] == [soon, dns]
    assert [looks_at_more(failed, entry) for entry in (soon, dns)] == [True, False]
    assert [entry for entry, _ in Sweeps().plan(failed, [failed, soon], 100.0, (CHAIN - 1) * SHARE)] == []


def test_one_sweep_for_a_service_and_stretch() -> None:
    """Where something fails already it was swept; a line that stutters has one sweep in half an hour."""
    sweeps, failed, other = Sweeps(), failing(place("a.example")), place("b.example")
    assert not Sweeps().plan(failed, [failed, failing(place("b.example"))], 100.0, PLENTY)
    assert sweeps.plan(failed, [failed, other], 100.0, PLENTY)
    assert not sweeps.plan(failed, [failed, other], 99.0 + STRETCH, PLENTY)
    assert sweeps.plan(failed, [failed, other], 100.0 + STRETCH, PLENTY)
    sweeps.keep(())
    assert sweeps.plan(failed, [failed, other], 101.0 + STRETCH, PLENTY)
    sweeps.forget()
    assert sweeps.plan(failed, [failed, other], 5.0, PLENTY)


def test_a_sweep_is_bounded() -> None:
    """In runs, and in bytes: a share of what an incident may cost."""
    failed = failing(place("a.example"))
    others = [place(f"h{n}.example") for n in range(60)]
    assert len(Sweeps().plan(failed, others, 100.0, PLENTY)) == MOST
    assert len(Sweeps().plan(failed, others, 100.0, 5 * UNHEARD * SHARE)) == 5
