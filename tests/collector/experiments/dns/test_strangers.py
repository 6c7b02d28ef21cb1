"""Addresses that a probe is given and references are not: who shares them, which ever served, what was told before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from balise_collector.conclude.judgement import judge, note
from balise_collector.experiments.dns.strangers import (
    Company,
    Strangers,
    company,
    has_turned,
    is_proven,
    restore,
    saved,
    served,
)
from balise_collector.judge import Context, ReferenceTable
from balise_wire.experiments.dns import DnsObservation
from balise_wire.measurement import Measurement
from balise_wire.words import Proof, Resolver
from tests.testbed.cases import FORGED, NOW, Case

NAMES = {"twitter.com": "104.244.42.1", "zoom.us": "170.114.1.1", "web.whatsapp.com": "157.240.1.1"}


def named(case: Case, host: str, *addresses: str, **changes: Any) -> Measurement:
    """Return one question for a name."""
    trial = DnsObservation(
        **{
            "arm": case.asked().arm,
            "at": NOW,
            "name": host,
            "resolver": Resolver.PROVIDER,
            "answers": (case.answer(*addresses),),
            **changes,
        }
    )
    service = host.split(".")[-2]
    return msgspec.structs.replace(case.measured(trial), host=host, service=service, target=f"{service}/web/{host}/4")


def told(case: Case, probe: str, *measurements: Measurement) -> None:
    """Let a probe have measured something."""
    for measurement in measurements:
        verdict = judge(measurement, Context(probe=probe, references=case.references))
        note(case.references, verdict, measurement)


@pytest.fixture
def known(case: Case) -> Case:
    """References are given an address of its own for each name."""
    for host, address in NAMES.items():
        measured = named(case, host, address)
        for probe, asn in (("de01", 64700), ("sg01", 64800)):
            network = msgspec.structs.replace(measured.network, country=probe[:2].upper(), asn=asn)
            one = msgspec.structs.replace(measured, network=network)
            note(case.references, judge(one, Context(probe=probe, reference=True, references=case.references)), one)
    return case


def test_names_that_share_no_address_elsewhere_are_counted_with_their_services(known: Case) -> None:
    """By what this probe was told: what another says makes no company of it, nor does what lies an hour back."""
    told(known, "pk01", named(known, "zoom.us", FORGED), named(known, "web.whatsapp.com", FORGED, at=NOW - 4_000.0))
    told(known, "pk02", named(known, "web.whatsapp.com", FORGED))
    judged = named(known, "twitter.com", FORGED)
    assert company(known.references, "pk01", judged, frozenset({FORGED}), NOW) == Company(2, 2)
    assert company(known.references, "pk03", judged, frozenset({FORGED}), NOW) == Company(1, 1)


def test_names_of_one_place_are_no_company(known: Case) -> None:
    """Two names that share addresses abroad may share one here; a name that nobody abroad was asked tells nothing."""
    for probe, asn in (("de01", 64700), ("sg01", 64800)):
        one = named(known, "zoom.us", NAMES["zoom.us"], NAMES["twitter.com"])
        one = msgspec.structs.replace(one, network=msgspec.structs.replace(one.network, country=probe[:2], asn=asn))
        note(known.references, judge(one, Context(probe=probe, reference=True, references=known.references)), one)
    told(known, "pk01", named(known, "zoom.us", FORGED), named(known, "other.example", FORGED))
    judged = named(known, "twitter.com", FORGED)
    assert company(known.references, "pk01", judged, frozenset({FORGED}), NOW) == Company(1, 1)


def test_an_address_that_showed_a_certificate_served(known: Case) -> None:
    """To this probe, for whatever name, or to boards of two keepers; one other board's word is not enough."""
    shown: dict[str, Any] = {"tls_proof": Proof.VERIFIED, "tls_consistent": True, "tls_address": FORGED}
    known.references.keep({"pk02": "ann", "pk03": "ann", "pk04": "bob"})
    told(known, "pk02", named(known, "zoom.us", FORGED, **shown))
    told(known, "pk03", named(known, "zoom.us", FORGED, **shown))
    assert is_proven(known.references, {FORGED}, "pk02")
    assert not is_proven(known.references, {FORGED}, "pk01")
    told(known, "pk04", named(known, "twitter.com", FORGED, **shown))
    assert is_proven(known.references, {FORGED}, "pk01")
    assert not is_proven(known.references, {"8.8.4.9"}, "pk01")


def test_an_answer_that_held_before_has_turned(known: Case) -> None:
    """Within two days, to the same probe; what was told afterwards, or what nobody else is given, tells nothing."""
    told(known, "pk01", named(known, "twitter.com", NAMES["twitter.com"], at=NOW - 600.0))
    told(known, "pk02", named(known, "twitter.com", FORGED, at=NOW - 600.0))
    assert has_turned(known.references, "pk01", "twitter.com", NOW)
    assert not has_turned(known.references, "pk01", "twitter.com", NOW - 700.0)
    assert not has_turned(known.references, "pk01", "twitter.com", NOW + 3 * 86_400.0)
    assert not has_turned(known.references, "pk01", "zoom.us", NOW)
    assert not has_turned(known.references, "pk02", "twitter.com", NOW)


def test_the_same_line_reached_the_service(known: Case) -> None:
    """By its name over TLS, in these minutes; another line says nothing of this one."""
    told(known, "pk01", known.series("ok"))
    told(known, "pk02", known.series("silence"))
    asked = named(known, "twitter.com", FORGED)
    assert served(known.references, "pk01", asked, NOW, NOW)
    assert not served(known.references, "pk02", asked, NOW, NOW)
    assert not served(known.references, "pk01", asked, NOW + 900.0, NOW + 900.0)


def test_what_was_told_outlives_a_restart_and_is_forgotten(known: Case) -> None:
    """A cache that died is known to have served; what is old goes."""
    shown: dict[str, Any] = {"tls_proof": Proof.VERIFIED, "tls_consistent": True, "tls_address": FORGED}
    told(known, "pk01", named(known, "zoom.us", FORGED, **shown), named(known, "twitter.com", "8.8.4.9"))
    again = ReferenceTable()
    restore(again, saved(known.references))
    assert again.memory(Strangers).told == known.references.memory(Strangers).told
    restore(again, None)
    assert is_proven(again, {FORGED}, "pk01")
    again.forget(NOW)
    assert again.memory(Strangers).told["pk01"].proven
    again.forget(NOW + 1.0)
    assert not again.memory(Strangers).told
