"""The command line: ``balise-collector [--config FILE] COMMAND``.

Lives here: arguments, and printing what the other modules return. Must not live here: anything a page or a test would
want too. An operator's mistake is one line on standard error and exit status 2.
"""

import argparse
import os
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TextIO, cast

import msgspec

from balise_collector.conclude.inference import Inference
from balise_collector.conclude.judgement import explain, judge
from balise_collector.conclude.pipeline import operator_context, replay
from balise_collector.conclude.releases import Releases
from balise_collector.conclude.store import Store
from balise_collector.fleet import catalogue
from balise_collector.fleet.catalogue_gaps import gaps
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.incidents import as_json
from balise_collector.incidents.findings import finding, findings
from balise_collector.judge import RULES_VERSION
from balise_collector.pages.views.report_facts import with_past
from balise_collector.run import app, public_server
from balise_collector.run.commands import Command
from balise_collector.run.commands import authority as authority_commands
from balise_collector.run.commands import backup as backup_commands
from balise_collector.run.commands import broker as broker_commands
from balise_collector.run.commands import captures as capture_commands
from balise_collector.run.commands import export as export_commands
from balise_collector.run.commands import fleet as fleet_commands
from balise_collector.run.commands import parts as parts_commands
from balise_collector.run.commands import request as request_commands
from balise_collector.run.commands import servers as servers_commands
from balise_collector.run.commands import tokens as token_commands
from balise_collector.run.commands import watch as watch_commands
from balise_collector.run.commands import where as where_commands
from balise_collector.run.commands.enrolment import lines as enrolment_lines
from balise_collector.run.databases import Databases
from balise_collector.sinks import registry as sinks
from balise_collector.system import config as settings
from balise_collector.system import identity
from balise_collector.system.clock import Clock
from balise_collector.system.config import Config
from balise_collector.system.errors import ConfigError, JournalError
from balise_collector.system.harmless import Terminal
from balise_collector.words.countries import WORLD, country_name, zone_of
from balise_collector.words.report import ReportFacts, report
from balise_collector.words.translation import Language, languages
from balise_collector.words.wording import standing
from balise_wire.measurement import Measurement, read_measurement


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Nothing that it prints can move a terminal's cursor."""
    out, err = cast("TextIO", Terminal(sys.stdout)), cast("TextIO", Terminal(sys.stderr))
    with redirect_stdout(out), redirect_stderr(err):
        return _main(argv)


