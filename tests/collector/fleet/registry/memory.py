"""A registry that is no file: the second back end, which proves that the interface is one.

Must not live here: files, other programs, migrations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Self

import msgspec

from balise_collector.fleet.assignment import Issued
from balise_collector.fleet.claims import Asked, Tasks, tasks_of
from balise_collector.fleet.members import Fleet, Halt, Member, Pending, Record
from balise_collector.fleet.orders import UNREAD_MOST, Able, Order, Taken
from balise_collector.fleet.registry.sqlite.assignments import TASKS_KEPT
from balise_collector.fleet.requests import KEPT_MOST, Answered, Kept
from balise_collector.fleet.token import Token
from balise_collector.fleet.watches import WatchWindow
from balise_wire.profiles import pace_of
from balise_wire.request import Request

_RECORDS_MOST = 256
_PENDING_MOST = 1000


class MemoryRegistry:
    """Members, tokens, strangers, assignments and requests of one test."""

    def __init__(self) -> None:
        """Begin empty."""
        self._members: dict[str, Member] = {}
        self._records: defaultdict[str, list[Record]] = defaultdict(list)
        self._halts: list[Halt] = []
        self._tokens: dict[str, Token] = {}
        self._pending: dict[str, Pending] = {}
        self._issued: dict[str, Issued] = {}
        self._given: defaultdict[str, dict[tuple[Asked, ...], float | None]] = defaultdict(dict)
        self._able: dict[str, tuple[str, Able]] = {}
        self._taken: dict[str, Taken] = {}
        self._unread: defaultdict[str, set[str]] = defaultdict(set)
        self._requests: dict[str, Kept] = {}
        self._watches: dict[str, WatchWindow] = {}

    def close(self) -> None:
        """Keep it: there is nothing to close."""

    def changed(self) -> bool:
        """See the interface: there is no other."""
        return False

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """See the interface; what fails in it puts everything back."""
        before = {name: value.copy() for name, value in vars(self).items()}
        try:
            yield self
        except BaseException:
            vars(self).update(before)
            raise

    # ------------------------------------------------------------ members

    def member(self, *, id: str = "", key: str = "") -> Member | None:
        """See the interface."""
        if not key:
            return self._members.get(id)
        found = [one for one in self._members.values() if one.public_key == key]
        return min(found, key=lambda one: (one.revoked, one.retired_at is not None, one.id), default=None)

    def put(self, member: Member, since: float | None = None) -> None:
        """See the interface."""
        at = member.approved_at if since is None else since
        held = [one for one in self._records[member.id] if one.since < at]
        record = Record(since=at, network=member.network, role=member.role)
        if not held or (held[-1].network, held[-1].role) != (record.network, record.role):
            held.append(record)
        self._records[member.id] = held[-_RECORDS_MOST:]
        self._members[member.id] = member
        waiting = self._pending.get(member.id)
        if waiting is not None and waiting.public_key == member.public_key:
            del self._pending[member.id]

    def approve(self, member: Member, since: float | None = None) -> None:
        """See the interface."""
        self.put(member, since)

    def _change(self, probe: str, **changes: object) -> bool:
        known = self._members.get(probe)
        if known is not None:
            self._members[probe] = msgspec.structs.replace(known, **changes)
        return known is not None

    def revoke(self, probe: str) -> bool:
        """See the interface."""
        self._withdraw(probe)
        return self._change(probe, revoked=True)

    def retire(self, probe: str, now: float) -> bool:
        """See the interface."""
        self._withdraw(probe)
        known = self._members.get(probe)
        return known is not None and self._change(
            probe, retired_at=now if known.retired_at is None else known.retired_at
        )

    def tag(self, probe: str, tags: tuple[str, ...]) -> bool:
        """See the interface."""
        return self._change(probe, tags=tags)

    def set_host(self, probe: str, host: str) -> bool:
        """See the interface."""
        return self._change(probe, host=host)

    def hosts_apart(self) -> int:
        """See the interface."""
        return sum(self._change(one.id, host=one.id) for one in list(self._members.values()) if not one.host)

    def speaking_keys(self) -> dict[str, str]:
        """See the interface."""
        return {one.id: one.public_key if one.speaks else "" for one in self._members.values()}

    def halt(self, country: str, reason: str, now: float) -> None:
        """See the interface."""
        standing = [n for n, one in enumerate(self._halts) if one.country == country and one.until is None]
        for place in standing:
            self._halts[place] = msgspec.structs.replace(self._halts[place], reason=reason)
        if not standing:
            self._halts.append(Halt(country=country, since=now, reason=reason))

    def lift(self, country: str, now: float) -> bool:
        """See the interface."""
        standing = [n for n, one in enumerate(self._halts) if one.country == country and one.until is None]
        for place in standing:
            self._halts[place] = msgspec.structs.replace(self._halts[place], until=now)
        return bool(standing)

    def halts(self) -> list[Halt]:
        """See the interface."""
        return sorted(self._halts, key=lambda one: (one.since, one.country))

    def fleet(self) -> Fleet:
        """See the interface."""
        members = [one for _, one in sorted(self._members.items())]
        paces = {
            probe: max(issued.interval, int(pace_of(self._members[probe].profile).batch_seconds))
            for probe, issued in self._issued.items()
            if probe in self._members
        }
        records = {probe: tuple(held) for probe, held in self._records.items()}
        orders = {one.id: self._order(one) for one in members}
        return Fleet.of(members, self.halts(), paces, records=records, tasks=self._tasks(), orders=orders)

    def _order(self, member: Member) -> Order:
        probe = member.id
        issued = self._issued.get(probe, Issued())
        key, able = self._able.get(probe, ("", None))
        return Order(
            version=issued.version,
            halted=issued.halted,
            turned=issued.turned,
            left_out=issued.left_out,
            able=able if key == member.public_key else None,
            taken=self._taken.get(probe),
            unread=tuple(sorted(self._unread[probe])),
        )

    def _tasks(self) -> Mapping[str, Tasks]:
        joined: dict[tuple[tuple[Asked, ...], ...], Tasks] = {}
        found = {}
        for probe, given in self._given.items():
            if probe in self._members:
                key = tuple(given)
                found[probe] = joined.setdefault(key, tasks_of(key))
        return found

    # ------------------------------------------------------------ tokens and strangers

    def _withdraw(self, probe: str) -> None:
        for one in list(self._tokens.values()):
            if probe in {one.probe, one.spent_by}:
                self._tokens[one.hash] = msgspec.structs.replace(one, withdrawn=True)

    def token(self, digest: str) -> Token | None:
        """See the interface."""
        return self._tokens.get(digest)

    def add_token(self, token: Token) -> None:
        """See the interface."""
        self._tokens[token.hash] = token

    def spend_token(self, token: Token, key: str, probe: str, now: float) -> None:
        """See the interface."""
        at = now if token.spent_at is None else token.spent_at
        spent = msgspec.structs.replace(token, spent_at=at, spent_key=key, spent_by=probe, refused="")
        self._tokens[token.hash] = spent

    def refuse_token(self, token: Token, refusal: str, now: float) -> None:
        """See the interface."""
        self._tokens[token.hash] = msgspec.structs.replace(token, refused=refusal, refused_at=now)

    def ids(self) -> set[str]:
        """See the interface."""
        return {*self._members, *self._pending, *(one.probe for one in self._tokens.values())}

    def batches(self) -> list[tuple[str, float, int, int]]:
        """See the interface."""
        names = {one.batch for one in self._tokens.values()}
        found = []
        for name in names:
            cards = self.cards(name)
            spent = sum(one.spent_at is not None for one in cards)
            found.append((name, min(one.made_at for one in cards), len(cards), spent))
        return sorted(found, key=lambda one: (-one[1], one[0]))

    def cards(self, batch: str) -> list[Token]:
        """See the interface."""
        found = [one for one in self._tokens.values() if one.batch == batch]
        return sorted(found, key=lambda one: (one.card, one.made_at))

    def waiting_tokens(self, now: float) -> int:
        """See the interface."""
        return sum(one.spent_at is None and not one.withdrawn and one.expires > now for one in self._tokens.values())

    def note_pending(self, pending: Pending) -> None:
        """See the interface."""
        before = self._pending.pop(pending.id, pending)
        self._pending[pending.id] = msgspec.structs.replace(pending, first_seen=before.first_seen)
        newest = sorted(self._pending.values(), key=lambda one: -one.last_seen)[:_PENDING_MOST]
        self._pending = {one.id: one for one in newest}

    def pending(self) -> list[Pending]:
        """See the interface."""
        return sorted(self._pending.values(), key=lambda one: (one.first_seen, one.id))

    # ------------------------------------------------------------ assignments and requests

    def issued(self, probe: str) -> Issued:
        """See the interface."""
        return self._issued.get(probe, Issued())

    def issue(self, probe: str, issued: Issued, asked: Sequence[Asked] = (), now: float = 0.0) -> None:
        """See the interface."""
        self._issued[probe] = issued
        given: dict[tuple[Asked, ...], float | None] = {
            task: now if until is None else until for task, until in self._given[probe].items()
        }
        given[tuple(asked)] = None
        self._given[probe] = {task: end for task, end in given.items() if end is None or end >= now - TASKS_KEPT}

    def skip_versions(self, versions: int) -> None:
        """See the interface."""
        for probe, one in self._issued.items():
            self._issued[probe] = msgspec.structs.replace(one, version=one.version + versions, digest="")

    def note_able(self, member: Member, able: Able) -> bool:
        """See the interface."""
        told = (member.public_key, able)
        news = self._able.get(member.id) != told
        if news:
            self._able[member.id] = told
            self._unread[member.id] = set()
        return news

    def note_taken(self, probe: str, taken: Taken) -> None:
        """See the interface."""
        before = self._taken.get(probe)
        if before is None or taken.version > before.version:
            self._taken[probe] = taken

    def catch_up(self, probe: str, version: int) -> bool:
        """See the interface."""
        held = self._issued.get(probe)
        behind = held is not None and held.version < version
        if held is not None and behind:
            self._issued[probe] = msgspec.structs.replace(held, version=version, turned=version + 1, digest="")
        return behind

    def note_unread(self, probe: str, words: Iterable[str]) -> None:
        """See the interface."""
        for word in sorted(words):
            if len(self._unread[probe]) < UNREAD_MOST:
                self._unread[probe].add(word)

    def add_request(self, probe: str, request: Request, asked: Asked | None) -> None:
        """See the interface."""
        self._requests[request.id] = Kept(probe=probe, request=request)
        newest = sorted(self._requests.values(), key=lambda one: (-one.request.made, one.request.id))[:KEPT_MOST]
        self._requests = {one.request.id: one for one in newest}
        if asked is not None and self._given[probe].get((asked,), 0.0) is not None:
            until = self._given[probe].get((asked,)) or 0.0
            self._given[probe][asked,] = max(until, request.expires)

    def requests(self, probe: str = "") -> list[Kept]:
        """See the interface."""
        found = [one for one in self._requests.values() if probe in {"", one.probe}]
        return sorted(found, key=lambda one: (one.request.made, one.request.id))

    def note_answer(self, answered: Answered) -> bool:
        """See the interface."""
        answer = answered.answer
        kept = self._requests.get(answer.request)
        if kept is None or kept.probe != answered.probe or (kept.outcome is not None and kept.outcome.last):
            return False
        self._requests[answer.request] = msgspec.structs.replace(
            kept,
            outcome=answer.outcome,
            reason=answer.reason,
            measurement=answer.measurement[:32],
            detail=answered.detail,
            at=answered.at,
        )
        return True

    def add_watch(self, window: WatchWindow) -> None:
        """See the interface."""
        self._watches[window.id] = window

    def end_watch(self, id: str, now: float) -> bool:
        """See the interface."""
        window = self._watches.get(id)
        if window is None or window.is_over(now):
            return False
        if window.since > now:
            del self._watches[id]
        else:
            self._watches[id] = msgspec.structs.replace(window, until=now)
        return True

    def watches(self) -> list[WatchWindow]:
        """See the interface."""
        return sorted(self._watches.values(), key=lambda one: (one.since, one.id))
