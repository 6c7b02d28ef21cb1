"""The writer of points to InfluxDB 1.8, 2.x or 3 through influxdb-client: our own batches of line protocol, gzipped.

Lives here: one write, and what each answer means: all kept, part kept (counted and logged, never offered again), come
back later, or stand still until the operator mends it. Only 204 is success: every InfluxDB answers a write so, and what
answers otherwise in its place (a captive portal, a proxy, another program on the port) has kept nothing. Must not live
here: names of points (points.py), waiting (worker.py). The public client is used for its transport; its Point and its
batching cost ten times ours.
"""

import contextlib
import json
import logging
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from balise_collector.sinks import SinkError
from balise_collector.sinks.influx.cardinality import Guard
from balise_collector.sinks.influx.line_protocol import line_of
from balise_collector.sinks.influx.point import Point
from balise_collector.sinks.influx.points import dropped_point

_log = logging.getLogger(__name__)
_DROPPED: Final = re.compile(r"dropped=(\d+)")
_FULL: Final = re.compile("no space left|not enough space|disk (is )?full|disk quota", re.IGNORECASE)
"""What the servers say of a full disk. Tried on a 1.6: its log's writer keeps the error when there is room again."""
_ANSWER_MOST: Final = 300
"""Characters of an answer that are quoted in a log line."""
_REFUSED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_LATER: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class WriteOptions(NamedTuple):
    """How lines are written."""

    ca_file: str = ""
    """Extra trust root."""
    timeout: float = 10.0
    """Seconds that a write may take."""
    batch: int = 5000
    """Most lines of one write."""


class BucketWriter:
    """Writes to one bucket; it belongs to one thread."""

    def __init__(
        self,
        *,
        url: str,
        bucket: str,
        org: str,
        token: Callable[[], str],
        guard: Guard,
        now: Callable[[], float],
        transport: WriteOptions | None = None,
    ) -> None:
        """Prepare; nothing is opened before the first write.

        Args:
            url: of the server, e.g. ``http://127.0.0.1:8086``.
            bucket: name; on 1.x the database, or ``database/policy``.
            org: organisation on 2.x; anything on 1.x and 3.
            token: reads the token; asked again after the server refused one.
            guard: what may become a tag.
            now: UNIX seconds on the collector's clock.
            transport: how it is written.
        """
        self._url = url
        self._bucket = bucket
        self._org = org
        self._token = token
        self._guard = guard
        self._now = now
        self._transport = transport or WriteOptions()
        self._client: InfluxDBClient | None = None
        self._writing: Any = None
        self._proven = False
        """Whether, within this ``write``, the server has taken a plain line after it had refused others."""
        self.dropped = 0
        """Points that the server will never take, since start."""

    @property
    def name(self) -> str:
        """Name of its cursor: another server or bucket is another sink, and gets everything."""
        return f"influx:{self._url}#{self._bucket}"

    def write(self, points: Sequence[Point]) -> None:
        """Write; returns when the server has everything that it will ever take (SinkError when it has not)."""
        self._proven = False
        lines = [line for line in map(line_of, map(self._guard.admit, points)) if line]
        for complaint in self._guard.complaints():
            _log.warning("influx %s: %s", self._bucket, complaint)
        for start in range(0, len(lines), self._transport.batch):
            lost, reason = self._offer(lines[start : start + self._transport.batch])
            if lost:
                self._own_up(lost, reason)

    def close(self) -> None:
        """Let the connection go; the next write opens another, with the token as it is then."""
        if self._client is not None:
            with contextlib.suppress(OSError, urllib3.exceptions.HTTPError):
                self._client.close()  # type: ignore[no-untyped-call]
        self._client = self._writing = None

    # ------------------------------------------------------------ one batch

    def _offer(self, lines: list[str]) -> tuple[int, str]:
        """Write a batch; returns how many lines of it the server refused for good, and the last reason."""
        try:
            self._post(lines)
        except ApiException as error:
            return self._answered(error, lines)
        except UnicodeDecodeError:
            self.close()
            raise SinkError(impostor_of("bytes that are no text", self._url)) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self.close()
            raise SinkError(
                f"{self._url} does not answer ({_short(error)}); start it or mend [influx] url: nothing is lost"
            ) from None
        return 0, ""

    def _post(self, lines: list[str]) -> None:
        """Send one request; returns where the answer is 204 and raises for all others.

        Raises:
            ApiException: the server refused (any status outside of 2xx; a redirection is not followed).
            SinkError: it answered as no InfluxDB answers a write.
        """
        if self._client is None:
            self._client = InfluxDBClient(
                self._url,
                self._token(),
                org=self._org,
                enable_gzip=True,
                timeout=round(self._transport.timeout * 1000.0),
                ssl_ca_cert=self._transport.ca_file or None,
            )
            self._writing = WriteService(self._client.api_client)  # type: ignore[no-untyped-call]
        _, status, headers = self._writing.post_write_with_http_info(
            org=self._org,
            bucket=self._bucket,
            body="\n".join(lines).encode(),
            precision=WritePrecision.NS,
            content_type="text/plain; charset=utf-8",
            _return_http_data_only=False,
        )
        if status != HTTPStatus.NO_CONTENT:
            self.close()
            raise SinkError(impostor_of(f"{status}, {headers.get('Content-Type') or 'no type'}", self._url))

    def _answered(self, error: ApiException, lines: list[str]) -> tuple[int, str]:
        """Deal with an answer that is not success: part refused, halve, or SinkError."""
        status, text = int(error.status or 0), _text(error)
        if status in _REFUSED:
            if "partial write" in text:
                return refused_of(text), reason_of(text)
            self._prove(reason_of(text))
            return self._halve(lines, reason_of(text))
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return self._halve(lines, "the line alone is larger than the server takes")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            self.close()
        raise SinkError(complaint_of(status, text, self._url, self._bucket), retry_after=_retry_after(error, status))

    def _halve(self, lines: list[str], reason: str) -> tuple[int, str]:
        """Find the line that the whole batch was refused for: halve until it stands alone."""
        if len(lines) == 1:
            return 1, f"{reason} [{lines[0][:120]}]"
        middle = len(lines) // 2
        first, why = self._offer(lines[:middle])
        second, also = self._offer(lines[middle:])
        return first + second, also or why

    def _prove(self, reason: str) -> None:
        """Write a plain line of our own after a refusal: a server that refuses even this one refuses everything.

        Then the lines are not at fault, and are offered again (SinkError) instead of being left out one by one.
        """
        if self._proven:
            return
        try:
            self._post([line_of(dropped_point(self._bucket, 0, "", self._now()))])
        except ApiException as error:
            status, text = int(error.status or 0), _text(error)
            if status in _REFUSED and "partial write" in text:
                return
            raise SinkError(
                f"{self._url}: bucket {self._bucket} refuses every line ({status} {reason_of(text) or reason}); "
                "see that [influx] url, org and bucket are right: nothing is lost"
            ) from None
        except UnicodeDecodeError:
            raise SinkError(impostor_of("bytes that are no text", self._url)) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SinkError(f"{self._url} does not answer ({_short(error)}); nothing is lost") from None
        self._proven = True

    def _own_up(self, lost: int, reason: str) -> None:
        """Count and log what was refused, and write that down as a point."""
        self.dropped += lost
        _log.error(
            "influx %s: %d point(s) refused for good and left out: %s; the rest is stored, the journal has all",
            self._bucket,
            lost,
            reason,
        )
        with contextlib.suppress(ApiException, SinkError, UnicodeDecodeError, urllib3.exceptions.HTTPError, OSError):
            # A gauge for dashboards; where it cannot be written, the log line stands.
            self._post([line_of(dropped_point(self._bucket, lost, reason.split(" [", maxsplit=1)[0], self._now()))])


