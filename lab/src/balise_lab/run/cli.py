"""The command line: ``balise-lab run|plan|check|list|kinds|field``.

Lives here: arguments, exit codes, and what is printed at the end. Exit code 0: everything expected was found (or
nothing was expected); 1: something was not; 2: the scenario, the machine or the lab is at fault. Must not live here:
playing (runner) or wording progress (progress).
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from balise_lab.boxes.engine.registry import KINDS
from balise_lab.boxes.engine.rules import rules
from balise_lab.compare.influx_outage import Outage
from balise_lab.compare.result import Run, to_json, utc
from balise_lab.errors import ConfigError, LabError
from balise_lab.run import chaos, runner
from balise_lab.run.changes import describe as changed
from balise_lab.run.progress import Progress, closing, describe, sentence, table
from balise_lab.run.settings import PUBLIC_DELAY, PUBLIC_K
from balise_lab.run.speed import at_speed
from balise_lab.scenario.clock import pause
from balise_lab.scenario.layout import box_of, layout_of, places
from balise_lab.scenario.load import load
from balise_lab.scenario.reference import tables
from balise_lab.scenario.scalars import Calendar
from balise_lab.scenario.schema import Scenario, Start
from balise_lab.scenario.source import ScenarioError
from balise_lab.world import relay, tools, wrapper
from balise_lab.world.topology import build

_PAGES = 8484
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser().parse_args(given)
    try:
        return int(arguments.command(arguments, given))
    except ScenarioError as error:
        print(error, file=sys.stderr)
    except (ConfigError, LabError) as error:
        print(f"balise-lab: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("balise-lab: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return 2


def _parser() -> argparse.ArgumentParser:
    """Return the arguments."""
    parser = argparse.ArgumentParser(
        prog="balise-lab",
        description="A censored internet on one machine: plays a scenario to real probes and says what balise found.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="play a scenario and compare what was found with what it expects")
    run.add_argument("file", type=Path)
    run.add_argument("--json", type=Path, metavar="OUT", help="write the result to this file (- is standard output)")
    run.add_argument("--keep", type=Path, metavar="DIR", help="leave settings, logs and stores in this folder")
    run.add_argument("--demo", action="store_true", help="print the report, and leave the pages up in a terminal")
    run.add_argument(
        "--port", type=int, default=_PAGES, help="of the operator's pages on 127.0.0.1 (default: %(default)s)"
    )
    run.add_argument(
        "--public-port", type=int, default=_PAGES + 1, help="of the pages for everybody (default: %(default)s)"
    )
    run.add_argument("--kills", type=int, default=0, metavar="N", help="kill -9 some program N times on the way")
    run.add_argument("--seed", type=int, default=1, help="of the kills' moments and victims (default: %(default)s)")
    run.add_argument("--influx", action="store_true", help="put an InfluxDB beside the collector and count its points")
    run.add_argument(
        "--influx-away", metavar="FROM-TO", help="the same, and kill it for this stretch of the scenario: 10:30-10:45"
    )
    run.add_argument(
        "--beside-others",
        action="store_true",
        help="take no precedence on a busy machine: other runs, or tests, go on beside this one",
    )
    run.set_defaults(command=_run)
    plan = commands.add_parser("plan", help="print the commands that a run would bring the network up with")
    plan.add_argument("file", type=Path)
    plan.set_defaults(command=_plan)
    check = commands.add_parser("check", help="validate scenario files")
    check.add_argument("file", type=Path, nargs="+")
    check.set_defaults(command=_check)
    listing = commands.add_parser("list", help="list the scenarios of a folder")
    listing.add_argument("folder", type=Path, nargs="?", default=Path("tests/scenarios"))
    listing.set_defaults(command=_list)
    field = commands.add_parser(
        "field", help="play situations of the virtual field, and say whether they are told right"
    )
    field.set_defaults(command=_field)
    _field_arguments(field)
    kinds = commands.add_parser("kinds", help="print what a timeline can start, as docs/scenarios.md has it")
    kinds.set_defaults(command=_kinds)
    return parser


# ---------------------------------------------------------------- the small ones


def _check(arguments: argparse.Namespace, _given: list[str]) -> int:
    """Validate files; each that is wrong is told with all its errors."""
    wrong = 0
    for path in arguments.file:
        try:
            scenario = load(path)
        except ScenarioError as error:
            print(error, file=sys.stderr)
            wrong += 1
            continue
        for warning in scenario.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        _try_boxes(scenario)
        minutes = scenario.ends / scenario.scale / 60
        print(f"{path}: good: {len(scenario.probes)} probes, {len(scenario.timeline)} entries, {minutes:.1f} min")
    return 2 if wrong else 0


def _try_boxes(scenario: Scenario) -> None:
    """Make the rules of every box, so that one that cannot stand where it should is told now (ConfigError)."""
    built = build(layout_of(scenario))
    where = {identifier: place.name for identifier, place in places(scenario, built).items()}
    for entry in scenario.timeline:
        if isinstance(entry, Start):
            rules(box_of(entry.disturbance, where), built, 0, scenario.scale)


def _list(arguments: argparse.Namespace, _given: list[str]) -> int:
    """List a folder's scenarios with their summaries."""
    found = sorted(arguments.folder.glob("*.yaml"))
    if not found:
        raise ConfigError(f"{arguments.folder} holds no scenario", "name a folder with *.yaml files")
    for path in found:
        scenario = load(path)
        print(f"{path}\n    {scenario.summary}")
    return 0


