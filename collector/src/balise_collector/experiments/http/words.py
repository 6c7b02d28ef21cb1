"""What people read of the http experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_wire.failures import Failure
from balise_wire.mechanisms import Mechanism

FAILURES: Final = {
    Failure.HTTP_MALFORMED: "an answer that is no HTTP",
}
MECHANISMS: Final = {
    Mechanism.HTTP_BLOCKPAGE: "another page is shown in the service's place",
    Mechanism.HTTP_REDIRECT: "requests are redirected elsewhere on the way",
    Mechanism.HTTP_RST: "requests are reset as soon as they name the service",
    Mechanism.HTTP_DROP: "requests stay unanswered as soon as they name the service",
    Mechanism.TCP_FREEZE: "connections to the address freeze after some kilobytes",
}
