"""The kernel's rules of a box: what is queued to its program, and what nft does to packets.

Lives here: a pure function from (box, topology, slot) to the text of rules and where they go. Must not live here:
running nft or iptables (world does), deciding about bytes (decide).

A packet that a box has looked at carries the box's bit in its mark and goes through the rules again: so several boxes
at one place each see it, although NFQUEUE ends a chain. A packet to strike carries ENFORCE and the bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from balise_lab.boxes.spec import AT_HOSTING, DNS, HTTP, LINK_FAULTS, QUEUED, SHUTDOWN, SNI, STANDS_IN, Box, Kind
from balise_lab.errors import ConfigError
from balise_lab.topology import UPLINK, Endpoint, Topology

ENFORCE = 0x80000000
SLOTS = 31  # bits below ENFORCE
FIRST_QUEUE = 10
KILLED_SECONDS = 60  # real: as long as a kernel would retransmit into a dead flow
FIRST_PACKETS = 10  # of a flow's own direction; a name stands in the first ones

STAND_IN_PORT = 8443
FLOW = "ipv4_addr . inet_service . ipv4_addr . inet_service"
COUNT_FIRED = 'counter name "matched" counter name "fired"'


@dataclass(frozen=True)
class Rules:
    """Rules of one box: nft script and iptables arguments (after -A or -D) for one namespace."""

    namespace: str
    table: str
    script: str
    queued: tuple[tuple[str, ...], ...]
    queue: int
    bit: int


def rules(box: Box, topology: Topology, slot: int, scale: float = 1.0) -> Rules:
    """The rules of a box in slot number `slot` of its namespace; `scale` turns its residual into real seconds."""
    if not 0 <= slot < SLOTS:
        raise ConfigError(f"box {box.id}: more than {SLOTS} boxes at one place", "give one box several patterns")
    place = namespace(box, topology)
    _check_place(box, topology)
    bit = 1 << slot
    table = "box_" + "".join(c if c.isalnum() else "_" for c in box.id)
    queue = FIRST_QUEUE + slot
    body = "\n".join(_chains(box, topology, place, bit, scale))
    script = f"table ip {table} {{\ncounter seen {{ }}\ncounter matched {{ }}\ncounter fired {{ }}\n{body}\n}}"
    queued = tuple(_queued(box, topology, bit, queue)) if box.kind in QUEUED else ()
    return Rules(place, table, script, queued, queue, bit)


def namespace(box: Box, topology: Topology) -> str:
    """Where a box stands."""
    if box.kind in AT_HOSTING:
        return "hosting"
    if box.kind in LINK_FAULTS:
        return link(box, topology)[0]
    return topology.namespace(box.where).name


def _check_place(box: Box, topology: Topology) -> None:
    """Refuse what would darken more than its word says."""
    kind = topology.namespace(box.where).kind if box.kind in SHUTDOWN | LINK_FAULTS else ""
    if box.kind is Kind.WIFI and kind not in {"probe", "reference"}:
        raise ConfigError(f"box {box.id} (wifi): where is {box.where}", "say where: the probe whose line is gone")
    if box.kind is Kind.ISP_SHUTDOWN and kind != "isp" and not box.isps:
        raise ConfigError(f"box {box.id} (isp.shutdown): no ISP is named", "say where: an ISP, or isps: [...]")


def link(box: Box, topology: Topology) -> tuple[str, str]:
    """Namespace and interface of a fault on a link.

    It is held at the link's far end, where packets are passed on and none are made: what a program sends into a chain
    that drops is an error to it (EPERM), which dnsmasq tells its clients as REFUSED. A lost packet tells nobody.
    """
    place = topology.namespace(box.where)
    found = next((link for link in topology.links if link.child == place.name), None)
    return (found.parent, found.parent_interface) if found is not None else (place.name, UPLINK)


def targets(box: Box, topology: Topology) -> tuple[str, ...]:
    """Addresses an addressed box is about; raises ConfigError when there are none."""
    if box.kind is Kind.RESOLVER_DOWN:
        place = topology.namespace(box.where)
        found = box.addresses or ((place.resolver,) if place.resolver else ())
    elif box.kind is Kind.EDGE_DOWN:
        edges: list[Endpoint] = [e for e in topology.match(box.match) if e.country_addresses != e.addresses]
        found = (*box.addresses, *(a for e in edges for a in e.country_addresses))
    else:
        found = (*box.addresses, *topology.addresses_of(box.match))
    if not found:
        mend = "name a host or service of the scenario, one with an edge for edge.down, or give addresses"
        if box.kind is Kind.RESOLVER_DOWN:
            mend = "say where: the ISP whose resolver is down"
        raise ConfigError(f"box {box.id} ({box.kind}): {box.match or box.where} has no address", mend)
    return tuple(dict.fromkeys(found))


def _sources(box: Box, topology: Topology) -> tuple[str, ...]:
    """Client prefixes a box is restricted to; empty: everyone below it."""
    return (*topology.prefixes(box.isps), *(topology.probe(name).address for name in box.probes))


def _set(values: tuple[str, ...] | tuple[int, ...]) -> str:
    return "{ " + ", ".join(map(str, values)) + " }"


def _scope(box: Box, topology: Topology, place: str) -> str:
    """nft match for packets of the clients a box is about."""
    sources = _sources(box, topology)
    if sources:
        return f"ip saddr {_set(sources)}"
    return "" if place in {"hosting", "dns", "domestic"} else f'iifname != "{UPLINK}"'


def _chains(box: Box, topology: Topology, place: str, bit: int, scale: float) -> Iterator[str]:
    if box.kind is Kind.RATE_POLICE:
        yield from _police(box, bit)
    elif box.kind in DNS | SNI | HTTP:
        yield from _strike(box, bit, scale)
    elif box.kind is Kind.DNS_HIJACK or box.kind in STANDS_IN:
        yield from _redirect(box, topology, place)
    elif box.kind in {Kind.LOSS, Kind.WIFI}:
        yield from _lossy(box, link(box, topology)[1])
    elif box.kind in SHUTDOWN:
        yield from _shutdown(box, topology)
    elif box.kind is not Kind.DELAY:
        yield from _addressed(box, topology, place)


def _strike(box: Box, bit: int, scale: float) -> Iterator[str]:
    """Enforcement for boxes whose program marks: drop what it marked, the flow it belongs to, and the residual."""
    mark = f"{ENFORCE | bit:#x}"
    # Injectors leave DNS over TCP alone; what stands in for a resolver does not.
    flows = box.kind is not Kind.DNS_INJECT
    residual = box.residual / scale
    drop = 'counter name "fired" drop'
    if flows:
        yield f"set killed {{ type {FLOW}; size 65535; flags dynamic,timeout; timeout {KILLED_SECONDS}s; }}"
    if flows and residual > 0:
        milliseconds = max(round(residual * 1000), 1)
        yield "set residual { type ipv4_addr . ipv4_addr . inet_service; size 65535; flags dynamic,timeout; "
        yield f"timeout {milliseconds}ms; }}"
    yield "chain strike {"
    if flows:
        yield "add @killed { ip saddr . tcp sport . ip daddr . tcp dport }"
    if flows and residual > 0:
        yield "add @residual { ip saddr . ip daddr . tcp dport }"
    yield f"{drop}\n}}"
    yield "chain enforce {\ntype filter hook prerouting priority -140; policy accept;"
    yield f"meta mark & {mark} == {mark} jump strike\n}}"
    # Before mangle (-150): what belongs to a dead flow is not asked about again.
    yield "chain remember {\ntype filter hook prerouting priority -160; policy accept;"
    if flows:
        yield f"ip saddr . tcp sport . ip daddr . tcp dport @killed {drop}"
        yield f"ip daddr . tcp dport . ip saddr . tcp sport @killed {drop}"
    if flows and residual > 0:
        yield f"ip saddr . ip daddr . tcp dport @residual {drop}"
    yield "}"


def _police(box: Box, bit: int) -> Iterator[str]:
    """A policer: packets of marked flows above the rate are lost, the ClientHello is not (TSPU, IMC 2022)."""
    bytes_a_second = max(round(box.kbit * 1000 / 8), 1)
    mark = f"{ENFORCE | bit:#x}"
    there = "ip saddr . tcp sport . ip daddr . tcp dport"
    back = "ip daddr . tcp dport . ip saddr . tcp sport"
    limit = f'limit rate over {bytes_a_second} bytes/second burst 16 kbytes counter name "fired" drop'
    yield f"set slow {{ type {FLOW}; size 65535; flags dynamic,timeout; timeout 600s; }}"
    yield "chain enforce {\ntype filter hook prerouting priority -140; policy accept;"
    yield f"meta mark & {mark} == {mark} add @slow {{ {there} }}"
    yield f"{there} @slow {limit}\n{back} @slow {limit}\n}}"


def _redirect(box: Box, topology: Topology, place: str) -> Iterator[str]:
    """Packets reach another server than they were sent to, which answers in the other's name."""
    scope = _scope(box, topology, place)
    here = topology.namespace(place)
    yield "chain divert {\ntype nat hook prerouting priority -100; policy accept;"
    yield f'{scope} counter name "seen"'
    if box.kind is Kind.SERVER_DENIES:
        scope = f"ip saddr {_set(_sources(box, topology) or topology.prefixes(tuple(topology.layout.isps)))}"
        plain = f"{scope} ip daddr {_set(targets(box, topology))} tcp dport 80"
        yield f"{plain} {COUNT_FIRED} dnat to {here.address}:80"
    if box.kind in STANDS_IN:
        there = f"ip daddr {_set(targets(box, topology))} tcp dport 443"
        yield f"{scope} {there} {COUNT_FIRED} dnat to {here.address}:{STAND_IN_PORT}\n}}"
        return
    if not here.resolver:
        raise ConfigError(f"box {box.id} ({box.kind}): {place} has no resolver", "say where: an ISP")
    for protocol in ("udp", "tcp"):
        yield f"{scope} {protocol} dport 53 ip daddr != {here.resolver} {COUNT_FIRED} dnat to {here.resolver}"
    yield "}"


