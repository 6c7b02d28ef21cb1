"""Row 20: a probe that renews without end must fill neither the authority's record nor the revocation list."""

from __future__ import annotations

import time

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.crowd import ask_enrolment, enrolment
from balise_attack.field import FieldProbe
from balise_wire.enrolment import RENEW_PATH, RenewalRequest

_RENEWALS = 60
_MOST = 10


def run(bed: Bed) -> Outcome:
    """Enrol, renew sixty times from several addresses, revoke, and look at the record and at the list."""
    centre = Centre(bed)
    centre.start()
    authority = centre.state / "authority" / "ca.pem"
    told = centre.ask("fleet", "token", "--probe", "board001", "--country", "PK", "--asn", "64501")
    token = next(
        word for line in told.splitlines() if "board001" in line for word in line.split() if word.count("-") == 4
    )
    key = Ed25519PrivateKey.generate()
    enrolled = enrolment(centre.enrolment_port, authority, token, key=key)[0]
    request = FieldProbe("board001", key=key).request().public_bytes(Encoding.PEM).decode()
    body = msgspec.json.encode(RenewalRequest(request=request))
    begun = time.monotonic()
    answers = [
        ask_enrolment(centre.enrolment_port, authority, RENEW_PATH, body, source=f"127.0.0.{2 + number % 4}")[0]
        for number in range(_RENEWALS)
    ]
    took = time.monotonic() - begun
    made = int(
        centre.rows("SELECT count(*) FROM certificate WHERE name = 'board001'", file="authority/issued.sqlite")[0][0]
    )
    centre.ask("fleet", "revoke", "board001")
    listed = x509.load_pem_x509_crl((centre.state / "authority" / "crl.pem").read_bytes())
    refused = sum(1 for _ in listed)
    figure = (
        f"{answers.count(200)} of {_RENEWALS} renewals answered in {took:.1f} s: {made} certificates in the record, "
        f"{refused} on the list of refusals"
    )
    return Outcome(enrolled == 200 and made <= _MOST and refused <= _MOST, figure)


CASES = (Case("20", "certificates without number by renewals", run, seconds=120.0),)
