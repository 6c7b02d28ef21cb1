"""The fleet's registry: which probe has which key and stands where, on the operator's word; every back end's interface.

Who may speak, who waits for approval, which countries are halted, which tokens were made, and each probe's assignments:
the version counter, which targets they had, what became of them. Several programs write it at once (the command line
and the running collector), each through a connection of its own; ``changed`` tells one that another wrote. Every method
raises JournalError where it cannot be written, and DamagedError where it holds what nobody wrote. Must not live here:
what a member may send (validate.py) or what it is asked to do (assignment.py).
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from balise_collector.fleet.assignment import Issued
from balise_collector.fleet.claims import Asked
from balise_collector.fleet.members import Fleet, Halt, Member, Pending
from balise_collector.fleet.orders import Able, Taken
from balise_collector.fleet.requests import Answered, Kept
from balise_collector.fleet.token import Token
from balise_collector.fleet.watches import WatchWindow
from balise_wire.request import Request


class RegistryTransaction(Protocol):
    """One change of several parts: what is read in it stays true until its end, and all of it is kept or nothing."""

    def member(self, *, id: str = "", key: str = "") -> Member | None:
        """Return the member with an id, or the one with a key (hex); one that may speak before one that may not."""
        ...

    def put(self, member: Member, since: float | None = None) -> None:
        """Write a member in the place of the one with its id, and take it off the waiting list.

        Where it stands is written down with the time from which on it holds: ``since`` (UNIX seconds), or when it was
        let in.
        """
        ...

    def retire(self, probe: str, now: float) -> bool:
        """Finish a probe; False where there is no such member."""
        ...

    def speaking_keys(self) -> dict[str, str]:
        """Return the key of every member; empty for one that may not speak."""
        ...

    def token(self, digest: str) -> Token | None:
        """Return the token with a hash."""
        ...

    def add_token(self, token: Token) -> None:
        """Keep a new token."""
        ...

    def spend_token(self, token: Token, key: str, probe: str, now: float) -> None:
        """Note that the board with ``key`` spent a token and is ``probe`` from now on."""
        ...

    def refuse_token(self, token: Token, refusal: str, now: float) -> None:
        """Note why a board with this token was refused, for who stands before it and wonders."""
        ...

    def ids(self) -> set[str]:
        """Return every id that is or was promised to a card or a probe."""
        ...


class MemberRegistry(Protocol):
    """Who is in the fleet, and where measuring is halted: the operator's side."""

    def fleet(self) -> Fleet:
        """Return every member, every halt and every probe's pace as the frozen table."""
        ...

    def approve(self, member: Member, since: float | None = None) -> None:
        """Approve a probe, or change what is vouched for; a revoked or retired one is let in again.

        ``since`` (UNIX seconds) is from when on it stands where it says; left out, since it was let in.
        """
        ...

    def revoke(self, probe: str) -> bool:
        """Refuse a probe from now on; what it sent stays. False where there is no such member.

        Tokens for its id are worth nothing any more.
        """
        ...

    def retire(self, probe: str, now: float) -> bool:
        """Finish a probe: it stays in the history, and nobody waits for it. False where there is no such member."""
        ...

    def tag(self, probe: str, tags: tuple[str, ...]) -> bool:
        """Write the operator's words on a probe in the place of those it had. False where there is no such member."""
        ...

    def set_host(self, probe: str, host: str) -> bool:
        """Write down who keeps a board; the empty text is nobody. False where there is no such member."""
        ...

    def hosts_apart(self) -> int:
        """Give every board without a label a host of its own, named by the board's id; returns how many there were."""
        ...

    def halt(self, country: str, reason: str, now: float) -> None:
        """Stop every probe of a country, or change the reason."""
        ...

    def lift(self, country: str, now: float) -> bool:
        """Let a country's probes measure again; False where they were not halted."""
        ...

    def halts(self) -> list[Halt]:
        """Return every halt, also those that are over, oldest first."""
        ...


