"""What a person at the terminal reads of one measurement: what was sent, what came back, control beside subject.

Lives here: words and columns. Must not live here: any conclusion. A probe states facts; the collector judges.
"""

from collections.abc import Sequence

from balise_wire.evidence import Direction, Packet
from balise_wire.measurement import LineHealth, Measurement
from balise_wire.observations import (
    DnsObservation,
    HttpObservation,
    LineObservation,
    Observation,
    PathObservation,
    TcpObservation,
    TlsObservation,
)
from balise_wire.words import Arm

_MOST_ADDRESSES = 3


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
    """Return the endpoint of a trial."""
    if isinstance(trial, TcpObservation | TlsObservation | HttpObservation) and trial.arm is Arm.SUBJECT:
        return f" at {trial.address} port {trial.port}"
    return ""


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Line columns up."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(trial: Observation) -> tuple[str, str, str, str, str]:
    """Return one trial as columns."""
    sent, back = _told(trial)
    outcome = f"{trial.failure}" + (f"; {back}" if back else "") if trial.failure else back or "nothing"
    return trial.arm, sent, outcome, f"{trial.elapsed_ms:.0f} ms", _packets(trial.packets)


def _told(trial: Observation) -> tuple[str, str]:
    """Return what a trial sent and what came back."""
    match trial:
        case DnsObservation():
            return f"{trial.qtype}? {trial.name} to {trial.resolver} resolver", _answers(trial)
        case TcpObservation():
            back = f"{trial.synacks} SYN-ACK, {trial.resets} RST, {trial.icmp_errors} ICMP"
            return f"{trial.syns} SYN to {trial.address}:{trial.port}", back
        case TlsObservation():
            return f"hello {trial.sni or '(no name)'}{', full handshake' if trial.full else ''}", _tls(trial)
        case HttpObservation():
            scheme = "https" if trial.tls else "http"
            return f"GET {scheme}://{trial.host}{trial.path}", _http(trial)
        case LineObservation():
            good = sum(one.failure is None for one in trial.controls)
            return f"{len(trial.controls)} controls, gateway, resolver", f"{good} controls answer"
        case PathObservation():
            return f"TTL 1 to {len(trial.hops)} to {trial.address}", f"{sum(bool(h.answer) for h in trial.hops)} hops"
        case _:
            return type(trial).__name__, ""


def _answers(trial: DnsObservation) -> str:
    """Return every answer: two that differ are the sign of a forged one."""
    told: list[str] = []
    for answer in trial.answers:
        shown = ", ".join(answer.addresses[:_MOST_ADDRESSES]) or f"rcode {answer.rcode}, no address"
        more = len(answer.addresses) - _MOST_ADDRESSES
        told.append(f"{shown}{f' and {more} more' if more > 0 else ''} ({answer.rtt_ms:.0f} ms)")
    consistent = {True: "; certificate fits", False: "; certificate does not fit", None: ""}[trial.tls_consistent]
    return " | ".join(told) + consistent


def _tls(trial: TlsObservation) -> str:
    """Return what the server said to the hello."""
    if not trial.bytes_received and not trial.record:
        return "" if trial.connect_ms is None else "connected, then not a byte"
    verified = {True: ", chain verified", False: ", chain not verified", None: ""}[trial.verified]
    issuer = f" ({trial.chain[0].issuer})" if trial.chain else ""
    return f"{trial.record or 'bytes'}, {trial.bytes_received} bytes{verified}{issuer}"


def _http(trial: HttpObservation) -> str:
    """Return status, size and title."""
    if trial.status is None:
        return "" if trial.connect_ms is None else "connected, no response"
    title = f", {trial.title!r}" if trial.title else ""
    location = next((f", to {value}" for name, value in trial.headers if name == "location"), "")
    return f"{trial.status}, {trial.body_bytes} bytes{title}{location}"


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
