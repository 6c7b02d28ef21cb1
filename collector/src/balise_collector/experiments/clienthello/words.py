"""What people read of the clienthello experiment, in English; the catalogues translate it. Pure."""

from typing import Final

from balise_wire.mechanisms import Mechanism

MECHANISMS: Final = {
    Mechanism.TLS_ECH: "connections die as soon as their greeting has Encrypted Client Hello (ECH), and pass without "
    "it to the same server",
    Mechanism.TLS_ESNI: "connections die as soon as their greeting has Encrypted SNI (ESNI), and pass without it to "
    "the same server",
}
