"""Settings as they hold: with what enrolment brought, the clock set going, and the limits of this machine.

Lives here: the first step of every command. Must not live here: opening anything (build.py), or reading the file
(system/config.py).
"""

from dataclasses import dataclass
from pathlib import Path

from balise_agent.net.local_networks import own_prefixes
from balise_agent.policy import limits
from balise_agent.policy.limits import Limits
from balise_agent.provisioning.enrolment import decide
from balise_agent.provisioning.enrolment.files import Files
from balise_agent.run.upkeep import CLOCK_FILE
from balise_agent.system import proxies
from balise_agent.system.clock import Clock
from balise_agent.system.config import Config
from balise_agent.system.identity import KEY_FILE, load_or_create
from balise_agent.system.proxies import Proxy
from balise_wire.enrolment import Enrolment


@dataclass(frozen=True)
class Settled:
    """What every command needs."""

    config: Config
    """With what enrolment brought, where there was one."""
    clock: Clock
    allowed: Limits
    read: Config
    """As it was read."""
    proxies: tuple[Proxy, ...] = ()
    """The operator's."""


def settle(config: Config) -> Settled:
    """Set the clock going and the limits down, with what enrolment brought where there was one.

    Raises:
        ConfigError: a malformed BALISE_CLOCK, a key that cannot be used, or a file of proxies that is wrong.
    """
    clock = Clock.from_environment()
    state_dir = Path(config.probe.state_dir)
    clock.recall(state_dir / CLOCK_FILE)
    known = config
    if not config.by_hand and (state_dir / KEY_FILE).exists():
        kept = Files(state_dir).peek(load_or_create(state_dir), config.enrolment.fingerprint)
        known = with_enrolment(config, kept.enrolment)
    return with_limits(known, clock, config)


def with_limits(config: Config, clock: Clock, read: Config) -> Settled:
    """Return settings with the limits that follow from them and from where this machine stands (ConfigError)."""
    allowed = limits.tightened(config.limits, config.network, own_prefixes(), config.probe.profile)
    named = config.proxies.file
    return Settled(config, clock, allowed, read, proxies.read(Path(named)) if named else ())


def with_enrolment(config: Config, enrolment: Enrolment | None) -> Config:
    """Return the settings with an enrolment in them, where there is one."""
    if enrolment is None:
        return config
    return decide.enrolled(config, enrolment, Files(Path(config.probe.state_dir)).pems)
