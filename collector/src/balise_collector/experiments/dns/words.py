"""What people read of the dns experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_collector.system.sentences import gettext_noop
from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Resolver

RCODES: Final = {
    0: gettext_noop("no error"),
    1: gettext_noop("format error"),
    2: gettext_noop("server failure"),
    3: gettext_noop("no such name"),
    5: gettext_noop("refused"),
}
"""Response codes (RFC 1035, 4.1.1)."""
RESOLVERS: Final = {
    Resolver.PROVIDER: gettext_noop("the provider's resolver"),
    Resolver.PUBLIC: gettext_noop("a public resolver"),
    Resolver.UPSTREAM: gettext_noop("the provider's resolver, asked past the home's own"),
    Resolver.SILENT: gettext_noop("an address where no resolver runs"),
    Resolver.UNKNOWN: gettext_noop("somebody that this version does not know"),
}
"""Who was asked."""
FAILURES: Final = {
    Failure.DNS_BOGON: "an address that no public service has",
    Failure.DNS_NO_ANSWER: "an answer without an address",
    Failure.DNS_NXDOMAIN: "told that the name does not exist",
    Failure.DNS_REFUSED: "question refused",
    Failure.DNS_SERVER_MISBEHAVING: "a malformed answer",
    Failure.DNS_SERVFAIL: "the resolver failed",
}
MECHANISMS: Final = {
    Mechanism.DNS_INJECT: "forged DNS answers",
    Mechanism.DNS_NXDOMAIN: "the provider's resolver says that the name does not exist",
    Mechanism.DNS_BOGUS: "the provider's resolver gives a false address",
    Mechanism.DNS_REFUSED: "the provider's resolver refuses the name",
    Mechanism.DNS_SILENT: "DNS questions about the name stay unanswered",
    Mechanism.DNS_HIJACK: "DNS questions are intercepted on the way",
}
