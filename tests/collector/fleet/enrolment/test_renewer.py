"""The certificate renewer: what a crash left between registry and authority is mended while the collector runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from cryptography import x509

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.enrolment.listener import EnrolmentListener
from balise_collector.fleet.enrolment.renewer import CertificateRenewer
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.run import app
from balise_collector.system.clock import Clock
from balise_collector.system.config import CollectorSettings, Config, EnrolmentSettings, Front
from tests.collector.fleet.enrolment.conftest import Board, Office


def test_a_revocation_that_was_cut_short_is_finished(
    office: Office, board: Board, enrolment_of: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Revoked in the registry, killed before the list: the next look writes it, and says so once."""
    got = enrolment_of(office.service.enrol(board.enrolling(office.token()), "x"))
    with closing(office.registry()) as registry:
        registry.revoke(got.probe)
    config = Config(collector=CollectorSettings(state_dir=str(office.folder)))
    looked: list[str] = []
    with caplog.at_level("INFO"):
        renewer = CertificateRenewer(
            config.authority_dir,
            partial(SqliteRegistry, config.fleet_file),
            lambda authority: looked.append(authority.fingerprint),
        )
        renewer.look()
    assert caplog.text.count("1 certificates are refused") == 1
    assert len(looked) == 2
    listed = x509.load_pem_x509_crl((config.authority_dir / "crl.pem").read_bytes())
    serial = x509.load_pem_x509_certificate(got.certificate.encode()).serial_number
    assert listed.get_revoked_certificate_by_serial_number(serial) is not None


def test_it_ends_when_asked(office: Office) -> None:
    """Between two looks, at once."""
    renewer = CertificateRenewer(office.folder / "authority", office.registry)
    renewer.start()
    renewer.stop()
    renewer.join(5.0)
    assert not renewer.is_alive()
    assert renewer.failed is None


def test_who_runs_beside_the_collector(office: Office) -> None:
    """Nobody without an authority; its renewer where there is one; the listener too where the settings have it."""
    place = CollectorSettings(state_dir=str(office.folder))
    bare = Config(collector=place)
    assert app._enrolment_threads(bare, Clock()) == []  # what `run` starts cannot be seen otherwise without running it
    Authority.open_or_create(bare.authority_dir).close()
    assert [type(part) for part in app._enrolment_threads(bare, Clock())] == [CertificateRenewer]
    table = EnrolmentSettings(
        host="127.0.0.1", port=0, addresses=("127.0.0.1",), brokers=(Front(host="front.example"),)
    )
    listener, renewer = app._enrolment_threads(Config(collector=place, enrolment=table), Clock())
    assert (type(listener), type(renewer)) == (EnrolmentListener, CertificateRenewer)
    listener.stop()
