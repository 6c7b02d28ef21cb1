"""The fleet's own small certificate authority: who may open a connection to the broker, and which door is ours.

``certificates`` thinks (what is in a certificate), ``authority`` touches (the key, the record of what was issued, the
revocation list). Must not live here: tokens and answers (enrolment/), who may seal batches (fleet.py).
"""

from balise_collector.fleet.authority.authority import (
    CA_FILE,
    CRL_FILE,
    FOLDER,
    KEY_FILE,
    RECORD_FILE,
    Authority,
    IssuedCertificate,
    TooManyCertificates,
)
from balise_collector.fleet.authority.certificates import RequestMalformed, read_request

__all__ = [
    "CA_FILE",
    "CRL_FILE",
    "FOLDER",
    "KEY_FILE",
    "RECORD_FILE",
    "Authority",
    "IssuedCertificate",
    "RequestMalformed",
    "TooManyCertificates",
    "read_request",
]
