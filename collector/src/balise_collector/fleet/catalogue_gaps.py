"""What a catalogue lacks, and what cannot be told for it: lines for the operator who checks his settings. Pure.

A list without these is measured all the same; verdicts stay weaker or undecided, and nothing else would say why. Must
not live here: what is wrong with a file (catalogue.py refuses it).
"""

from collections.abc import Collection, Iterator

from balise_collector.fleet.catalogue import DOUBTED, Catalogue
from balise_wire.experiments import REGISTRY
from balise_wire.words import Experiment, Scope

_SHOWN = 6
"""Names of one line."""
_TLS_PORT = 443
_STUN_LEAST = 3
"""Other operators' servers of STUN that a series asks."""


def gaps(
    catalogue: Catalogue,
    *,
    silent: Collection[str],
    countries: Collection[str],
    references: int,
    helpers: Collection[str] = (),
) -> tuple[str, ...]:
    """Return a line for each thing that is missing.

    Args:
        catalogue: as it is in force.
        silent: addresses without a resolver that the settings name.
        countries: in which members measure.
        references: how many of them measure from abroad.
        helpers: the operator's own servers.
    """
    return (
        *_of_names(catalogue, silent),
        *_of_controls(catalogue, countries),
        *_of_targets(catalogue, references, helpers),
    )


def _of_names(catalogue: Catalogue, silent: Collection[str]) -> Iterator[str]:
    if not (*catalogue.dns.silent_addresses, *silent):
        yield (
            "no silent address: an answer that was forged on the way is not proved (dns.injected, dns.replaced); "
            "name an address of yours that runs no resolver in [catalogue] silent_addresses"
        )
    if not catalogue.dns.control_name:
        yield "no control name: a refused name is not told from a dead resolver; set [dns] control_name"
    if not catalogue.dns.public_resolvers:
        yield "no public resolver: who else would know a name is not asked; set [dns] public_resolvers"


def _of_controls(catalogue: Catalogue, countries: Collection[str]) -> Iterator[str]:
    foreign = [control for control in catalogue.controls if control.scope is Scope.INTERNATIONAL]
    if not foreign:
        yield "no international control: nothing that fails can be told from a dead line; add [[control]]"
    if foreign and len({control.port for control in foreign}) == 1:
        yield "all international controls are on one port: a line on which that port alone is dead looks dead"
    if not any(control.page for control in catalogue.controls):
        yield "no control with a known page: a captive portal that answers 200 is not seen; add page = {...} on port 80"
    at_home = {control.country for control in catalogue.controls if control.scope is Scope.DOMESTIC}
    if missing := sorted(set(countries) - at_home):
        yield f"no domestic control for {', '.join(missing)}: a cut border is not told from a cut line there"


def _of_targets(catalogue: Catalogue, references: int, helpers: Collection[str]) -> Iterator[str]:
    entries = [entry for service in catalogue.services for entry in service.targets]
    named = sorted({entry.host for entry in entries if Experiment.TLS in entry.experiments and not entry.neighbour})
    if named:
        more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        yield f"no neighbour of {', '.join(named[:_SHOWN])}{more}: their control is a stranger to the server"
    if doubted := sorted({entry.host for entry in entries if entry.confidence in DOUBTED}):
        more = f" and {len(doubted) - _SHOWN} more" if len(doubted) > _SHOWN else ""
        yield f"no sure source of {', '.join(doubted[:_SHOWN])}{more}: what fails there may be a name that moved"
    if not any(entry.http_port == _TLS_PORT for entry in entries if Experiment.HTTP in entry.experiments):
        yield "nothing is fetched over TLS: a service that refuses a country, and a frozen transfer, are not seen"
    stun = sorted({entry.host for entry in entries if Experiment.STUN in entry.experiments})
    if stun and len({server.name for server in catalogue.stun}) < _STUN_LEAST:
        yield (
            f"calls are measured ({', '.join(stun[:_SHOWN])}) and fewer than {_STUN_LEAST} other STUN servers are "
            "named: a line without UDP is not told from a dead call server; add [[stun]]"
        )
    helped = {word.value for entry in entries for word in entry.experiments if REGISTRY[word].at_helper}
    if helped and not helpers:
        yield (
            f"no helper: nothing is sent for {', '.join(sorted(helped))}; run balise-agent helper on a server of yours "
            "and name it in [catalogue] helpers"
        )
    if not references:
        yield "no reference: what is down everywhere is not told from what is blocked, and probes find addresses alone"
