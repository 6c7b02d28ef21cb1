"""What people read of the dns experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_collector.system.sentences import noted
from balise_wire.words import Resolver

RCODES: Final = {
    0: noted("no error"),
    1: noted("format error"),
    2: noted("server failure"),
    3: noted("no such name"),
    5: noted("refused"),
}
"""Response codes (RFC 1035, 4.1.1)."""
RESOLVERS: Final = {
    Resolver.PROVIDER: noted("the provider's resolver"),
    Resolver.PUBLIC: noted("a public resolver"),
    Resolver.SILENT: noted("an address where no resolver runs"),
    Resolver.UNKNOWN: noted("somebody that this version does not know"),
}
"""Who was asked."""
