"""What the trials of ``http`` mean to the schedule, what they cost, what may leave of them, and how people read them.

Must not live here: the plan, or any verdict.
"""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from balise_agent.experiments import connection
from balise_agent.experiments.experiment import Description, TrialReader, TrialReading
from balise_agent.policy import scrub
from balise_agent.policy.redaction import redacted, redacted_name
from balise_wire.experiments.http import HttpObservation, spent

ROBOT_HEADERS: Final = frozenset({"cf-chl-bypass", "cf-mitigated", "x-amzn-waf-action", "x-datadome"})
"""Set by tests for robots, which are no refusal of a country."""
ALLOWED_HEADERS: Final = ROBOT_HEADERS | {
    "content-length",
    "content-range",
    "content-type",
    "location",
    "retry-after",
    "server",
}
"""Headers that say who answered with what. Cookies, Via, X-Forwarded-For and the like name the visitor or his LAN."""
MAX_TITLE: Final = 120
MAX_HEADER: Final = 200
MAX_HEADERS: Final = 16


class HttpReader(TrialReader[HttpObservation]):
    """Reads responses."""

    compares = True

    def read(self, trial: HttpObservation) -> TrialReading:
        """Return the reading; a response that is refused, sent elsewhere, or unlike the usual is odd as well."""
        failed = trial.failure is not None or trial.tls_verified is False
        elsewhere = redirect_host(trial)
        return TrialReading(
            at=connection.endpoint(trial),
            failed=failed,
            heats=connection.heats(trial),
            spent=spent(trial.body_bytes, tls=trial.tls),
            face=(trial.status, trial.title, elsewhere),
            suspicious=(trial.status or 0) >= 400 or trial.same_site is False,
            connected=connection.connected(trial),
            answered=not failed,
            unsent=not connection.left(trial),
        )

    def describe(self, trial: HttpObservation) -> Description:
        """Return status, size and title."""
        sent = f"GET {'https' if trial.tls else 'http'}://{trial.host}{trial.path}"
        if trial.status is None:
            return Description(sent, "" if trial.connect_ms is None else "connected, no response")
        title = f", {trial.title!r}" if trial.title else ""
        location = next((f", to {value}" for name, value in trial.headers if name == "location"), "")
        return Description(sent, f"{trial.status}, {trial.body_bytes} bytes{title}{location}")

    def scrub(self, trial: HttpObservation, allowed: scrub.Allowed, /) -> dict[str, Any]:
        """Return an assigned address, digests, and texts that name nobody."""
        return {
            "address": scrub.assigned(trial.address, allowed),
            "host": scrub.name(trial.host),
            "body_sha256": scrub.hex_digits(trial.body_sha256),
            "body_redacted_sha256": scrub.hex_digits(trial.body_redacted_sha256),
            "title": redacted(trial.title, MAX_TITLE),
            "redirect_site": scrub.name(redacted_name(trial.redirect_site)),
            "certificate": None if trial.certificate is None else scrub.certificate(trial.certificate),
            "headers": tuple(
                (name, _header(name, value))
                for name, value in trial.headers[: MAX_HEADERS * 4]
                if name in ALLOWED_HEADERS
            )[:MAX_HEADERS],
        }


READER: Final = HttpReader()


def redirect_host(trial: HttpObservation) -> str:
    """Return the host a redirect leads to; empty where it stays or there is none."""
    location = next((value for key, value in trial.headers if key == "location"), "")
    try:
        return (urlsplit(location).hostname or "") if (trial.status or 0) // 100 == 3 else ""
    except ValueError:  # a port or a bracket that is none
        return "?"


def without_query(location: str) -> str:
    """Return a redirect's scheme, host and path: credentials, query and fragment are where visitors are named."""
    plain = re.split(r"[?#;]", location, maxsplit=1)[0]
    scheme, separator, rest = plain.rpartition("//")
    return f"{scheme}{separator}{rest.rsplit('@', 1)[-1]}"


def _header(name: str, value: str) -> str:
    """Return a header's value as it may leave; lengths and ranges are numbers and nothing else."""
    if name in {"content-length", "content-range"}:
        return value if re.fullmatch(r"[0-9a-z */-]{1,60}", value) else ""
    return redacted(without_query(value) if name == "location" else value, MAX_HEADER)
