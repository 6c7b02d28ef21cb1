"""Whom ``tls`` contacts: the target's endpoint, under its own name; under others when something fails."""

from typing import Final

from balise_agent.experiments.target_contacts import OneEndpoint
from balise_agent.experiments.tls.plan import PLAN
from balise_wire.experiments.tls import TRAITS

CONTACTS: Final = OneEndpoint(TRAITS, PLAN)
