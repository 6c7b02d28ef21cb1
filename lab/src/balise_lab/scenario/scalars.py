"""What one scalar of a scenario means: durations, times, numbers, names; text in, value out.

Each parser raises ValueError with ``what is wrong; the mend``, which the loader puts beside file and line. Must not
live here: anything that knows more of the file than the one scalar, save the calendar that a time of day needs.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from balise_lab.scenario.schema import stem

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PATTERN = re.compile(r"(?:\*\.?)?[a-z0-9_.-]*\*?")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_ISP = re.compile(r"[a-z0-9][a-z0-9_-]{0,23}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_ASN = re.compile(r"(?:asn?)?(\d{1,10})", re.IGNORECASE)
_LARGEST_ASN = 2**32 - 1


def duration(text: str) -> float:
    """Return seconds of ``10m``, ``180s``, ``1h30m`` or a bare number of seconds."""
    try:
        return _at_least(0.0, float(text), text)
    except ValueError:
        pass
    compact = text.replace(" ", "")
    match = _DURATION.fullmatch(compact)
    if not match or not compact:
        raise ValueError(f"{text!r} is not a duration; write 10m, 180s or 1h30m")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def clock_error(text: str) -> float:
    """Return the signed seconds of ``+2h``, ``-45m``, ``+31d`` or ``0``: how far a clock is ahead."""
    compact = text.replace(" ", "")
    sign = {"+": 1.0, "-": -1.0}.get(compact[:1])
    if sign is None and compact != "0":
        raise ValueError(f"{text!r} does not say whether the clock is ahead or behind; write +2h, -45m, +31d or 0")
    days, _, rest = compact.lstrip("+-").rpartition("d")
    if days and not days.isdigit():
        raise ValueError(f"{text!r} is not a clock's error; write +2h, -45m, +31d or 0")
    return (sign or 0.0) * (float(days or 0) * 86_400.0 + (duration(rest) if rest else 0.0))


def milliseconds(text: str) -> float:
    """Return milliseconds of ``300``, ``300ms`` or ``0.3s``."""
    compact = text.replace(" ", "")
    factor, number = (1.0, compact.removesuffix("ms")) if compact.endswith("ms") else (1.0, compact)
    if not compact.endswith("ms") and compact.endswith("s"):
        factor, number = 1000.0, compact.removesuffix("s")
    try:
        return _at_least(0.0, float(number) * factor, text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number of milliseconds; write 300 or 300ms") from None


def percent(text: str) -> float:
    """Return per cent of ``5``, ``5%`` or ``5 %``."""
    try:
        value = float(text.replace(" ", "").removesuffix("%"))
    except ValueError:
        raise ValueError(f"{text!r} is not a percentage; write 5 or 5%") from None
    if not 0 <= value <= 100:
        raise ValueError(f"{text} is outside 0 to 100; write 5 for five per cent")
    return value


def number(text: str) -> float:
    """Return a number of at least 0."""
    try:
        return _at_least(0.0, float(text), text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number; write one such as 130") from None


def integer(text: str) -> int:
    """Return a whole number."""
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number; write one such as 3") from None


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from ``low`` to ``high``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a whole number; write one from {low} to {high}") from None
        if not low <= value <= high:
            raise ValueError(f"{value} is out of range; write a whole number from {low} to {high}")
        return value

    return parse


def scale(text: str) -> float:
    """Return how many virtual seconds pass in a real one."""
    try:
        value = float(text.removeprefix("x"))
    except ValueError:
        raise ValueError(f"{text!r} is not a number; write scale: 60") from None
    if not 1 <= value <= 1000:
        raise ValueError(f"{text} is out of range; write 1 (real time) to 1000, 60 is usual")
    return value


def host(text: str) -> str:
    """Return a host name in lower case."""
    lower = text.lower().rstrip(".")
    if not _HOST.fullmatch(lower):
        raise ValueError(f"{text!r} is not a host name; write one with a dot, such as twitter.lab")
    return lower


def pattern(text: str) -> str:
    """Return a host name, a pattern such as ``*.twimg.lab``, an address or a network, in lower case."""
    lower = text.lower().rstrip(".")
    if is_network(lower) or _HOST.fullmatch(lower) or (_PATTERN.fullmatch(lower) and lower.strip("*.")):
        return lower
    raise ValueError(f'{text!r} matches no name; write a host, "*.twimg.lab", a service of this file or an address')


def is_network(text: str) -> bool:
    """Whether the text is an IP address or network."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def address(text: str) -> str:
    """Return an IPv4 address."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IPv4 address; write one such as 10.10.34.34") from None


def identifier(text: str) -> str:
    """Return an id: lower-case letters, digits, dashes."""
    if not _ID.fullmatch(text):
        raise ValueError(f"{text!r} is no id; use 1 to 32 lower-case letters, digits, - and _")
    return text


def isp_name(text: str) -> str:
    """Return a provider's name; the ids of its probes begin with its letters and digits."""
    if not _ISP.fullmatch(text) or len(stem(text)) < 2:
        raise ValueError(
            f"{text!r} cannot name a provider; use 2 to 24 lower-case letters, digits and -, such as asn64501"
        )
    return text


