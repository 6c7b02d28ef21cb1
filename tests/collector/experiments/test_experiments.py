"""The registry: every word has every part, whatever is missing is said at once, and a stranger is no crash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import balise_collector
from balise_collector import experiments
from balise_collector.experiments import LAYERS, RULES, layer_of, word_of
from balise_wire.experiments import OBSERVATIONS
from balise_wire.words import Experiment
from tests.testbed.cases import Case

TABLES = ("NOTES", "EVIDENCE", "POINTS", "EXPORTS", "BOUNDS", "DESTINATIONS")


@pytest.mark.parametrize("table", TABLES)
def test_every_part_is_there_for_every_word(table: str) -> None:
    """What is asked of one experiment can be asked of all."""
    assert set(getattr(experiments, table)) == set(Experiment.known())


def test_a_rule_that_stands_before_several_layers_is_one_rule() -> None:
    """An id means one thing: detector and grades ask for rules by it and nothing else."""
    for layer in LAYERS.values():
        for rule in layer.rules:
            same = RULES[rule.id]
            known = (rule.state, rule.mechanism, rule.weight, rule.rests_on_silence, rule.proof, rule.reason)
            assert known == (same.state, same.mechanism, same.weight, same.rests_on_silence, same.proof, same.reason)


def test_a_trial_is_of_the_experiment_whose_tag_it_has(case: Case) -> None:
    """The tag on the wire is the word."""
    for trial in (case.hello(), case.syns(1), case.asked(), case.page(), case.line()):
        assert type(trial) is OBSERVATIONS[word_of(trial)]


def test_an_experiment_without_rules_has_words_and_no_key_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set aside says why; at 3e87f94 it was a KeyError, and the service went round in circles."""
    monkeypatch.setattr(experiments, "LAYERS", {})
    with pytest.raises(LookupError, match="experiment tls: this collector has no rules for it"):
        layer_of(Experiment.TLS)


def test_the_program_says_all_that_is_missing_and_does_not_start(tmp_path: Path) -> None:
    """Each part that an experiment lacks is named, over all of them, in one line; there is no traceback."""
    source = Path(balise_collector.__file__).parent
    shutil.copytree(source, tmp_path / "balise_collector", ignore=shutil.ignore_patterns("__pycache__", "locale"))
    there = tmp_path / "balise_collector" / "experiments"
    (there / "tls" / "evidence.py").unlink()
    (there / "dns" / "export.py").unlink()
    shutil.rmtree(there / "http")
    program = "import sys; from balise_collector.run.start import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "check"], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    for missing in ("tls/evidence.py is missing", "dns/export.py is missing", "experiments/http.py is missing"):
        assert missing in line
