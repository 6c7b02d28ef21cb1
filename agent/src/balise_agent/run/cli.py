"""``balise-agent``: the commands a person types. Exit codes: 0 fine, 1 measuring is impossible, 2 usage or settings.

``status`` and ``doctor`` keep to them: 1 where nothing runs or a cause was found, 2 where the settings cannot be read.

Lives here: arguments, printing, and the turning of our exceptions into one line with a mend. Must not live here: any
work; each command is one call.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from balise_agent import __version__
from balise_agent.provisioning.card import cli as card
from balise_agent.run import build, failure, helper, program
from balise_agent.run.settle import Settled, settle
from balise_agent.system import config as settings
from balise_agent.system import service
from balise_agent.system.errors import ConfigError, DataError, KeyUnusableError, LinkUnusable
from balise_agent.system.problems import ProblemId, Trouble
from balise_wire.experiments import ASKED, MEASURED, OF_TARGETS
from balise_wire.experiments.call import PORTS
from balise_wire.experiments.vpn import TCP_PORTS as VPN_TCP_PORTS
from balise_wire.experiments.vpn import UDP_PORTS as VPN_PORTS
from balise_wire.words import Experiment

FINE, IMPOSSIBLE, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    service.log_to(verbose=options.verbose)
    try:
        code: int = options.command(options)
        sys.stdout.flush()
    except ConfigError as error:
        print(f"balise-agent: {error}", file=sys.stderr)
        return USAGE
    except LinkUnusable as error:
        print(f"balise-agent: cannot measure: {error}", file=sys.stderr)
        return IMPOSSIBLE
    except BrokenPipeError:
        # The reader (head, less) left; what it did not want is not our failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except KeyboardInterrupt:
        return IMPOSSIBLE
    return code


def _parser() -> argparse.ArgumentParser:
    """Return the grammar of the command line."""
    parser = argparse.ArgumentParser(
        prog="balise-agent", description="The balise probe: packet-level tests of internet interference."
    )
    parser.add_argument("--version", action="version", version=f"balise-agent {__version__}")
    parser.add_argument("--config", type=Path, help=f"settings (default {settings.DEFAULT_PATH})")
    parser.add_argument("--verbose", action="store_true", help="log more")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="measure and publish until stopped")
    run.set_defaults(command=_run)

    once = commands.add_parser("once", help="one experiment on one target, now, without a collector")
    once.add_argument("experiment", type=_experiment, metavar="EXPERIMENT", help=", ".join(_experiments()))
    once.add_argument("target", nargs="?", default="", metavar="TARGET", help="target id, HOST or HOST:PORT")
    once.add_argument("--address", default="", help="test this address, not what the name resolves to")
    once.add_argument("--control", default="", help="name to put in the place of the subject's")
    once.add_argument("--json", action="store_true", help="print the measurement as JSON")
    once.add_argument("--pcap", default="", metavar="FILE", help="write the packets to a file")
    once.add_argument("--assignment", type=Path, metavar="FILE", help="assignment (default: the stored one)")
    once.set_defaults(command=_once)

    helping = commands.add_parser(
        "helper", help="answer every name over TLS, for the operator's probes (docs/operator.md)"
    )
    helping.add_argument("--address", default="::", help="to listen on (default %(default)s: all)")
    helping.add_argument("--port", type=int, default=443, help="of TLS (default %(default)d; probes ask that one)")
    helping.add_argument("--http-port", type=int, default=80, help="of HTTP (default %(default)d; 0: none)")
    helping.add_argument(
        "--udp-ports", type=int, nargs="*", default=[*PORTS], metavar="PORT",
        help=f"for trains in the shape of a call (default {' '.join(map(str, PORTS))}; none: no such trains)",
    )  # fmt: skip
    helping.add_argument(
        "--vpn-ports", type=int, nargs="*", default=[], metavar="PORT",
        help=f"of UDP, for handshakes of VPN protocols (default none; usual {' '.join(map(str, VPN_PORTS))})",
    )  # fmt: skip
    helping.add_argument(
        "--vpn-tcp-ports", type=int, nargs="*", default=[], metavar="PORT",
        help=f"of TCP, for those that go over it (default none; usual {' '.join(map(str, VPN_TCP_PORTS))})",
    )  # fmt: skip
    helping.add_argument("--state", type=Path, default=Path("/var/lib/balise-helper"), help="folder of its certificate")
    helping.set_defaults(command=_helper)

    plan = commands.add_parser("plan", help="print everything this probe will contact")
    plan.add_argument("--day", action="store_true", required=True, help="for one day")
    plan.add_argument("--json", action="store_true", help="print as JSON")
    plan.add_argument("--assignment", type=Path, metavar="FILE", help="(default: the stored one)")
    plan.set_defaults(command=_plan)

    listing = commands.add_parser("list", help="list the experiments")
    listing.set_defaults(command=_list)

    check = commands.add_parser("check", help="check the settings; print id and public key for the operator")
    check.set_defaults(command=_check)

    status = commands.add_parser("status", help="what the running probe does now")
    status.add_argument("--json", action="store_true", help="print as JSON")
    status.set_defaults(command=_status)

    doctor = commands.add_parser("doctor", help="what is wrong, and the mend; exit code 1 with a cause")
    doctor.add_argument("--json", action="store_true", help="print as JSON")
    doctor.set_defaults(command=_doctor)
    for one in (run, once, plan, listing, check, status, doctor):
        # Also after the command, where people type it; SUPPRESS keeps one given before it.
        one.add_argument("--config", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    card.add(commands)
    return parser


def _experiments() -> list[str]:
    """Return the experiments that this probe knows."""
    return [word.value for word in MEASURED]


def _experiment(text: str) -> Experiment:
    if text not in _experiments():
        raise argparse.ArgumentTypeError(f"{text!r} is no experiment; choose from {', '.join(_experiments())}")
    return Experiment(text)


def _settled(options: argparse.Namespace, *, needed: bool) -> Settled:
    """Read the settings; a command that works anywhere goes without where the default file is not there."""
    path = options.config or settings.DEFAULT_PATH
    if options.config is None and not needed and not path.exists():
        return settle(settings.standalone())
    return settle(settings.load(path))


def _run(options: argparse.Namespace) -> int:
    """Be a probe; what keeps it from that is in the status files, for whoever has no terminal."""
    try:
        found = settings.load(options.config or settings.DEFAULT_PATH)
    except ConfigError as error:
        failure.tell_failure(None, error)
        raise
    try:
        program.run(settle(found))
    except (LinkUnusable, DataError, KeyUnusableError) as error:
        failure.tell_failure(found, error)
        raise
    return FINE


def _helper(options: argparse.Namespace) -> int:
    helper.run(
        options.address,
        options.state,
        (options.port, options.http_port),
        options.udp_ports,
        vpn_ports=options.vpn_ports,
        vpn_tcp_ports=options.vpn_tcp_ports,
    )
    return FINE


def _once(options: argparse.Namespace) -> int:
    """Measure once and show it."""
    # These bring scapy with them; the other commands start without.
    from balise_agent.policy.egress import Egress  # noqa: PLC0415
    from balise_agent.run import console, once  # noqa: PLC0415
    from balise_agent.system.reactor import Reactor  # noqa: PLC0415

    if not options.target and options.experiment in {*OF_TARGETS, *ASKED}:
        raise ConfigError(f"once {options.experiment} needs a TARGET: a target id, HOST or HOST:PORT")
    settled = _settled(options, needed=False)
    if settled.read.probe.id != settings.standalone().probe.id and not settled.config.consent.accepted:
        # On a host's line a person at the terminal is no exception; elsewhere whoever types it is the host.
        raise ConfigError(Trouble(id=ProblemId.CONSENT_MISSING).sentence())
    keeper = build.assignments(settled)
    now = settled.clock.now()
    if options.assignment is not None:
        keeper.current = keeper.read(options.assignment, now)
    else:
        keeper.restore(now)
    wish = once.Wish(options.experiment, options.target, options.address, options.control or once.CONTROL_NAME)
    with contextlib.ExitStack() as stack:
        reactor = Reactor(settled.clock)
        stack.callback(reactor.close)
        link = stack.enter_context(build.open_link(settled, reactor, Egress(settled.allowed, settled.clock)))
        made = once.measure_on_link(
            settled.config, settled.allowed, settled.clock, reactor, link, wish, keeper.current, options.pcap
        )
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(made), indent=2).decode())
    else:
        print(console.rendered(made))
        if options.pcap:
            print(f"\nthe packets are in {options.pcap}")
    return FINE


def _plan(options: argparse.Namespace) -> int:
    """Print the manifest."""
    from balise_agent.codec.clienthello import client_hello  # noqa: PLC0415
    from balise_agent.codec.ja4 import ja4  # noqa: PLC0415
    from balise_agent.measure import contact_manifest  # noqa: PLC0415
    from balise_agent.measure.task_choice import Device  # noqa: PLC0415
    from balise_agent.net import tls_shape  # noqa: PLC0415

    settled = _settled(options, needed=options.assignment is None)
    keeper = build.assignments(settled)
    if options.assignment is not None:
        keeper.current = keeper.read(options.assignment, settled.clock.now())
    else:
        for notice in keeper.restore(settled.clock.now()):
            print(f"{notice.kind}: {notice.detail}", file=sys.stderr)
    if keeper.current is None:
        raise ConfigError("no assignment is stored yet, so nothing is contacted; name a file with --assignment FILE")
    allowed = settled.allowed
    device = Device(secret=b"", laboratory=allowed.laboratory, lan=allowed.lan, proxies=settled.proxies)
    found = contact_manifest.manifest(keeper.current, device=device)
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
        return 0
    print(contact_manifest.rendered(found))
    print(
        "\nWhoever watches the line can tell programs apart by how their TLS begins (JA4):\n"
        f"  single hellos                           {ja4(client_hello('www.example.org', seed=1))} (as a browser's)\n"
        f"  whole handshakes, and to the collector  {ja4(tls_shape.hello())} (a program's, not a browser's)"
    )
    return FINE


def _list(_options: argparse.Namespace) -> int:
    """Print the experiments with the first words of their documentation."""
    from balise_agent.experiments import REGISTRY  # noqa: PLC0415

    for word, experiment in REGISTRY.items():
        print(f"{word:<6} {_described(experiment.plan)}")
    return FINE


def _described(plan: object) -> str:
    """Return the question of an experiment: the first sentence of its folder's package, after the colon."""
    folder = type(plan).__module__.rpartition(".")[0]
    text = (sys.modules[folder].__doc__ or "").partition("\n")[0]
    return text.partition(": ")[2].partition(" See ")[0]


