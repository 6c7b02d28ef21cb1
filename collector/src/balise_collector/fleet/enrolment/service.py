"""The enrolment service: takes a request's bytes, does what was decided, and returns the answer's bytes.

One transaction of the registry holds token and member: a crash before its end has spent nothing, and after its end the
same board asks again with the same token and gets its answer. The certificate is in the authority's record before the
registry says yes; one that nobody was given is harmless. Must not live here: HTTP, TLS, or why (decision.py).
"""

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509

from balise_collector.fleet.authority import Authority, RequestMalformed, TooManyCertificates, read_request
from balise_collector.fleet.enrolment import decision
from balise_collector.fleet.enrolment.decision import Denied, Grant
from balise_collector.fleet.enrolment.revocation_sync import sync_revocations
from balise_collector.fleet.members import Member
from balise_collector.fleet.registry import RegistryOpener, RegistryTransaction
from balise_collector.fleet.token import hash_of
from balise_wire.enrolment import Enrolment, EnrolmentRequest, FrontDoor, Refusal, Refused, RenewalRequest

_log = logging.getLogger(__name__)
STATUS: Final = {Refusal.REQUEST_MALFORMED: 400, Refusal.TOO_MANY: 429}
"""HTTP status of a refusal; 403 for every other."""
_enrolments = msgspec.json.Decoder(EnrolmentRequest)
_renewals = msgspec.json.Decoder(RenewalRequest)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes


@dataclass(frozen=True, kw_only=True)
class EnrolmentService:
    """Where requests are decided; any thread may call it, each call opens the files for itself."""

    open_registry: RegistryOpener
    authority_dir: Path
    collector_key: str
    """Public key that seals assignments and receipts, 64 hex digits."""
    sealed_to: str = ""
    """Public key that probes box what they keep for, 64 hex digits."""
    brokers: tuple[FrontDoor, ...]
    consents: tuple[str, ...]
    """Versions of the consent text that still hold."""
    now: Callable[[], float]
    """UNIX seconds on the collector's clock."""

    def enrol(self, body: bytes, source: str) -> Answer:
        """Answer ``POST /enrol``; ``source`` is the log's word for where it came from, never an address.

        Raises:
            JournalError: a file could not be written; nothing was spent.
            ConfigError: a file cannot be opened.
        """
        try:
            request = _enrolments.decode(body)
            key = read_request(request.request.encode()).public_bytes_raw().hex()
        except (msgspec.DecodeError, UnicodeError, RecursionError, RequestMalformed) as error:
            return _malformed("enrol", source, error)
        hash_ = hash_of(request.token)

        def decide(held: RegistryTransaction) -> Grant | Denied:
            token = held.token(hash_)
            named = held.member(id=token.probe) if token else None
            decided = decision.enrol(request, key, token, named, held.member(key=key), self.consents, self.now())
            if token is not None and isinstance(decided, Grant):
                held.spend_token(token, key, decided.member.id, self.now())
            elif token is not None and isinstance(decided, Denied):
                held.refuse_token(token, decided.refusal, self.now())
            return decided

        return self._answer("enrol", source, request.request, decide)

    def knows(self, what: str, body: bytes) -> bool:
        """Whether a request shows a token that was made here, or is signed by a probe's key; writes nothing.

        Args:
            what: ``enrol`` or ``renew``.
            body: the request.

        Raises:
            JournalError: the registry cannot be read.
        """
        try:
            with closing(self.open_registry(reading=True)) as registry:
                if what == "enrol":
                    return registry.token(hash_of(_enrolments.decode(body).token)) is not None
                key = read_request(_renewals.decode(body).request.encode()).public_bytes_raw().hex()
                return registry.member(key=key) is not None
        except (msgspec.DecodeError, UnicodeError, RecursionError, RequestMalformed):
            return False

    def renew(self, body: bytes, source: str) -> Answer:
        """Answer ``POST /renew`` (raises as ``enrol``)."""
        try:
            request = _renewals.decode(body)
            key = read_request(request.request.encode()).public_bytes_raw().hex()
        except (msgspec.DecodeError, UnicodeError, RecursionError, RequestMalformed) as error:
            return _malformed("renew", source, error)
        return self._answer("renew", source, request.request, lambda held: decision.renew(key, held.member(key=key)))

    def _answer(
        self, what: str, source: str, request: str, decide: Callable[[RegistryTransaction], Grant | Denied]
    ) -> Answer:
        """Settle it, or refuse it where the probe has had too many certificates; nothing is spent then."""
        try:
            return self._settle(what, source, request, decide)
        except TooManyCertificates as error:
            return refusal(what, source, Refusal.TOO_MANY, str(error))

    def _settle(
        self, what: str, source: str, request: str, decide: Callable[[RegistryTransaction], Grant | Denied]
    ) -> Answer:
        """Decide and write it down in one transaction; then refuse the certificates that this outdated."""
        with (
            closing(self.open_registry()) as registry,
            closing(Authority.open_or_create(self.authority_dir)) as authority,
        ):
            with registry.transaction() as held:
                decided = decide(held)
                if isinstance(decided, Denied):
                    return refusal(what, source, decided.refusal, decided.mend)
                certificate = authority.issue_again(request, decided.member.id)
                end = x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc.timestamp()
                member = msgspec.structs.replace(decided.member, expires=end)
                if decided.retires:
                    held.retire(decided.retires, self.now())
                held.put(member)
            if not decided.again:
                sync_revocations(registry, authority)
            _log.info("%s %s from %s: %s", what, member.id, source, _told(decided))
            return Answer(status=200, body=msgspec.json.encode(self._enrolment(member, certificate, authority)))

    def _enrolment(self, member: Member, certificate: str, authority: Authority) -> Enrolment:
        network = member.network
        return Enrolment(
            probe=member.id,
            certificate=certificate,
            authority=authority.certificate_pem,
            collector=self.collector_key,
            sealed_to=self.sealed_to,
            brokers=self.brokers,
            country=network.country,
            asn=network.asn,
            access=network.access,
            region=network.region,
            role=member.role,
            profile=member.profile,
            at=self.now(),
        )


def refusal(what: str, source: str, reason: Refusal, mend: str) -> Answer:
    """Return a refusal, and tell the operator; neither line holds what was sent."""
    _log.warning("%s refused from %s: %s: %s", what, source, reason, mend)
    return Answer(status=STATUS.get(reason, 403), body=msgspec.json.encode(Refused(refused=reason, mend=mend)))


def _malformed(what: str, source: str, error: Exception) -> Answer:
    """Refuse a request that nobody can read. The decoder's own sentence may quote a field's name, never a value."""
    mend = f"the request cannot be read: {error}"[:200]
    return refusal(what, source, Refusal.REQUEST_MALFORMED, mend)


def _told(grant: Grant) -> str:
    if grant.again:
        return "a new certificate"
    text = f"enrolled, {grant.member.network.country} AS{grant.member.network.asn}, {grant.member.role}"
    return f"{text}; its board was {grant.retires} until now" if grant.retires else text
