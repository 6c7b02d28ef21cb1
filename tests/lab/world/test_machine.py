"""How much of the machine a run gets, and programs that are waited for as long as they work."""

from __future__ import annotations

import subprocess
import sys

import pytest

from balise_lab.world import machine


def test_a_machine_is_never_faster_than_alone() -> None:
    """A second of work takes a second at least, and what is slower than that is bounded."""
    assert 1.0 <= machine.slowness() <= machine.MOST


def test_what_a_program_says_and_how_it_ends_is_returned() -> None:
    """Output, errors and exit code, as of any short command."""
    said = machine.run(
        [sys.executable, "-c", "import sys; print('out'); print('bad', file=sys.stderr); sys.exit(3)"], idle=30.0
    )
    assert (said.returncode, said.stdout, said.stderr) == (3, "out\n", "bad\n")


def test_a_program_that_works_is_waited_for() -> None:
    """A limit on work, not on the clock: whoever has waited long for a processor is not given up."""
    code = "import time\nend = time.process_time() + 1.2\nwhile time.process_time() < end: pass\nprint('done')"
    assert machine.run([sys.executable, "-c", code], idle=0.4).stdout == "done\n"


def test_a_program_that_does_nothing_is_ended() -> None:
    """What hangs does not hang a run."""
    with pytest.raises(subprocess.TimeoutExpired):
        machine.run([sys.executable, "-c", "import time; time.sleep(600)"], idle=0.5)


def test_a_program_that_has_ended_costs_no_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run stops dozens of programs, most at once: each measure would be a fifth of a second of work."""
    monkeypatch.setattr(machine, "slowness", lambda: pytest.fail("measured for nothing"))
    machine.wait(subprocess.Popen(["true"]), 30.0)


def test_a_program_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops it may then end it by force."""
    monkeypatch.setattr(machine, "slowness", lambda: 1.0)
    with subprocess.Popen(["sleep", "600"]) as program:
        with pytest.raises(subprocess.TimeoutExpired):
            machine.wait(program, 0.1)
        program.kill()
