"""Carrying out what a scenario changes: versions, moves, addresses, the catalogue.

Lives here: the deed of each kind. Must not live here: when it is due (runner), or how a file says it (scenario).
"""

from balise_lab.counterparts import dns
from balise_lab.run.lab import Lab
from balise_lab.run.programs import Programs
from balise_lab.scenario.layout import new_place
from balise_lab.scenario.schema import Change, Changed, Scenario


def carry_out(change: Change, scenario: Scenario, lab: Lab, programs: Programs, now: float) -> None:
    """Change what a scenario says.

    Args:
        change: it.
        scenario: whose it is.
        lab: servers and places.
        programs: agents and collector.
        now: UNIX seconds of the scenario's clock.
    """
    told = scenario.catalogued(change.at)
    match change.kind:
        case Changed.VERSION:
            programs.install(change.to, *change.probes)
        case Changed.PROVIDER:
            for probe in change.probes:
                programs.move(probe, new_place(scenario, lab.topology, probe, change.to), now)
        case Changed.ADDRESSES:
            lab.servers.renew(*dns.authorities(lab.topology, told.moved))
            programs.catalogue(lab.topology, told)
        case _:
            programs.catalogue(lab.topology, told)


def describe(change: Change) -> str:
    """Return a change in words."""
    who = ", ".join(change.probes) or change.host
    match change.kind:
        case Changed.VERSION:
            return f"version {change.to} on {who}"
        case Changed.PROVIDER:
            return f"move to {change.to}: {who}"
        case Changed.ADDRESSES:
            return f"{who} has new addresses, in DNS and in the catalogue"
        case _:
            return f"{who} is {'added to' if change.to == 'yes' else 'taken out of'} the catalogue"
