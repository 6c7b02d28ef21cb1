"""What the programs of 3e87f94 left on their disks is loaded whole by today's, and what they conclude from it is known.

Programs are asked by their command lines where those can tell: names inside them change, these promises do not. Must
not live here: what a verdict or an incident ought to be.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from balise_agent.delivery.spool import recipient
from balise_agent.delivery.spool.spool import Spool
from balise_agent.provisioning.card import reading
from balise_agent.system.identity import load_or_create as load_probe
from balise_collector.conclude.pipeline import JournalReader, operator_context
from balise_collector.conclude.store.sqlite import SqliteStore
from balise_collector.fleet import catalogue
from balise_collector.fleet.registry.sqlite import SqliteRegistry
from balise_collector.intake.unboxing import letters
from balise_collector.intake.validate import Accepted
from balise_collector.journal.sqlite import SqliteJournal
from balise_collector.system import config as settings
from balise_collector.system.clock import Clock
from balise_collector.system.identity import box_key, public_hex
from balise_collector.system.identity import load_or_create as load_collector
from balise_wire.box import Opener
from balise_wire.card import CardConsent
from balise_wire.seal import Sealer
from balise_wire.topics import Leaf, ProbeTopic
from tests.testbed import scripts

LEFT = Path(__file__).parent / "3e87f94"
CONCLUDED = Path(__file__).parent / "concluded"
"""What today's rules make of it, row by row; made anew with `python -m tests.kept` when they change for a reason."""
CLOCK = "2020-05-18T07:15:00Z@0x0.000001"
"""An hour after the last batch came, and standing still."""
AT = 1_589_786_100.0
compare = scripts.load("compare-replays")


def unpacked(source: Path, folder: Path) -> Path:
    """Put what was left where it can be written to, databases as they were, settings with their place in them."""
    shutil.copytree(source, folder)
    for file in folder.rglob("*.xz"):
        file.with_suffix("").write_bytes(lzma.decompress(file.read_bytes()))
        file.unlink()
    for file in folder.glob("*.toml"):
        file.write_text(file.read_text(encoding="utf-8").replace("@HERE@", str(folder)), encoding="utf-8")
    for file in [*folder.rglob("*.key"), *folder.rglob("*.pem"), *folder.rglob("*.sqlite"), *folder.rglob("*.sealed")]:
        file.chmod(0o600)  # git keeps no more of a mode than whether a file is a program
    return folder


@pytest.fixture(name="collector")
def _collector(tmp_path: Path) -> Path:
    """Return the folder of the collector that was left."""
    return unpacked(LEFT, tmp_path / "collector")


@pytest.fixture(name="probe")
def _probe(tmp_path: Path) -> Path:
    """Return the folder of the probe that was left."""
    return unpacked(LEFT / "probe", tmp_path / "probe")


def run(member: str, folder: Path, *arguments: str) -> str:
    """Return what a command prints; it must end with 0."""
    name = "agent.toml" if member == "agent" else "collector.toml"
    program = Path(sys.executable).parent / f"balise-{member}"
    command = [str(program), "--config", str(folder / name), *arguments]
    environment = os.environ | {"BALISE_CLOCK": CLOCK}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expected(name: str) -> list[str]:
    """Return the rows that are expected."""
    return lzma.decompress((CONCLUDED / f"{name}.xz").read_bytes()).decode().splitlines()


def judged_anew(collector: Path) -> list[str]:
    """Return the rows that a replay of the journal concludes; it must judge every measurement."""
    store = collector / "collector" / "derived.sqlite"
    store.unlink()
    assert run("collector", collector, "replay").startswith("judged 1403 measurements by rules ")
    return list(compare.rows(store))


def gone_on(collector: Path) -> tuple[list[str], list[str]]:
    """Return the rows of the store as it was left, and as it is once a collector has taken it up."""
    config, clock = settings.load(collector / "collector.toml"), Clock.from_environment({"BALISE_CLOCK": CLOCK})
    then = list(compare.rows(config.derived_file))
    with (
        closing(SqliteJournal(config.journal_file)) as journal,
        closing(SqliteStore(config.derived_file)) as store,
        closing(SqliteRegistry(config.fleet_file)) as registry,
    ):
        services = catalogue.configured(config.catalogue.dir, config.catalogue.services)
        reader = JournalReader(journal, store, operator_context(config, clock, registry.fleet(), services))
        assert reader.seq == 1403
        assert len(reader.inference.detector.episodes) == 3
        assert reader.follow(AT) == 0
        reader.save()
        assert [one.service for one in store.incidents()] == ["twitter", "internet"]
    return then, list(compare.rows(config.derived_file))


