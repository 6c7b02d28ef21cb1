"""What a person at the terminal reads of one measurement: what was sent, what came back, control beside subject.

Lives here: words and columns. Must not live here: what one experiment sent and saw (experiments/<x>/outcome.py), or
any conclusion. A probe states facts; the collector judges.
"""

from collections.abc import Sequence

from balise_agent.delivery import lookup
from balise_agent.experiments import reader_of
from balise_wire.evidence import Direction, Packet
from balise_wire.measurement import LineHealth, Measurement
from balise_wire.observations import Observation
from balise_wire.words import Arm


def rendered(made: Measurement) -> str:
    """Return the whole answer: heading, table, packets."""
    where = next((place for trial in made.observations if (place := _place(trial))), "")
    lines = [
        f"{made.experiment} on {made.host}{where}, {made.ended - made.started:.1f} s",
        f"design {made.design}: control first, so that it suffers from no earlier trial; no cool-down was waited for",
        _line(made.line),
        "",
        *_table([("arm", "sent", "came back", "after", "packets"), *(_row(trial) for trial in made.observations)]),
        "",
        "These are observations, not a verdict: compare subject with control and scrambled. Where a collector is",
        "installed, `balise-collector judge FILE` explains the --json form.",
    ]
    for number, trial in enumerate(made.observations, 1):
        if trial.packets:
            lines += ["", f"packets of trial {number} ({trial.arm}):", *map(_packet, trial.packets)]
    return "\n".join(lines)


def _line(line: LineHealth | None) -> str:
    """Say how the line itself is."""
    if line is None:
        return "line: not looked at"
    words = {True: "well", False: "silent", None: "unknown"}
    return (
        f"line: gateway {words[line.gateway_ok]}, resolver {words[line.resolver_ok]}, controls "
        f"{line.domestic_ok + line.international_ok} of {line.domestic + line.international} answer"
        + (", behind a captive portal" if line.captive else "")
    )


def _place(trial: Observation) -> str:
    """Return the endpoint of a subject's trial, where it is more than the name that stands there anyway."""
    at = reader_of(trial).read(trial).at
    if at is None or trial.arm is not Arm.SUBJECT or not lookup.literal(at.host):
        return ""
    return f" at {at.host} port {at.port}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Line columns up."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(trial: Observation) -> tuple[str, str, str, str, str]:
    """Return one trial as columns."""
    told = reader_of(trial).describe(trial)
    back = told.back
    outcome = f"{trial.failure}" + (f"; {back}" if back else "") if trial.failure else back or "nothing"
    return trial.arm, told.sent, outcome, f"{trial.elapsed_ms:.0f} ms", _packets(trial.packets)


def _packets(packets: Sequence[Packet]) -> str:
    """Return the flags in order, ``>`` ours and ``<`` theirs."""
    marks = (f"{'>' if p.direction is Direction.OUT else '<'}{p.flags or p.icmp or p.protocol}" for p in packets)
    return " ".join(marks)


def _packet(packet: Packet) -> str:
    """Return one packet as a line: time, direction, what it is, TTL, IP-ID, numbers, size."""
    what = packet.flags or (f"icmp {packet.icmp} from {packet.hop}" if packet.icmp else packet.protocol)
    arrow = "->" if packet.direction is Direction.OUT else "<-"
    numbers = f"seq {packet.seq} ack {packet.ack} win {packet.window}" if packet.protocol == "tcp" else ""
    return (
        f"  {packet.t_us / 1000:9.2f} ms {arrow} {what:<6} ttl {packet.ttl:<3} id {packet.ip_id:<5} "
        f"{numbers} len {packet.length}{' ' + packet.options if packet.options else ''}"
    )
