"""One GET as people see it. Pure. Must not live here: marks of packets, verdicts."""

from typing import Final

from balise_collector.experiments.shown import Simple
from balise_collector.system.sentences import Say
from balise_wire.experiments.http import HttpObservation


class HttpEvidence(Simple[HttpObservation]):
    """A request, and the page that came."""

    public = True

    def told(self, one: HttpObservation, say: Say) -> tuple[str, str]:
        """Return the URL and where it was asked for, and the page's status, size and title."""
        asked = say("{url} at {address} port {port}").format(
            url=f"{'https' if one.tls else 'http'}://{one.host}{one.path}", address=one.address, port=one.port
        )
        page = say("status {status}, {bytes} bytes").format(status=one.status, bytes=one.body_bytes)
        return asked, page + (say(", titled {title}").format(title=repr(one.title)) if one.title else "")

    def also(self, one: HttpObservation, say: Say) -> list[str]:
        """Return what was cut, and what was forgiven."""
        told = [say("cut off at our own limit")] if one.truncated else []
        return told + ([say("its head breaks the rules, as browsers forgive")] if one.malformed else [])


EVIDENCE: Final = HttpEvidence()
