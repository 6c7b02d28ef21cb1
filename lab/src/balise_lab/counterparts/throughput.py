"""Who answers throughput in the lab: the web servers, which have something long, and the helper, which takes uploads.

Must not live here: boxes, what is measured.
"""

from collections.abc import Iterable

from balise_lab.counterparts.engine.counterpart import Counterpart, Server
from balise_lab.counterparts.web import LONG_PATH
from balise_lab.world.topology import Topology
from balise_wire.experiments.throughput import ThroughputParameters
from balise_wire.words import Experiment


def servers(_topology: Topology) -> Iterable[Server]:
    """Return none: `web` starts them."""
    return ()


COUNTERPART = Counterpart(
    name="throughput",
    means="the web servers over TLS, each with 256 KB to give",
    experiments=(Experiment.THROUGHPUT,),
    servers=servers,
    says=lambda port: (ThroughputParameters(path=LONG_PATH, port=port),),
    usual=False,
)