class TokenRegistry(Protocol):
    """Cards and their tokens, to be read; what changes them is a transaction."""

    def member(self, *, id: str = "", key: str = "") -> Member | None:
        """Return the member with an id, or the one with a key (hex); one that may speak before one that may not."""
        ...

    def token(self, digest: str) -> Token | None:
        """Return the token with a hash."""
        ...

    def batches(self) -> list[tuple[str, float, int, int]]:
        """Return (batch, when it was made, cards, spent ones), newest first."""
        ...

    def cards(self, batch: str) -> list[Token]:
        """Return the tokens of a batch by card number."""
        ...

    def waiting_tokens(self, now: float) -> int:
        """Return how many tokens would enrol a board now (UNIX seconds)."""
        ...


class PendingRegistry(Protocol):
    """Who asks to be approved."""

    def note_pending(self, pending: Pending) -> None:
        """Remember a stranger for the operator; a flood of strangers pushes the longest silent ones out."""
        ...

    def pending(self) -> list[Pending]:
        """Return who waits for approval, longest waiting first."""
        ...


class AssignmentRegistry(Protocol):
    """What each probe was given to do, and what it said of it."""

    def issued(self, probe: str) -> Issued:
        """Return the last assignment given to a probe; version 0 before the first."""
        ...

    def issue(self, probe: str, issued: Issued, asked: Sequence[Asked] = (), now: float = 0.0) -> None:
        """Write down an assignment before it is published: its version never goes back.

        Args:
            probe: whose.
            issued: version, digest, end.
            asked: its targets, for as long as results of them may arrive.
            now: UNIX seconds.
        """
        ...

    def skip_versions(self, versions: int) -> None:
        """Count every probe's assignments on from so much further: what was given out meanwhile may have been lost."""
        ...

    def note_able(self, member: Member, able: Able) -> bool:
        """Write down what a member can do; whether that was news."""
        ...

    def note_taken(self, probe: str, taken: Taken) -> None:
        """Write down which assignment a probe has taken up; one that is older than what is known changes nothing."""
        ...

    def catch_up(self, probe: str, version: int) -> bool:
        """Count a probe's assignments from the one that it holds, where our counter is behind; whether it was.

        A probe ignores what is not newer than what it has, a halt too: a registry that was lost must not count anew.
        """
        ...

    def note_unread(self, probe: str, words: Iterable[str]) -> None:
        """Remember for the operator what could not be read of a probe's messages, as far as there is room."""
        ...


class RequestRegistry(Protocol):
    """What probes were asked beside their timetables, and their answers: the newest ``requests.KEPT_MOST``."""

    def add_request(self, probe: str, request: Request, asked: Asked | None) -> None:
        """Keep a request before it is sent.

        Args:
            probe: whom it is for.
            request: with its id.
            asked: its target, where the probe was not assigned it: results of it may arrive from now on.
        """
        ...

    def requests(self, probe: str = "") -> list[Kept]:
        """Return what is remembered, oldest first; of one probe or (empty) of all."""
        ...

    def note_answer(self, answered: Answered) -> bool:
        """Write down what a probe said of a request to it; whether that was news. Nothing follows a last word."""
        ...


class WatchRegistry(Protocol):
    """When the operator has some services looked at more often, also windows that are over."""

    def add_watch(self, window: WatchWindow) -> None:
        """Keep a window; probes are told at their next assignment."""
        ...

    def end_watch(self, id: str, now: float) -> bool:
        """End a window now; one that has not begun never was. False where there is none that is not over."""
        ...

    def watches(self) -> list[WatchWindow]:
        """Return every window, oldest first."""
        ...


class FleetRegistry(
    MemberRegistry, TokenRegistry, PendingRegistry, AssignmentRegistry, RequestRegistry, WatchRegistry, Protocol
):
    """All of it: what a program opens."""

    def transaction(self) -> AbstractContextManager[RegistryTransaction]:
        """Hold the registry for one change of several parts; it is durable at the end, or nothing of it is."""
        ...

    def changed(self) -> bool:
        """Whether another connection wrote since the last call."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class RegistryOpener(Protocol):
    """Opens the registry for the thread that asks, which closes it (ConfigError where it cannot be opened)."""

    def __call__(self, *, reading: bool = False) -> FleetRegistry:
        """``reading``: nothing is to be written (JournalError where it cannot be read)."""
        ...
