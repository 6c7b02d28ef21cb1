"""The closed list of mechanisms: how a service is kept from people, or how it fails by itself.

One word joins four places: the lab's box of that kind, the judge's rule that recognises it, the incident that carries
it and the sentence people read. Adding a word here is the first step of recognising a new technique.
"""

from balise_wire.word import Word


class Mechanism(Word):
    """What was observed to stand between the probe and the service."""

    DNS_INJECT = "dns.inject"
    DNS_NXDOMAIN = "dns.nxdomain"
    DNS_BOGUS = "dns.bogus"
    DNS_REFUSED = "dns.refused"
    DNS_SILENT = "dns.silent"
    DNS_HIJACK = "dns.hijack"
    IP_DROP = "ip.drop"
    IP_RST = "ip.rst"
    IP_ICMP = "ip.icmp"
    IP_PREFIX = "ip.prefix"
    """Its neighbours in the prefix with it."""
    IP_AS = "ip.as"
    """Other prefixes of its network with it."""
    PORT_DROP = "port.drop"
    SNI_RST = "sni.rst"
    SNI_DROP = "sni.drop"
    SNI_FIN = "sni.fin"
    SNI_ALERT = "sni.alert"
    """A TLS alert comes in the place of the server's hello."""
    SNI_ALLOW = "sni.allow"
    """Only names on a list get through."""
    TLS_DROP = "tls.drop"
    """Greetings to the address die whatever name they carry."""
    TLS_MITM = "tls.mitm"
    TCP_FREEZE = "tcp.freeze"
    """Connections to the address freeze after some kilobytes."""
    HTTP_BLOCKPAGE = "http.blockpage"
    HTTP_REDIRECT = "http.redirect"
    HTTP_RST = "http.rst"
    HTTP_DROP = "http.drop"
    QUIC_DROP = "quic.drop"
    RATE_POLICE = "rate.police"
    RATE_SHAPE = "rate.shape"
    UDP_DROP = "udp.drop"
    VPN_DROP = "vpn.drop"
    SHUTDOWN_ISP = "isp.shutdown"
    SERVER_DOWN = "server.down"
    SERVER_REFUSES = "server.refuses"
    EDGE_DOWN = "edge.down"
    UNKNOWN = "unknown"
    """One that a newer collector knows."""
