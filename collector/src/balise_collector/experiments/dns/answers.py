"""One question's answers in one word, and whose word it is: the name's, the household's, or a portal's. Pure.

A home's router, a filter or a program against advertising answers before any provider does: what it alone says is no
interference. Must not live here: what a measurement shows (facts.py), or what follows from it (rules.py).
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from balise_collector.judge.context import Context
from balise_wire.addresses import Network
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.failures import Failure
from balise_wire.words import Proof, ResolverPlace, Way

SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5
_FORM: Final = frozenset({1, 4, 16})
"""FORMERR, NOTIMP, BADVERS: what servers say of a question's EDNS record that they do not know (RFC 6891 6.2.2, 7)."""
_UNASKED: Final = frozenset({Failure.NETWORK_UNREACHABLE, Failure.NETWORK_DOWN, Failure.ADDRESS_FAMILY_NOT_SUPPORTED})
"""Why a question did not leave, where no packet was captured."""
NOT_TOLD: Final = frozenset({"unusable", "unasked", "unclear"})
"""The words of ``lie`` that say nothing of the name."""
WHOLE_TTLS: Final = frozenset({32, 64, 128, 255})
"""What systems send with: an answer that has it still has passed no router, so that the home gave it."""
_UPSTREAM_MS: Final = 4.0
"""Milliseconds for a question that no cache can answer, from which on the way past the home can be told from none."""
_SINKS: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "198.18.0.0/15", "::/127", "100::/64")
)
"""Where filters lead what they do not want reached; 198.18.0.0/15 are the fake addresses of programs that proxy."""


def accepted(trial: DnsObservation) -> DnsAnswer | None:
    """Return the answer a resolver library would use: the first well-formed one, a SERVFAIL only if nothing follows."""
    sound = [a for a in trial.answers if not a.malformed]
    return next((a for a in sound if a.rcode != SERVFAIL and not is_empty_handed(a)), sound[0] if sound else None)


def is_empty_handed(answer: DnsAnswer) -> bool:
    """Tell whether an answer was too long for UDP and came without its records: it says that there are some."""
    return answer.tc and not answer.addresses


def resolved(trial: DnsObservation) -> frozenset[str]:
    """Return the addresses of the accepted answer; empty where there is none."""
    answer = accepted(trial)
    return frozenset(answer.addresses) if answer is not None and answer.rcode == 0 else frozenset()


def lie(trial: DnsObservation, *, knows_edns: bool = False) -> str:
    """Return how a question was denied; nothing where it was not.

    One of ``nxdomain``, ``refused``, ``servfail``, ``empty``, ``timeout``. Three further words say that nothing was
    learned of the name (``NOT_TOLD``): ``unasked``, where the question never left; ``unusable``, where the resolver
    answered and its answer was truncated, cut, unreadable or about the question's form; ``unclear`` for a failure
    without a word.

    Args:
        trial: one question with its answers.
        knows_edns: the same resolver answers another question with EDNS: then it refuses the name, not the form.
    """
    answer = accepted(trial)
    if answer is None:
        if trial.answers or trial.set_aside:
            return "unusable"
        if not trial.questions or (trial.failure in _UNASKED and not trial.packets):
            return "unasked"
        if trial.failure is Failure.UNKNOWN:
            return "unclear"
        return {
            Failure.DNS_NXDOMAIN: "nxdomain",
            Failure.DNS_REFUSED: "refused",
            Failure.DNS_SERVFAIL: "servfail",
            Failure.DNS_NO_ANSWER: "empty",
        }.get(trial.failure or Failure.UNKNOWN, "timeout")
    if answer.rcode == 0:
        # An answer of the asking household's own addresses is no empty one: they were left out, not the resolver.
        return "" if answer.addresses or answer.household else "unusable" if answer.tc else "empty"
    if answer.rcode in _FORM and answer.way is Way.EDNS and not knows_edns:
        return "unusable"
    return {NXDOMAIN: "nxdomain", REFUSED: "refused"}.get(answer.rcode, "servfail")