def _check(options: argparse.Namespace) -> int:
    """Print who this probe is, and whether its settings would work."""
    from balise_agent.system.identity import load_or_create  # noqa: PLC0415

    settled = _settled(options, needed=True)
    probe = settled.config.probe
    identity = load_or_create(Path(probe.state_dir))
    print(f"probe      {probe.id or 'not registered yet'}")
    print(f"public key {identity.public_hex}")
    print(f"network    {probe.country or '??'} AS{probe.asn} {probe.access} ({probe.role}, {probe.profile})")
    brokers = ", ".join(f"{broker.host}:{broker.port}" for broker in settled.config.broker)
    fronts = ", ".join(settled.config.enrolment.urls) or "nowhere"
    print(f"brokers    {brokers or f'to be learned at {fronts}'}")
    print(f"clock      {settled.clock.state()}")
    print(f"capture    {_capture(settled)}")
    consent = settled.config.consent
    print(f"consent    {consent.version or 'no version'}, {'accepted' if consent.accepted else 'NOT accepted'}")
    if not consent.accepted:
        print("nothing will be measured until the host agrees: set [consent] accepted = true")
    print("settings are good")
    return FINE


def _status(options: argparse.Namespace) -> int:
    """Print what the running program said of itself."""
    from balise_agent.system import status, status_file  # noqa: PLC0415

    found = settings.load(options.config or settings.DEFAULT_PATH)
    folder = status_file.found(found)
    told = status_file.read(folder)
    if told is None:
        print(f"balise-agent: nothing in {folder} says that it ran; try: balise-agent doctor", file=sys.stderr)
        return IMPOSSIBLE
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    else:
        print(status.for_terminal(told, settle(found).clock.now()))
    return FINE


def _doctor(options: argparse.Namespace) -> int:
    """Print the first cause of what is wrong, and its mend."""
    from balise_agent.run import diagnostics, doctor  # noqa: PLC0415

    facts = diagnostics.examine(options.config or settings.DEFAULT_PATH)
    found = doctor.diagnose(facts)
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(doctor.record(found)), indent=2).decode())
    else:
        print(doctor.rendered(found))
    if facts.settings_error:
        return USAGE
    return FINE if found.cause is None else IMPOSSIBLE


def _capture(settled: Settled) -> str:
    """Say whether this user, on this machine, could measure: often another one runs ``check`` than the service."""
    from balise_agent.policy.egress import Egress  # noqa: PLC0415
    from balise_agent.system.reactor import Reactor  # noqa: PLC0415

    reactor = Reactor(settled.clock)
    try:
        with build.open_link(settled, reactor, Egress(settled.allowed, settled.clock)):
            return "possible for this user"
    except LinkUnusable as error:
        return f"not possible for this user: {error}"
    finally:
        reactor.close()


if __name__ == "__main__":
    sys.exit(main())
