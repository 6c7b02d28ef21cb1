"""Who answers vpn in the lab: the operator's helper, which ``call`` starts.

Must not live here: boxes, what is measured.
"""

from collections.abc import Iterable

from balise_lab.counterparts.engine.counterpart import Counterpart, Server
from balise_lab.world.topology import Topology
from balise_wire.words import Experiment


def servers(_topology: Topology) -> Iterable[Server]:
    """Return none: the helper is one program."""
    return ()


COUNTERPART = Counterpart(
    name="vpn",
    means="the operator's helper (balise-agent helper --vpn-ports, --vpn-tcp-ports), where a scenario measures VPN "
    "handshakes",
    experiments=(Experiment.VPN,),
    servers=servers,
    usual=False,
)