def shown_wrong(trial: DnsObservation, at: float) -> bool:
    """Tell whether the answer's address showed a certificate, and not the service's.

    What did not connect, or was cut, showed none: that is the story of TCP and TLS; of older probes it is not known.
    A certificate that is right but for its dates is the service's, or the clock's matter.

    Args:
        trial: the question.
        at: UNIX seconds of the trial on the collector's clock.
    """
    if trial.tls_proof is not Proof.REFUSED:
        return False
    leaf = trial.tls_certificate
    out = leaf is not None and (leaf.not_before > min(at, trial.at) or 0 < leaf.not_after < max(at, trial.at))
    return not (out and trial.tls_failure is Failure.SSL_INVALID_CERTIFICATE)


def is_sink(address: str) -> bool:
    """Tell whether an address is one that filters lead to."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip.version == one.version and ip in one for one in _SINKS)


def is_translated(address: str, trials: Iterable[DnsObservation]) -> bool:
    """Tell whether an IPv6 address is an IPv4 one in this network's own translation (RFC 6052, RFC 7050)."""
    try:
        ip = ipaddress.ip_address(address)
        prefixes = [ipaddress.ip_network(text) for trial in trials for text in trial.nat64 or ()]
    except ValueError:
        return False
    return any(ip.version == prefix.version and ip in prefix for prefix in prefixes)


def leads_nowhere(trial: DnsObservation, context: Context) -> bool:
    """Tell whether an answer holds an address that no public service has, the asking household's own among them."""
    answer = accepted(trial)
    nowhere = (each for each in resolved(trial) if context.is_bogon(each) and not is_translated(each, (trial,)))
    return answer is not None and (answer.household > 0 or any(nowhere))


def proves(trials: Iterable[DnsObservation], context: Context) -> bool:
    """Tell whether a set of answers holds an address that a public service could have."""
    return any(not context.is_bogon(address) for trial in trials for address in resolved(trial))


def is_at_home(trial: DnsObservation) -> bool:
    """Tell whether the answers are the household's own word, from its network or from a filter that it chose.

    Of an older probe it is known as far as the TTLs tell.
    """
    if trial.resolver_place is not ResolverPlace.UNKNOWN:
        return trial.resolver_place in {ResolverPlace.HOME, ResolverPlace.CHOSEN}
    ttls = {answer.ttl for answer in trial.answers}
    return bool(ttls) and ttls <= WHOLE_TTLS


def is_chosen(trials: Iterable[DnsObservation]) -> bool:
    """Tell whether a resolver was asked that filters for whoever chooses it."""
    return any(trial.resolver_place is ResolverPlace.CHOSEN for trial in trials)


def said_at_home(
    denied: Sequence[DnsObservation], random: Sequence[DnsObservation], upstream_honest: bool | None
) -> bool:
    """Tell whether what was denied may be the household's own doing: a filter, a router, a program.

    The provider's resolver, asked past the home, decides. Where it could not be asked, what a filter of the household's
    choice says is the household's, and a question that no cache can
    answer shows how long the way past the home is: a denial that took as long was fetched there. Otherwise nothing
    tells the two apart: addresses that filters use, and empty answers, are then the home's; a plain denial is, too,
    unless the probe is too old to have asked. Silence is no filter's.

    Args:
        denied: the questions that were denied or led nowhere, earlier ones too.
        random: those about a label that nobody has used before.
        upstream_honest: what the provider's resolver said past the home; ``None`` where it was not asked.
    """
    told = [trial for trial in denied if trial.answers]
    if not told or not all(is_at_home(trial) for trial in denied):
        return False
    if upstream_honest is not None:
        return upstream_honest
    if is_chosen(told):
        return True
    # Of a question that left again, the time since its first copy says nothing of the way.
    ways = [answer.rtt_ms for trial in random if trial.questions == 1 for answer in trial.answers]
    took = [answer.rtt_ms for trial in told if trial.questions == 1 for answer in trial.answers]
    if ways and took and min(ways) >= _UPSTREAM_MS:
        return max(took) < min(ways) / 2
    return bool(random) or any(_filters(trial) for trial in told)


def _filters(trial: DnsObservation) -> bool:
    """Tell whether an answer is one that filters give: an address of theirs or of the household's, or nothing."""
    answer = accepted(trial)
    if answer is None or answer.rcode != 0:
        return False
    return not answer.addresses or any(is_sink(address) for address in answer.addresses)