def _field_arguments(parser: argparse.ArgumentParser) -> None:
    """Let the virtual field say what it takes, where agent and collector are installed beside the lab."""
    try:
        from balise_lab.field import cli  # noqa: PLC0415 - the lab alone starts them as programs and needs neither
    except ModuleNotFoundError as error:
        missing = str(error.name)
        parser.set_defaults(missing=missing)
        return
    cli.arguments(parser)


def _field(arguments: argparse.Namespace, _given: list[str]) -> int:
    """Play situations in this process."""
    if "missing" in arguments:
        raise ConfigError(
            f"{arguments.missing} is not installed", "install balise-agent and balise-collector beside it"
        )
    from balise_lab.field import cli  # noqa: PLC0415 - as above

    return cli.run(arguments)


def _kinds(_arguments: argparse.Namespace, _given: list[str]) -> int:
    """Print the reference of kinds and parameters."""
    print(tables(KINDS), end="")
    return 0


def _plan(arguments: argparse.Namespace, _given: list[str]) -> int:
    """Print what a run would do, in the order it would."""
    scenario = load(arguments.file)
    built = build(layout_of(scenario))
    print("# the network")
    print("\n".join(built.commands()))
    print("# the programs, each in its namespace, with BALISE_CLOCK set")
    print("ip netns exec centre balise-collector --config RUN/collector.toml run")
    for probe, place in zip(scenario.probes, built.probes, strict=True):
        print(f"ip netns exec {place.name} balise-agent --config RUN/probes/{probe.id}/agent.toml run")
    print("# the timeline")
    for entry in scenario.timeline:
        when = f"{scenario.local(entry.at):%Y-%m-%d %H:%M:%S} ({utc(scenario.unix(entry.at))})"
        print(
            f"{when}  " + (f"start {describe(entry.disturbance)}" if isinstance(entry, Start) else f"stop {entry.id}")
        )
    for change in scenario.changes:
        when = f"{scenario.local(change.at):%Y-%m-%d %H:%M:%S} ({utc(scenario.unix(change.at))})"
        print(f"{when}  {changed(change)}")
    print(f"{scenario.local(scenario.ends):%Y-%m-%d %H:%M:%S} ({utc(scenario.unix(scenario.ends))})  end")
    return 0


# ---------------------------------------------------------------- run


def _run(arguments: argparse.Namespace, given: list[str]) -> int:
    """Play a scenario; the first process only opens the lab's namespaces and runs itself in them."""
    scenario = load(arguments.file)
    if not wrapper.is_inside():
        for program in ("balise-agent", "balise-collector"):
            tools.ours(program)
        if arguments.influx_away:
            _away(scenario, arguments.influx_away)
        for warning in scenario.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        stays = arguments.demo and _is_terminal()
        command = [sys.executable, "-m", "balise_lab.run.cli", *given]
        return wrapper.reexec(command, ports=(arguments.port, arguments.public_port) if stays else ())
    wrapper.arrive()
    with ExitStack() as stack:
        folder = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="balise-lab-")))
        return _play(scenario, _emptied(folder), arguments)


def _away(scenario: Scenario, text: str) -> Outage:
    """Return a stretch of the scenario (ConfigError where it is none, or leaves nothing to compare it with)."""
    calendar = Calendar(scenario.local(0).replace(tzinfo=None), scenario.zone)
    begins, _, ends = text.partition("-")
    try:
        away = Outage(calendar.moment(begins), calendar.moment(ends))
    except ValueError as error:
        raise ConfigError(f"--influx-away {text}: {error}", "write two times of the scenario: 10:30-10:45") from None
    length = away.ends - away.begins
    if length <= 0 or away.begins < length or away.ends + length > scenario.ends:
        raise ConfigError(
            f"--influx-away {text}: the scenario has no stretch of this length before it and another after it",
            "choose a shorter one, nearer to the middle of the scenario",
        )
    return away


