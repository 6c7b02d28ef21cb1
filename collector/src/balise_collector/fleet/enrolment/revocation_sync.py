"""Registry and authority brought to agree: who may not speak any more cannot connect any more either.

Called after each change of the registry, and now and then by the running collector, so that a crash between the two is
mended. Must not live here: why somebody may not speak.
"""

from balise_collector.fleet.authority import Authority
from balise_collector.fleet.registry import FleetRegistry


def sync_revocations(registry: FleetRegistry, authority: Authority) -> int:
    """Refuse the certificates of revoked and retired probes and of keys that were replaced; returns how many.

    The registry is held meanwhile: an enrolment in another thread has its certificate recorded before the registry
    knows the key. JournalError where it could not be written.
    """
    with registry.transaction() as held:
        return authority.revoke_others(held.speaking_keys())
