"""What the trials of ``tls`` mean to the schedule, what they cost, what may leave of them, and how people read them.

Must not live here: the plan, or any verdict.
"""

from typing import Any, Final

from balise_agent.experiments import connection
from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.experiments.through import BY_PROXY, described, scrub_through
from balise_agent.policy import scrub
from balise_wire.experiments.tls import CHAIN, HELLO, LONG, LONG_UNHEARD, UNHEARD, TlsObservation
from balise_wire.experiments.traits import UNANSWERED
from balise_wire.failures import Failure
from balise_wire.through import ASKED
from balise_wire.words import Arm

_LONG: Final = frozenset({Arm.LONG_HELLO, Arm.LONG_CONTROL})
MAX_CHAIN: Final = 8
_PROTOCOLS: Final = frozenset({"", "h2", "http/1.0", "http/1.1", "other"})
"""What a server may answer to our offer (RFC 7301); anything else is its own text."""


class TlsReader(TrialReader[TlsObservation]):
    """Reads handshakes."""

    def read(self, trial: TlsObservation) -> TrialReading:
        """Return the reading; a chain that does not verify is a failure too."""
        if trial.arm in BY_PROXY:
            return TrialReading(at=None, failed=False, heats=(), spent=_spent(trial) + ASKED)
        return TrialReading(
            at=connection.endpoint(trial),
            failed=trial.failure is not None,
            by_more=trial.full and trial.failure is not None and trial.bytes_received > 0,
            shows_more=trial.full and trial.failure is None,
            unsent=not connection.left(trial),
            heats=connection.heats(trial),
            spent=_spent(trial),
            connected=connection.connected(trial),
        )

    def describe(self, trial: TlsObservation) -> Description:
        """Return what the server said to the hello."""
        form = ", full handshake" if trial.full else ", long" if trial.arm in _LONG else ""
        sent = f"hello {trial.sni or '(no name)'}{form}"
        if trial.through is not None:
            sent = f"{sent}, {described(trial.through)}"
        if not trial.bytes_received and not trial.record:
            return Description(sent, "" if trial.connect_ms is None else "connected, then not a byte")
        verified = {True: ", chain verified", False: ", chain not verified", None: ""}[trial.verified]
        issuer = f" ({trial.chain[0].issuer})" if trial.chain else ""
        return Description(sent, f"{trial.record or 'bytes'}, {trial.bytes_received} bytes{verified}{issuer}")

    def scrub(self, trial: TlsObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Return an assigned address, words, and certificates that name nobody."""
        return {
            "address": scrub.assigned(trial.address, allowed),
            "sni": None if trial.sni is None else scrub.name(trial.sni),
            "record": scrub.word(trial.record),
            "version": scrub.word(trial.version),
            "alpn": trial.alpn if trial.alpn in _PROTOCOLS else "other",
            "through": scrub_through(trial.through),
            "chain": tuple(scrub.certificate(certificate) for certificate in trial.chain[:MAX_CHAIN]),
            # What is no TLS came in clear: a block page, perhaps, which names its reader.
            "packets": scrub.without_digests(trial.packets) if trial.record == "other" else trial.packets,
        }


READER: Final = TlsReader()


def _spent(trial: TlsObservation) -> int:
    """Return the bytes of a trial: a hello that nobody answers is sent again and again, a reset ends it at once."""
    if trial.bytes_received:
        return CHAIN if trial.full else LONG if trial.arm in _LONG else HELLO
    unheard = trial.failure is Failure.GENERIC_TIMEOUT and trial.connect_ms is not None
    if not unheard:
        return UNANSWERED
    return LONG_UNHEARD if trial.arm in _LONG else UNHEARD