def _emptied(folder: Path) -> Path:
    """Return an absolute, empty folder; one with something in it is not touched (ConfigError)."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigError(f"--keep {folder} is not empty", "name a new folder")
    return folder.resolve()


def _play(scenario: Scenario, folder: Path, arguments: argparse.Namespace) -> int:
    """Play inside the lab's namespaces and tell the outcome."""
    quiet = arguments.json is not None and str(arguments.json) == "-"
    scenario = at_speed(scenario, beside_others=arguments.beside_others)
    progress = Progress(scenario, sys.stderr if quiet else sys.stdout)
    progress.begins()
    with_influx = arguments.influx or bool(arguments.influx_away)
    kills = [*chaos.draw(scenario, arguments.kills, arguments.seed, with_influx=with_influx)]
    if kills:
        progress.say(f"{len(kills)} kill -9, seed {arguments.seed}")
    if arguments.influx_away:
        kills.append(chaos.outage(scenario, _away(scenario, arguments.influx_away)))
    kills.sort(key=lambda kill: kill.at)
    with runner.warmed_up(
        scenario, folder, port=_PAGES, progress=progress, kills=tuple(kills), with_influx=with_influx
    ) as stage:
        runner.play(stage)
        run = runner.collect(stage)
        _write(run, arguments.json)
        if arguments.demo:
            progress.say("")
            progress.say(_report(stage))
        _tell(run, progress)
        if arguments.demo and _is_terminal():
            _stay(stage, run, arguments, progress)
    return 0 if run.ok else 1


def _report(stage: runner.Stage) -> str:
    """Return the collector's report; why there is none where it has none: what else was found is told all the same."""
    try:
        return stage.programs.ask("report").rstrip()
    except LabError as error:
        return f"no report: {error}"


def _write(run: Run, path: Path | None) -> None:
    """Write the result where it was asked for."""
    if path is None:
        return
    if str(path) == "-":
        sys.stdout.buffer.write(to_json(run))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_json(run))


def _tell(run: Run, progress: Progress) -> None:
    """Print incidents, boxes, counts, and the table of expectations."""
    progress.say("")
    progress.say("incidents:")
    for incident in run.incidents or ():
        progress.say(f"  {sentence(run.scenario, incident)}")
    if not run.incidents:
        progress.say("  none")
    for name, counted in run.counters.items():
        progress.say(f"box {name}: " + ", ".join(f"{key} {value}" for key, value in counted.items()))
    counts = run.counts
    progress.say(
        f"measurements: {counts.recorded} recorded, {counts.journalled} in the journal, {counts.missing} missing, "
        f"{counts.repeated} repeated, {counts.quarantined} messages refused"
    )
    for note in run.notes:
        progress.say(f"note: {note}")
    if run.rows:
        progress.say("")
        for line in table(run.rows):
            progress.say(line)
        right = sum(row.ok for row in run.rows)
        progress.say(f"{right} of {len(run.rows)} as expected: {'the run is right' if run.ok else 'the run is WRONG'}")


def _stay(stage: runner.Stage, run: Run, arguments: argparse.Namespace, progress: Progress) -> None:
    """Leave the operator's pages and those for everybody up until Ctrl-C."""
    public, operator = (f"http://127.0.0.1:{port}/" for port in (arguments.public_port, arguments.port))
    frozen = runner.stand_still(stage, run.incidents, public.rstrip("/"))
    scenario = stage.scenario
    when = f"{scenario.local(frozen.at - scenario.starts):%d %B %Y, %H:%M} ({scenario.zone}), {utc(frozen.at)}"
    ports = (stage.centre.port, frozen.public_port)
    bridges = [relay.start("centre", "127.0.0.1", port, number=number) for number, port in enumerate(ports)]
    held = [bridge for bridge in bridges if bridge is not None]
    for line in closing(when, public, operator, frozen.token, PUBLIC_K, PUBLIC_DELAY):
        progress.say(line)
    try:
        while held and all(bridge.poll() is None for bridge in held):
            pause(0.5)
    except KeyboardInterrupt:
        progress.say("")
    finally:
        for bridge in held:
            bridge.kill()
            bridge.wait()


def _is_terminal() -> bool:
    """Whether a person is there: standard input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


if __name__ == "__main__":
    sys.exit(main())