@pytest.mark.slow
def test_the_journal_is_judged_to_the_same_bytes(collector: Path) -> None:
    """Every verdict, every revision of every incident and every count, but for the version of the rules."""
    known = expected("replayed")
    assert Counter(row.split()[0] for row in known) == {"verdict": 1403, "incident": 12, "tally": 81, "total": 3}
    assert judged_anew(collector) == known


def test_a_collector_goes_on_from_the_store(collector: Path) -> None:
    """The detector's memory of then is taken up: no row is lost or judged again, and what is open stays open.

    Only what an open incident means is weighed by today's rules, in a revision of its own.
    """
    then, now = gone_on(collector)
    assert Counter(row.split()[0] for row in then) == {"verdict": 1403, "incident": 3, "tally": 78, "total": 3}
    assert sorted(now) == sorted([*then, *expected("gone-on")])


@pytest.mark.slow
def test_a_collectors_settings_and_files_are_sound(collector: Path) -> None:
    """Settings, catalogue, keys, authority, registry, journal: `check` reads each of them."""
    told = run("collector", collector, "check")
    assert "asn64501p1" in run("collector", collector, "fleet", "list"), told
    assert "refused      0 certificates" in run("collector", collector, "authority", "show")
    known = json.loads(run("collector", collector, "incidents", "--json", "--verdicts"))
    assert (len(known["incidents"]), len(known["verdicts"])) == (2, 1403)
    assert "twitter" in run("collector", collector, "report").lower()


@pytest.mark.slow
def test_a_backup_is_restored(tmp_path: Path) -> None:
    """Into a folder where no collector lives, by the settings of then."""
    folder = unpacked(LEFT, tmp_path / "restored")
    shutil.rmtree(folder / "collector")
    run("collector", folder, "restore", str(folder / "backup"))
    assert "k7m2q9xd" in run("collector", folder, "fleet", "list")


@pytest.mark.slow
def test_a_probes_settings_and_files_are_sound(probe: Path) -> None:
    """Settings, key, enrolment and task: `check` reads two of them, `plan --day` prints what is asked for."""
    assert "asn64501p1" in run("agent", probe, "check")
    plan = run("agent", probe, "plan", "--day")
    assert {name for name in ("twitter.lab", "zoom.lab", "whatsapp.lab", "periscope.lab") if name in plan} == {
        "twitter.lab", "zoom.lab", "whatsapp.lab", "periscope.lab",
    }  # fmt: skip


def test_what_waited_in_a_spool_still_arrives(probe: Path, collector: Path) -> None:
    """Batches that were sealed and boxed for the collector: it opens each, and refuses nothing in them."""
    identity, centre = load_probe(probe / "state"), load_collector(collector / "collector")
    spool = Spool(
        probe / "state" / "spool.sqlite",
        probe="asn64501p1",
        sealer=Sealer(identity.key),
        max_bytes=10_000_000,
        batch_records=40,
        batch_seconds=30.0,
    )
    assert spool.seal_to(recipient.read(spool.noted("sealed to"), public_hex(centre)).key)
    waiting = spool.rows(0, 1000)
    assert (spool.stream, spool.lost, spool.damage, spool.refusal) == ("c6b39f29f6eeed26", 0, "", "")
    spool.close()
    with closing(SqliteRegistry(collector / "collector" / "fleet.sqlite")) as registry:
        fleet = registry.fleet()
    opener = Opener([box_key(centre)])
    outcomes = [
        letter.outcome
        for row in waiting
        for letter in letters(ProbeTopic("asn64501p1", Leaf(row.kind)), row.frame, fleet, AT, opener)
    ]
    assert len(waiting) == 19
    assert all(isinstance(one, Accepted) and (one.rejected, one.newer) == ((), frozenset()) for one in outcomes)
    assert sum(len(one.measurements) for one in outcomes if isinstance(one, Accepted)) > 60


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_card_is_read(language: str) -> None:
    """Every value, and no complaint, in both languages."""
    read = reading.read((LEFT / "card" / f"balise.{language}.toml").read_bytes())
    assert read.findings == ()
    assert read.settings is not None
    assert read.settings.enrol == ("https://203.0.113.10:8443",)
    consent = CardConsent(version="2026-11", accepted=language == "en")
    assert (read.settings.country, read.settings.consent) == ("PK" if language == "en" else "FR", consent)


def test_what_was_left_names_no_machine() -> None:
    """Settings hold a placeholder and no path of the machine that they were made on."""
    for file in LEFT.rglob("*.toml"):
        assert "/tmp" not in file.read_text(encoding="utf-8"), file  # noqa: S108 - looked for, not used
    assert msgspec.toml.decode((LEFT / "collector.toml").read_bytes())["collector"] == {"state_dir": "@HERE@/collector"}
