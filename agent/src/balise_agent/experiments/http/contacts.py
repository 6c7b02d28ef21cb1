"""Whom ``http`` contacts: the target's endpoint, under its own name; under others when something fails."""

from typing import Final

from balise_agent.experiments.http.plan import PLAN
from balise_agent.experiments.target_contacts import OneEndpoint
from balise_wire.experiments.http import TRAITS

CONTACTS: Final = OneEndpoint(TRAITS, PLAN)