# ---------------------------------------------------------------- reading answers


def refused_of(text: str) -> int:
    """Return how many points a partial write left out, from the answer's text: 1.x and 2.x count, 3 lists lines."""
    counted = _DROPPED.search(text)
    if counted:
        return int(counted[1])
    try:
        listed = json.loads(text).get("data")
    except (ValueError, AttributeError):
        return 1
    return len(listed) if isinstance(listed, list) and listed else 1


def reason_of(text: str) -> str:
    """Return the message inside an answer, short."""
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    if isinstance(found, dict):
        listed = found.get("data")
        first = listed[0] if isinstance(listed, list) and listed else {}
        inner = first.get("error_message") if isinstance(first, dict) else None
        found = inner or found.get("error") or found.get("message") or text
    return " ".join(re.sub(r"<[^>]*>", " ", str(found)).split())[:_ANSWER_MOST]


def complaint_of(status: int, text: str, url: str, bucket: str) -> str:
    """Return one line that says what the server answered and what mends it."""
    said = f"{url} answers {status} ({reason_of(text) or 'no reason given'})"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"{said}: a redirection, which is not followed; put the final address into [influx] url: nothing is lost"
    if status == HTTPStatus.UNAUTHORIZED:
        return f"{said}; put a valid token into [influx] token_file: it is read again, nothing is lost"
    if status == HTTPStatus.FORBIDDEN:
        return f"{said}; give the token the right to write bucket {bucket}: nothing is lost"
    if status == HTTPStatus.NOT_FOUND:
        return f"{said}; make bucket {bucket} with: balise-collector influx setup"
    if status in _LATER:
        return f"{said}; it has too much to do: waiting, nothing is lost"
    if _FULL.search(text) or status == HTTPStatus.INSUFFICIENT_STORAGE:
        # Without the answer's words: each names another file, and one line is to be said once.
        return (
            f"{url} answers {status}: its disk is full; make room on its disk, and start it again where it is a 1.x, "
            "which goes on refusing until then: nothing is lost"
        )
    return f"{said}; see its log: the points are offered again, nothing is lost"


def impostor_of(answer: str, url: str) -> str:
    """Return one line about an answer that is success to HTTP and that no InfluxDB gives to a write."""
    return (
        f"{url} answers a write with {reason_of(answer)}, where InfluxDB says 204: something else stands in its place, "
        "a portal, a proxy or another program; mend [influx] url or the way to it: the points are offered again, "
        "nothing is lost"
    )


def _text(error: ApiException) -> str:
    """Return the body of an answer, or its reason."""
    body = error.body if error.body is not None else error.reason
    return body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")


def _retry_after(error: ApiException, status: int) -> float:
    """Return the seconds of Retry-After; a date (RFC 9110 10.2.3) is not read: no InfluxDB sends one."""
    if status not in _LATER or not error.headers:
        return 0.0
    value = str(dict(error.headers.items()).get("Retry-After") or dict(error.headers.items()).get("retry-after") or "")
    return float(value) if value.isdigit() else 0.0


def _short(error: Exception) -> str:
    """Return what went wrong on the way, without the objects that urllib3 prints."""
    reason = getattr(error, "reason", None) or error
    text = str(reason)
    return re.sub(r"<[^>]*>:? ?|HTTPConnectionPool\([^)]*\): ?", "", text)[:_ANSWER_MOST] or type(error).__name__