def _main(argv: list[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        if getattr(arguments, "pcap", None) or getattr(arguments, "transfers", None):
            return _judge_captures(arguments)
        clock = Clock.from_environment()
        app.log_to_stderr(clock)
        config = settings.load(Path(arguments.config), files_come_later=getattr(arguments, "makes_files", False))
        sinks.check(config, arguments.config)
        code = int(arguments.command(config, clock, arguments))
        sys.stdout.flush()
    except (ConfigError, JournalError) as error:
        print(f"balise-collector: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, less) left; what it did not want is not our failure.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="balise-collector", description="The centre of a balise fleet.")
    parser.add_argument("--config", default=str(settings.DEFAULT_PATH), metavar="FILE", help="default: %(default)s")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _command(commands, "run", _run, "collect, judge, detect and serve the pages until SIGTERM")
    public = _command(commands, "public", _public, "serve the public view alone, where [public] apart says so")
    public.set_defaults(makes_files=True)  # it may see neither the token of the pages nor what opens the broker
    _command(commands, "key", _key, "print the public key that probes trust; make it where there is none")
    judge = _command(commands, "judge", _judge, "explain what the rules say of measurements, or of packet captures")
    judge.add_argument(
        "file", nargs="?", help="JSON: a measurement, a list of them, or one a line; - is standard input"
    )
    judge.add_argument("--json", action="store_true", help="print the verdicts, not the explanation")
    judge.add_argument("--reference", action="store_true", help="judge as a reference abroad")
    capture_commands.add(judge)
    _command(commands, "replay", _replay, "judge the whole journal anew with the current rules, and swap that in")
    incidents = _command(commands, "incidents", _incidents, "what was found, also while the collector runs")
    incidents.add_argument("--json", action="store_true")
    incidents.add_argument("--verdicts", action="store_true", help="with --json: every verdict too")
    incidents.add_argument("--since", type=_time, metavar="TIME", help="UNIX seconds or ISO, e.g. 2020-05-17T16:00Z")
    report = _command(commands, "report", _report, "the incident report, to read aloud and to quote")
    report.add_argument("--language", choices=languages(), default="en")
    report.add_argument("--since", type=_time, metavar="TIME", help="as for incidents")
    report.add_argument("--unconfirmed", action="store_true", help="also what one probe alone saw; not to be passed on")
    release = _command(commands, "release", _release, "let the public see an incident's evidence, redrawn, a day late")
    release.add_argument("incident", nargs="?", help="its id in the operator view; without one: list what is released")
    release.add_argument("--undo", action="store_true", help="take it back")
    parts_commands.add(commands, _saying, _time)
    servers_commands.add(commands, _saying, _time)
    where_commands.add(commands, _saying, _time)
    watch_commands.add(commands, _saying, _time)
    export_commands.add(commands, _saying, _time)
    request_commands.add(commands, _saying)
    backup_commands.add(commands, _saying)
    _command(commands, "check", _check, "read every setting and file, and say what is wrong")
    fleet = _group(commands, "fleet", "who may speak")
    fleet_commands.add(fleet, _saying)
    token_commands.add(fleet, _saying)
    authority_commands.add(_group(commands, "authority", "the fleet's own certificates"), _saying)
    broker_commands.add(_group(commands, "broker", "the files of the broker"), _saying)
    _influx_commands(_command(commands, "influx", None, "the InfluxDB that dashboards read"))
    return parser


def _command(commands: Any, name: str, function: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=function)
    return parser


def _group(commands: Any, name: str, text: str) -> Any:
    """Return the place for the commands of a group."""
    return _command(commands, name, None, text).add_subparsers(title="commands", required=True, metavar="COMMAND")


def _saying(commands: Any, name: str, function: Command, text: str) -> argparse.ArgumentParser:
    """Add a command that returns lines."""

    def say(config: Config, clock: Clock, arguments: argparse.Namespace) -> int:
        lines = iter(function(config, clock, arguments))
        while True:
            try:
                line = next(lines)
            except StopIteration as end:
                return int(end.value or 0)
            print(line, flush=True)

    return _command(commands, name, say, text)


def _run(config: Config, clock: Clock, arguments: argparse.Namespace) -> int:
    return app.run(config, clock, Path(arguments.config))


def _public(config: Config, clock: Clock, _arguments: argparse.Namespace) -> int:
    return public_server.run(config, clock)


def _key(config: Config, _clock: Clock, _arguments: argparse.Namespace) -> int:
    print(identity.public_hex(identity.load_or_create(config.state_dir)))
    return 0


def _check(config: Config, clock: Clock, arguments: argparse.Namespace) -> int:
    """Read what ``run`` would read, and print what it found."""
    key = identity.load_or_create(config.state_dir)
    services = catalogue.configured(config.catalogue.dir, config.catalogue.services)
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        members = registry.fleet().active()
        approved, waiting = len(members), len(registry.pending())
    targets = sum(len(service.targets) for service in services.services)
    print(f"settings   {arguments.config}: good")
    print(f"key        {identity.public_hex(key)}")
    print(f"catalogue  {services.version}: {len(services.services)} services, {targets} targets")
    if services.offered:
        print(f"catalogue  to choose from: {', '.join(service.id for service in services.offered)}")
    print(f"controls   {len(services.controls)}")
    probes = {member.network.country for member in members if not member.reference}
    references = sum(member.reference for member in members)
    silent = config.catalogue.silent_addresses
    for gap in gaps(services, silent=silent, countries=probes, references=references, helpers=config.catalogue.helpers):
        print(f"catalogue  LACKS {gap}")
    print(f"fleet      {approved} approved, {waiting} waiting")
    for line in enrolment_lines(config, clock.now()):
        print(line)
    print(f"influx     {_influx_line(config)}")
    print(f"broker     {', '.join(f'{broker.host}:{broker.port}' for broker in config.broker)}")
    return 0


# ---------------------------------------------------------------- conclusions


def _time(text: str) -> float:
    """Read UNIX seconds or an ISO time; without a zone it is UTC."""
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _judge(config: Config, clock: Clock, arguments: argparse.Namespace) -> int:
    """Judge a file by the rules, with the operator's catalogue and laboratory but no references."""
    if arguments.file is None:
        raise ConfigError("judge: name a file of measurements, or captures with --pcap and --control, or --transfers")
    services = catalogue.configured(config.catalogue.dir, config.catalogue.services)
    with closing(SqliteRegistry(config.fleet_file)) as registry:
        inference = Inference(operator_context(config, clock, registry.fleet(), services))
    found = read_measurements(sys.stdin.buffer.read() if arguments.file == "-" else _read(Path(arguments.file)))
    for measurement in found:
        context = inference.context("here", measurement, reference=arguments.reference)
        if arguments.json:
            print(msgspec.json.encode(judge(measurement, context)).decode())
        else:
            print(explain(measurement, context), end="\n\n")
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a file that this user can read") from None


def _judge_captures(arguments: argparse.Namespace) -> int:
    """Judge pairs of capture files; a file that cannot be read costs its own pair, and is said at the end."""
    lines, complaints = capture_commands.judged(arguments)
    for line in lines:
        print(line)
    sys.stdout.flush()
    for complaint in complaints:
        print(f"balise-collector: {complaint}", file=sys.stderr)
    return 2 if complaints else 0


def read_measurements(data: bytes) -> list[Measurement]:
    """Read one measurement, a JSON list of them, or one a line (ConfigError with the line)."""
    text = data.strip()
    try:
        if text.startswith(b"["):
            return [read_measurement(one)[0] for one in msgspec.json.decode(text, type=list[msgspec.Raw])]
        return [read_measurement(text)[0]]
    except msgspec.DecodeError as whole:
        found = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                found.append(read_measurement(line)[0])
            except msgspec.DecodeError as error:
                why = error if number > 1 else whole
                raise ConfigError(
                    f"line {number} is no measurement: {why}; see `balise-agent once ... --json`"
                ) from None
        return found


def _replay(config: Config, clock: Clock, _arguments: argparse.Namespace) -> int:
    services = catalogue.configured(config.catalogue.dir, config.catalogue.services)
    judged, found = replay(config, clock, services, partial(Databases, config))
    print(f"judged {judged} measurements by rules {RULES_VERSION}: {found} incidents")
    return 0


def _open_store(config: Config) -> Store:
    if not config.journal_file.exists():
        raise ConfigError(f"{config.journal_file}: nothing was collected yet; start balise-collector run")
    return Databases(config).store


def _incidents(config: Config, clock: Clock, arguments: argparse.Namespace) -> int:
    since: float | None = arguments.since
    with closing(_open_store(config)) as store:
        found = [one for one in store.incidents() if since is None or one.end is None or one.end.latest >= since]
        verdicts = store.verdicts(since) if arguments.verdicts else []
    if arguments.json:
        answer: dict[str, Any] = {"incidents": [as_json(one) for one in found], "generated": clock.now()}
        if arguments.verdicts:
            answer["verdicts"] = verdicts
        print(msgspec.json.encode(answer).decode())
        return 0
    for one in found:
        print(f"{one.id}  {_utc(one.onset.latest)}  {_utc(one.end.latest) if one.end else 'not ended':<20}  ", end="")
        mechanisms = ", ".join(share.mechanism for share in one.mechanisms) or "-"
        alone = "" if one.confirmed else f"  {standing(one)[0]}"
        what = f"{one.country} {one.service} [{mechanisms}] {one.locality} {one.grade}{alone}"
        print(f"{one.state:<11} {one.kind:<13} {what}")
    if not found:
        print("no incident: nothing that the probes measured, by these rules")
    return 0


def _release(config: Config, clock: Clock, arguments: argparse.Namespace) -> int:
    """Release an incident's evidence to the public view, or take that back."""
    name: str | None = arguments.incident
    with closing(Releases(config.releases_file)) as releases, closing(_open_store(config)) as store:
        if name is None:
            for incident, at in releases.all().items():
                print(f"{incident}  released {_utc(at)}")
        elif arguments.undo:
            if not releases.hold(name):
                raise ConfigError(f"{name}: not released; `balise-collector release` lists what is")
            print(f"{name}: held back from now on; what was shown before may have been kept by others")
        else:
            found = store.incident(name)
            if found is None:
                raise ConfigError(f"{name}: there is no such incident; see balise-collector incidents")
            if finding(found) is None:
                raise ConfigError(f"{name}: {', '.join(standing(found))}; so no finding; it is not published")
            releases.release(name, clock.now())
            print(f"{name}: its evidence is shown in public, redrawn, once it is a day old")
    return 0


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%MZ")


def _report(config: Config, clock: Clock, arguments: argparse.Namespace) -> int:
    """Print the report over the incidents of the time asked for; a report is passed on, so it is made of findings."""
    services = catalogue.configured(config.catalogue.dir, config.catalogue.services)
    with closing(_open_store(config)) as store:
        known = [one for one in store.incidents() if arguments.since is None or one.onset.latest >= arguments.since]
    found = known if arguments.unconfirmed else [*findings(known)]
    if alone := len(known) - len(found):
        print(f"{alone} seen by one probe only and left out: see balise-collector incidents", file=sys.stderr)
    countries, language = {one.country for one in found}, Language(arguments.language)
    facts = ReportFacts(
        services={service.id: service.name for service in services.services},
        countries={
            code: config.collector.country_names.get(code) or country_name(code, language)
            for code in countries | {code for one in found for code in one.references.countries_ok}
        },
        zones={code: zone_of(code) for code in countries},
        written_at=clock.now(),
        home=min(countries - {WORLD}, default=""),
        rules=RULES_VERSION,
    )
    with closing(Databases(config)) as databases:
        facts = with_past(facts, parts_commands.view_of(config, clock, databases), found)
    print(report(found, facts, language), end="")
    return 0


# ---------------------------------------------------------------- InfluxDB


def _influx_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    setup = _command(commands, "setup", _influx_setup, "make buckets, retention, InfluxQL mappings and two tokens")
    setup.add_argument(
        "--admin-token-file", metavar="FILE", help="2.x: an operator token; 1.x: name:password of an administrator"
    )
    setup.add_argument("--read-token-file", metavar="FILE", help="for Grafana; default: [influx] token_file + .read")
    setup.add_argument("--retention", type=int, default=90, metavar="DAYS", help="of points; 0 is for ever")
    setup.add_argument("--rollup-retention", type=int, default=0, metavar="DAYS", help="of roll-ups; 0 is for ever")


def _influx_setup(config: Config, _clock: Clock, arguments: argparse.Namespace) -> int:
    """Print each step as it is made; the tokens go into files, never to the terminal."""
    # Imported where it is wanted: no other command needs an HTTP client.
    from balise_collector.sinks.influx.setup import setup  # noqa: PLC0415 - as said

    if min(arguments.retention, arguments.rollup_retention) < 0:
        raise ConfigError("--retention: give days, 0 for ever")
    credential = _read(Path(arguments.admin_token_file)).decode().strip() if arguments.admin_token_file else ""
    read_token_file = Path(arguments.read_token_file or f"{config.influx.token_file}.read")
    for line in setup(config.influx, credential, arguments.retention, arguments.rollup_retention, read_token_file):
        print(line)
    return 0


def _influx_line(config: Config) -> str:
    """Say where points go, and whether a token is at hand."""
    influx = config.influx
    if not influx.url:
        return "none; points for Grafana need [influx] url"
    token = "token set" if influx.token else f"token in {influx.token_file}"
    if influx.token_file and not Path(influx.token_file).is_file():
        token = f"{influx.token_file} is not there yet: balise-collector influx setup"
    return f"{influx.url}, buckets {influx.bucket} and {influx.rollup_bucket}, {token}"


if __name__ == "__main__":
    sys.exit(main())
