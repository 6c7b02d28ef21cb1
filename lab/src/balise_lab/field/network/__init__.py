"""The modelled internet between probes and centre: homes, lines, resolvers, servers, boxes and faults, as data.

``Field`` carries out the steps of the agent's plans (``conductor.NetworkAccess``) for any number of probes on one true
clock; nothing in it sleeps, opens a socket or draws from anything but its seed. It shares no code with what it judges:
it knows the vocabulary of steps and of the wire, and no plan, codec, rule or bound. Must not live here: agendas,
collectors, situations or what must be said of them.
"""

from balise_lab.field.network.effects import ACTS, KINDS, SETTINGS, TAKES, Effect
from balise_lab.field.network.field import Access, Field
from balise_lab.field.network.homes import Home, Resolver
from balise_lab.field.network.hosts import SHIPPED, Host, Page, World

__all__ = [
    "ACTS",
    "KINDS",
    "SETTINGS",
    "SHIPPED",
    "TAKES",
    "Access",
    "Effect",
    "Field",
    "Home",
    "Host",
    "Page",
    "Resolver",
    "World",
]
