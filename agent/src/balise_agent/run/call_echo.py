"""What a helper does with datagrams: a token for who receives where he sends from, and an answer a packet of a train.

Safe in the open: a stranger's datagram is answered by nothing; what asks for a token is answered in its own length, to
the address that the token then holds for; only with the token are trains answered, each packet once and in its own
length. So nobody can be sent more than was sent in his name, and in the name of another nothing at all. How much one
prefix may have a minute is bounded, what is remembered is forgotten within minutes, and nothing is written down. Must
not live here: TLS and HTTP (helper.py), the datagrams' bytes (codec/call.py).
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from balise_agent.codec import call
from balise_wire.experiments.call import PACKET, PACKETS, SHORT, WINDOW, WINDOWS

PERIOD: Final = 300.0
"""Seconds for which a token is given; it holds for the next such time, too."""
MOST_TRAINS: Final = 1_024
"""Trains that are remembered at once; those that were heard of longest ago are forgotten."""
PER_MINUTE: Final = 3_000
"""Packets of trains a minute that are answered to one prefix: twenty trains, 4 KB/s each way."""
TOKENS_PER_MINUTE: Final = 240


class _Train:
    """What arrived of one train."""

    __slots__ = ("counts", "seen")

    def __init__(self) -> None:
        self.counts = [0] * WINDOWS
        self.seen = 0
        """A bit for each packet."""


class Shares:
    """How many datagrams each prefix had answered in its minute."""

    _MOST: Final = 4_096

    def __init__(self, most: int) -> None:
        """Let each have ``most`` a minute."""
        self._most = most
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def admits(self, prefix: str, now: float) -> bool:
        """Count one; tell whether it is within the share."""
        since, count = self._seen.pop(prefix, (now, 0))
        if now - since >= 60.0:
            since, count = now, 0
        self._seen[prefix] = (since, count + 1)
        while len(self._seen) > self._MOST:
            self._seen.popitem(last=False)
        return count < self._most


class Source(NamedTuple):
    """Whom a datagram came from."""

    address: str
    prefix: str
    """Whose share it is counted to: a home's, or a provider's pool."""


class CallEcho:
    """Answers datagrams, one at a time."""

    def __init__(self, secret: bytes) -> None:
        """Answer with tokens that follow from ``secret``, which no one else knows."""
        self._secret = secret
        self._trains: OrderedDict[tuple[str, bytes], _Train] = OrderedDict()
        self._packets, self._tokens = Shares(PER_MINUTE), Shares(TOKENS_PER_MINUTE)

    def answer(self, data: bytes, source: Source, now: float) -> bytes | None:
        """Return what goes back, never longer than what came; ``None``: nothing does.

        Args:
            data: as it came.
            source: from whom.
            now: seconds of a clock that only goes forward.
        """
        if len(data) == PACKET:
            return self._echoed(data, source, now)
        if len(data) != SHORT or not self._tokens.admits(source.prefix, now):
            return None
        if call.asks_token(data):
            return call.token_answer(data, self._token(source, now))
        asked = call.read_report(data)
        if asked is None or not self._holds(asked[0], source, now):
            return None
        train = self._trains.get((source.address, asked[1]))
        return call.counts_answer(data, tuple(train.counts) if train else (0,) * WINDOWS)

    def _echoed(self, data: bytes, source: Source, now: float) -> bytes | None:
        sent = call.read_sent(data)
        if sent is None or not self._holds(sent.token, source, now) or not self._packets.admits(source.prefix, now):
            return None
        key = source.address, sent.train
        train = self._trains.pop(key, None) or _Train()
        self._trains[key] = train
        while len(self._trains) > MOST_TRAINS:
            self._trains.popitem(last=False)
        if sent.number >= PACKETS or train.seen >> sent.number & 1:
            return None
        train.seen |= 1 << sent.number
        train.counts[sent.number // WINDOW] += 1
        return call.back(sent, int.from_bytes(self._secret[:4]))

    def _token(self, source: Source, now: float, ago: int = 0) -> bytes:
        return call.token_of(self._secret, source.address, int(now // PERIOD) - ago)

    def tokens(self, source: Source, now: float) -> tuple[bytes, bytes]:
        """Return the tokens that hold for an address: of this period, and of the one before."""
        return self._token(source, now), self._token(source, now, 1)

    def _holds(self, token: bytes, source: Source, now: float) -> bool:
        return token in self.tokens(source, now)
