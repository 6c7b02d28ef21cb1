"""How programs end."""

import subprocess
import sys

PROGRAM = """
import sys
from balise_wire.incomplete import started

def run():
    for number in range(100_000):
        print(number)
    return 0

sys.exit(started("balise-x", run))
"""


def test_who_stops_reading_gets_no_traceback() -> None:
    """``balise-collector incidents | head`` ends as if by SIGPIPE, without a word."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline() == b"0\n"
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 141


def test_a_broken_pipe_that_is_not_the_output_is_not_hidden() -> None:
    """A socket that the other side closed is a mistake of ours, and seen."""
    code = "from balise_wire.incomplete import started\ndef run():\n    raise BrokenPipeError\nstarted('x', run)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert "BrokenPipeError" in done.stderr
