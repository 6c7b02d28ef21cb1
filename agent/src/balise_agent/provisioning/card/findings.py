"""What is the matter with a settings file: one finding for each thing, with its line and its mend.

The ids are permanent; docs/card.md explains each. Must not live here: how a finding is found, or how it is shown.
"""

from enum import StrEnum

import msgspec

MOST = 30
"""Findings of one severity that are kept; a file with more is not mended by reading on."""


class Severity(StrEnum):
    """What a finding means for the person with the card."""

    MENDED = "mended"
    """Read anyway, as it was surely meant; nothing to do."""
    IGNORED = "ignored"
    """Left out, and nothing else depends on it."""
    WRONG = "wrong"
    """This value cannot be used: the last good one stays, or the box waits."""


class CardProblem(StrEnum):
    """Every kind of finding; the words are permanent."""

    NO_FILE = "no-file"
    SEVERAL_FILES = "several-files"
    OTHER_NAME = "other-name"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NOT_TEXT = "not-text"
    WORD_PROCESSOR = "word-processor"
    TOO_LARGE = "too-large"
    CUT = "cut"
    ENCODING = "encoding"
    MARK = "mark"
    NUL = "nul"
    LINE_ENDS = "line-ends"
    BLANKS = "blanks"
    COMMENT = "comment"
    QUOTES = "quotes"
    QUOTE_MISSING = "quote-missing"
    BACKSLASH = "backslash"
    SEPARATOR = "separator"
    TRAILING = "trailing"
    WRAPPED = "wrapped"
    BRACKETS = "brackets"
    CASE = "case"
    NOT_UNDERSTOOD = "not-understood"
    UNKNOWN_TABLE = "unknown-table"
    UNKNOWN_KEY = "unknown-key"
    OTHER_WORD = "other-word"
    WRONG_PLACE = "wrong-place"
    TWICE = "twice"
    NOT_YES_OR_NO = "not-yes-or-no"
    NOT_A_LIST = "not-a-list"
    NOT_ONE = "not-one"
    CHOICE = "choice"
    COUNTRY = "country"
    FINGERPRINT = "fingerprint"
    TOKEN = "token"  # noqa: S105 - the word for a finding, not a secret
    TOKEN_WIPED = "token-wiped"  # noqa: S105 - the word for a finding, not a secret
    ADDRESS = "address"
    WIFI_NAME = "wifi-name"
    WIFI_PASSWORD = "wifi-password"  # noqa: S105 - the word for a finding, not a secret
    SSH_KEY = "ssh-key"
    LABEL = "label"
    CONSENT = "consent"
    MISSING = "missing"
    LAST_GOOD = "last-good"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be."""

    problem: CardProblem
    severity: Severity
    line: int = 0
    """Counted from 1 as editors do; 0 is the file as a whole."""
    what: str
    """What was found, without the value of a secret."""
    mend: str
    """What was done about it, or what the person can do."""

    def __str__(self) -> str:
        """Return it as one line of the status file."""
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.what}; {self.mend}"


class Notes:
    """Findings as they are made; further ones of the same kind in the same line are left out."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self._seen: set[tuple[CardProblem, int, str]] = set()

    def mended(self, problem: CardProblem, line: int, what: str, mend: str) -> None:
        """Note what was read anyway."""
        self._add(Finding(problem=problem, severity=Severity.MENDED, line=line, what=what, mend=mend))

    def ignored(self, problem: CardProblem, line: int, what: str, mend: str) -> None:
        """Note what was left out."""
        self._add(Finding(problem=problem, severity=Severity.IGNORED, line=line, what=what, mend=mend))

    def wrong(self, problem: CardProblem, line: int, what: str, mend: str) -> None:
        """Note what the person must change."""
        self._add(Finding(problem=problem, severity=Severity.WRONG, line=line, what=what, mend=mend))

    def _add(self, finding: Finding) -> None:
        key = (finding.problem, finding.line, finding.what if finding.severity is Severity.WRONG else "")
        alike = sum(other.severity is finding.severity for other in self.found)
        if key not in self._seen and alike < MOST:
            self._seen.add(key)
            self.found.append(finding)