def _lossy(box: Box, interface: str) -> Iterator[str]:
    """Loss on a link, both ways; a dead access link loses everything."""
    share = 10000 if box.kind is Kind.WIFI else round(box.percent * 100)
    chance = f"numgen random mod 10000 < {share} " if share < 10000 else ""
    for hook, way, priority in (("prerouting", "iifname", -310), ("postrouting", "oifname", 310)):
        yield f"chain {hook}_link {{\ntype filter hook {hook} priority {priority}; policy accept;"
        yield f'{way} "{interface}" counter name "seen"'
        yield f'{way} "{interface}" {chance}{COUNT_FIRED} drop\n}}'


def _shutdown(box: Box, topology: Topology) -> Iterator[str]:
    """Everything of a network is dropped. The interface stays up: taking it down would flush routes."""
    sources = _sources(box, topology)
    yield 'chain cut_in {\ntype filter hook prerouting priority -310; policy accept;\ncounter name "seen"'
    if sources:
        yield f"ip saddr {_set(sources)} {COUNT_FIRED} drop"
        yield f"ip daddr {_set(sources)} {COUNT_FIRED} drop\n}}"
        return
    yield f'iifname "{UPLINK}" {COUNT_FIRED} drop\n}}'
    yield "chain cut_out {\ntype filter hook postrouting priority 310; policy accept;"
    yield f'oifname "{UPLINK}" {COUNT_FIRED} drop\n}}'


