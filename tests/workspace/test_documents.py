"""What the documents tell people to type, open and look at is there: commands with their flags, playbooks, links.

The programs are not started: their own parsers are asked. Must not live here: what a document says about anything.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from balise_agent.run import cli as agent
from balise_collector.run import cli as collector

PROGRAMS = {"balise-agent": agent._parser(), "balise-collector": collector._parser()}
ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"^(?: {4}|\t)([^\n]+)$|^```.*?\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
NAMED = re.compile(rf"(?:^|bin/|[\s(])({'|'.join(PROGRAMS)}) (.+)")


def code(text: str) -> Iterator[str]:
    """Yield each line of code of a document, in blocks and inside sentences, continued lines as one."""
    for found in CODE.finditer(re.sub(r"\s*\\\n\s*", " ", text)):
        yield from (found[1] or found[2] or found[3]).splitlines()


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command line of our programs with its words, remarks and alternatives left out."""
    for line in code(text):
        if found := NAMED.search(line):
            told = re.split(r"\s#|\s{3,}|;|\s&&\s|\s\|\s|`", found[2])[0]
            if not re.search(r"[|\[\]]|\.\.\.|\+", told):
                yield found[1], shlex.split(told)


def findings(parser: argparse.ArgumentParser, words: list[str]) -> list[str]:
    """Return which words of a command line the program does not know."""
    unknown = []
    for word in words:
        below = next((one for one in parser._actions if isinstance(one, argparse._SubParsersAction)), None)
        if word.startswith("--"):
            unknown += [] if word.partition("=")[0] in parser._option_string_actions else [word]
        elif below is not None and word in below.choices:
            parser = below.choices[word]
        elif below is not None and re.fullmatch("[a-z]+", word) and not {"--config"} & set(words):
            unknown.append(word)
    return unknown


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_exists(document: Path) -> None:
    """Nobody is told to type what a program refuses to understand."""
    wrong = {
        f"{program} {' '.join(words)}": found
        for program, words in commands(document.read_text(encoding="utf-8"))
        if (found := findings(PROGRAMS[program], words))
    }
    assert not wrong


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_task_and_playbook_exists(document: Path) -> None:
    """`make something` is a task of the Makefile, and a playbook that is named is there."""
    tasks = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in code(document.read_text(encoding="utf-8")):
        if found := re.match(r"make ([a-z-]+(?: [a-z-]+)*)(?:\s{2,}.*|\s*)$", line):
            assert set(found[1].split()) <= tasks, line
        for playbook in re.findall(r"playbooks/[a-z]+\.yml", line):
            assert (ROOT / "ansible" / playbook).exists(), line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    """A link to a file of ours, and a picture, is one that is there."""
    targets = LINK.findall(document.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (document.parent / target).exists()]


def test_the_test_itself_finds_faults() -> None:
    """A command and a flag that do not exist are seen, one that exists is not."""
    parser = PROGRAMS["balise-collector"]
    assert findings(parser, ["fleet", "tokens"]) == ["tokens"]
    assert findings(parser, ["fleet", "token", "--kount", "4"]) == ["--kount"]
    assert findings(parser, ["fleet", "halt", "PK", "--undo"]) == []
    told = "`balise-collector fleet list`\n\n    balise-collector check   # well\n    x | balise-agent status --json\n"
    assert [words for _, words in commands(told)] == [["fleet", "list"], ["check"], ["status", "--json"]]
