"""`make ansible-test`: python -m balise_ground [--suite bookworm] [--hold].

Lives here: the two halves. Outside, with the build machine's network: the root, the wheelhouse. Then this program runs
itself anew in namespaces without any way out, and plays the course there; whatever ends it ends the machines too.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import subprocess
import sys
from pathlib import Path

from balise_ground import needs, rootfs
from balise_ground.chain import Unanswered
from balise_ground.course import CourseError, play, prepare
from balise_ground.ground import Ground, build
from balise_ground.machine import DoesNotBoot

PROJECT = Path(__file__).resolve().parents[3]
CACHE = PROJECT / ".cache/ansible"


def main() -> int:
    """Exit 0 when everything was as it should be or nothing could be tried, 1 with the reason otherwise."""
    parser = argparse.ArgumentParser(prog="ansible-test", description="The playbooks on machines made for them.")
    parser.add_argument(
        "--suite", choices=rootfs.SUITES, default="trixie", help="Debian's release; default: %(default)s"
    )
    parser.add_argument("--hold", action="store_true", help="boot the machines and keep them, to try a playbook on")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ["PATH"] = needs.search_path(PROJECT)
    if arguments.inside:
        return _inside(arguments.suite, hold=arguments.hold)
    reason = needs.missing(PROJECT)
    if reason:
        print(f"ansible-test: skipped: {reason}", flush=True)
        # A person may lack the means; continuous integration that does is a broken set-up.
        return 1 if os.environ.get("CI", "") not in {"", "0", "false"} else 0
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        rootfs.build(PROJECT, CACHE, arguments.suite)
    except rootfs.CannotBuild as error:
        print(f"ansible-test: {error}", file=sys.stderr)
        return 1
    target = f"{rootfs.SUITES[arguments.suite]}-{platform.machine()}"
    subprocess.run([str(PROJECT / "tools/wheelhouse"), "--for", target, str(CACHE / "wheelhouse")], check=True)
    sys.stdout.flush()
    again = [
        sys.executable,
        "-m",
        "balise_ground",
        "--inside",
        "--suite",
        arguments.suite,
        *(["--hold"] if arguments.hold else []),
    ]
    namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return subprocess.run(["unshare", *namespaces, *again], check=False).returncode


def _inside(suite: str, *, hold: bool) -> int:
    try:
        ground = build(rootfs.place(CACHE, suite), PROJECT / ".tools/bin", dt.datetime.now(dt.UTC))  # noqa: TID251 - the edge
        if hold:
            _hold(ground)
        else:
            play(PROJECT, CACHE, ground)
    except (CourseError, DoesNotBoot, Unanswered) as error:
        print(f"ansible-test: {error}", file=sys.stderr)
        return 1
    return 0


def _hold(ground: Ground) -> None:
    """Keep the machines until standard input ends, and say how to reach them."""
    path = prepare(CACHE, ground)
    print(f"ground: inventory {path}, key {ground.key.private}, host keys {ground.key.known_hosts}")
    print("ground: nsenter --target PID-OF-THIS --mount --net --pid; it ends with its standard input", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    sys.exit(main())