def _addressed(box: Box, topology: Topology, place: str) -> Iterator[str]:
    """Boxes and faults that look at addresses and ports only."""
    scope = _scope(box, topology, place)
    yield "chain enforce {\ntype filter hook prerouting priority -140; policy accept;"
    yield f'{scope} counter name "seen"'
    for condition, action in _conditions(box, topology):
        yield f"{scope} {condition} {COUNT_FIRED} {action}"
    yield "}"


def _conditions(box: Box, topology: Topology) -> Iterator[tuple[str, str]]:
    ports = f"th dport {_set(box.ports)}" if box.ports else ""
    addressed = box.match or box.addresses or box.kind is Kind.RESOLVER_DOWN
    there = f"ip daddr {_set(targets(box, topology))}" if addressed else ""
    transport = "meta l4proto { tcp, udp }"
    match box.kind:
        case Kind.IP_DROP:
            yield f"{there} {transport + ' ' + ports if ports else ''}", "drop"
        case Kind.IP_RST:
            yield f"{there} meta l4proto tcp {ports}", "reject with tcp reset"
        case Kind.IP_ICMP:
            yield f"{there} {transport + ' ' + ports if ports else ''}", "reject with icmp type admin-prohibited"
        case Kind.PORT_DROP:
            yield f"{there} {transport} {ports}", "drop"
        case Kind.QUIC_DROP:
            yield f"{there} udp dport 443", "drop"
        case Kind.UDP_DROP:
            yield f"{there} {'udp dport ' + _set(box.ports) if box.ports else 'udp dport != 53'}", "drop"
        case Kind.RESOLVER_DOWN:
            yield f"{there} {transport} th dport 53", _dead(box)
        case _:  # server.down, edge.down
            if box.mode == "refuse":
                yield f"{there} meta l4proto tcp {ports}", "reject with tcp reset"
                yield f"{there} meta l4proto udp {ports}", "reject"
            else:
                yield f"{there} {transport + ' ' + ports if ports else ''}", "drop"


def _dead(box: Box) -> str:
    return "reject" if box.mode == "refuse" else "drop"


def _queued(box: Box, topology: Topology, bit: int, queue: int) -> Iterator[tuple[str, ...]]:
    """iptables rules (mangle table) that lead packets to the program."""
    fresh = ("-m", "mark", "!", "--mark", f"{bit:#x}/{bit:#x}")
    into = ("-j", "NFQUEUE", "--queue-num", str(queue), "--queue-bypass")
    if box.kind is Kind.DELAY:
        interface = link(box, topology)[1]
        yield ("PREROUTING", "-i", interface, *fresh, *into)
        yield ("POSTROUTING", "-o", interface, *fresh, *into)
        return
    sources = _sources(box, topology)
    scopes: list[tuple[str, ...]] = [("-s", source) for source in sources] or [("!", "-i", UPLINK)]
    for scope in scopes:
        if box.kind in DNS:
            yield ("PREROUTING", *scope, "-p", "udp", "--dport", "53", *fresh, *into)
        if box.kind is Kind.DNS_INJECT:
            continue
        ports = box.ports or ((80,) if box.kind in HTTP else (53,) if box.kind in DNS else ())
        wanted = ("-m", "multiport", "--dports", ",".join(map(str, ports))) if ports else ()
        first = ("--connbytes", f"0:{FIRST_PACKETS}", "--connbytes-dir", "original", "--connbytes-mode", "packets")
        own = ("-m", "conntrack", "--ctdir", "ORIGINAL")
        yield ("PREROUTING", *scope, "-p", "tcp", *wanted, *own, "-m", "connbytes", *first, *fresh, *into)
