"""What people read of the dns experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_collector.system.sentences import gettext_noop
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
    Resolver.SILENT: gettext_noop("an address where no resolver runs"),
    Resolver.UNKNOWN: gettext_noop("somebody that this version does not know"),
}
"""Who was asked."""