def asn(text: str) -> int:
    """Return the number of ``64501``, ``AS64501`` or ``asn64501``."""
    match = _ASN.fullmatch(text)
    if not match or not 0 < int(match[1]) <= _LARGEST_ASN:
        raise ValueError(f"{text!r} is no AS number; write 64501 or asn64501")
    return int(match[1])


def country(text: str) -> str:
    """Return an ISO 3166-1 alpha-2 code."""
    if not _COUNTRY.fullmatch(text.upper()):
        raise ValueError(f"{text!r} is no country code; write two letters such as PK (ISO 3166-1)")
    return text.upper()


def zone(text: str) -> str:
    """Return the IANA name of a time zone."""
    if text not in available_timezones():
        near = difflib.get_close_matches(text, sorted(available_timezones()), n=1)
        raise ValueError(f"{text!r} is no time zone; " + (f"did you mean {near[0]}?" if near else "write Asia/Karachi"))
    return text


def yes_no(text: str) -> bool:
    """Return a truth: ``yes``, ``true``, ``on`` or their opposites."""
    lower = text.lower()
    if lower in {"yes", "true", "on"}:
        return True
    if lower in {"no", "false", "off"}:
        return False
    raise ValueError(f"{text!r} is neither yes nor no; write yes or no")


def plain(text: str) -> str:
    """Return text as it is."""
    return text


def local_time(text: str) -> datetime:
    """Return the naive local time of ``2020-05-17T21:30`` (a blank for the T and seconds are welcome)."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date and time; write 2020-05-17T21:30, in the country's time") from None
    if found.tzinfo is not None:
        raise ValueError(f"{text!r} has a time zone; write the country's own time, without one")
    if len(text) <= len("2020-05-17"):
        raise ValueError(f"{text!r} has no time of day; write 2020-05-17T21:30")
    return found


@dataclass(frozen=True, slots=True)
class Calendar:
    """Turns the times of a file into seconds since its start, in the country's own time."""

    starts: datetime
    """Naive local time."""
    zone: str

    @property
    def unix(self) -> float:
        """UNIX seconds of the start."""
        return self._unix(self.starts)

    def moment(self, text: str) -> float:
        """Return seconds since the start of ``22:00``, ``22:00:30``, ``+90m`` or a full local time.

        A time of day is its first occurrence at or after the start: ``01:30`` in an evening that starts at 21:30 is
        half past one of the next day.
        """
        if text.startswith("+"):
            return duration(text[1:])
        match = _TIME.fullmatch(text)
        if match:
            hour, minute, second = (int(part or 0) for part in match.groups())
            try:
                of_day = time(hour, minute, second)
            except ValueError:
                raise ValueError(f"{text!r} is no time of day; write 00:00 to 23:59") from None
            return self._next(of_day) - self.unix
        try:
            when = local_time(text)
        except ValueError:
            raise ValueError(
                f"{text!r} is no time; write 22:00, +90m (since the start) or {self.starts:%Y-%m-%dT%H:%M}",
            ) from None
        if not self._exists(when):
            raise ValueError(f"{text} does not exist in {self.zone}: clocks go forward over it; write a later time")
        moment = self._unix(when) - self.unix
        if moment < 0:
            raise ValueError(f"{text} is before the start, {self.starts:%Y-%m-%dT%H:%M}; times run forward from there")
        return moment

    def _next(self, of_day: time) -> float:
        """Return UNIX seconds of the first ``of_day`` at or after the start."""
        first: date = self.starts.date()
        days = (datetime.combine(first + timedelta(days=n), of_day) for n in range(3))
        return next(unix for day in days if self._exists(day) and (unix := self._unix(day)) >= self.unix)

    def _exists(self, local: datetime) -> bool:
        """Tell whether clocks show a local time: in spring they go forward over an hour."""
        zone = ZoneInfo(self.zone)
        there = datetime.fromtimestamp(self._unix(local), tz=zone)
        return there.replace(tzinfo=None) == local

    def _unix(self, local: datetime) -> float:
        """Return UNIX seconds of a naive local time; of a repeated hour, the first."""
        return local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC).timestamp()


def _at_least(low: float, value: float, text: str) -> float:
    """Return ``value`` where it is finite and not below ``low``."""
    if not low <= value < float("inf"):
        raise ValueError(f"{text!r} is out of range; write a number of at least {low:g}")
    return value
