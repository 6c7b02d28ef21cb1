"""What is remembered of references' handshakes: nothing but the target, which is remembered of every experiment. Pure.

The server is the operator's own and its address is in no measurement. Must not live here: rules.
"""

from balise_collector.judge.references import ReferenceTable, Report
from balise_wire.experiments.vpn import VpnObservation


def note(table: ReferenceTable, report: Report, trial: VpnObservation) -> None:
    """Take nothing in."""
