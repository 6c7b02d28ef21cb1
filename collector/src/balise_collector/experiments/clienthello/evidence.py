"""One greeting of some form as people see it. Pure. Must not live here: marks of packets, verdicts."""

from typing import Final

from balise_collector.experiments.shown import Simple
from balise_collector.system.sentences import Say
from balise_wire.experiments.clienthello import ClienthelloObservation, HelloForm


class ClienthelloEvidence(Simple[ClienthelloObservation]):
    """A hello, its form, and what came back."""

    public = True

    def told(self, one: ClienthelloObservation, say: Say) -> tuple[str, str]:
        """Return the name, the form and where it was said, and the first record back with its size."""
        asked = say("hello without a name to {address} port {port}")
        if one.sni:
            asked = say("hello with the name {name} to {address} port {port}")
        forms = {
            HelloForm.EXTENSION: say("with an extension that nobody knows, as long as the one in question"),
            HelloForm.ECH: say("with Encrypted Client Hello (ECH)"),
            HelloForm.ESNI: say("with Encrypted SNI (ESNI)"),
            HelloForm.SEGMENTS: say("cut inside the name, in two segments"),
            HelloForm.RECORDS: say("cut inside the name, in two records"),
            HelloForm.UNKNOWN: say("of a form that this version does not know"),
        }
        where = asked.format(name=one.sni, address=one.address, port=one.port)
        came = one.record.replace("_", " ").replace(":", " ") or say("answer")
        size = say("{what}, {bytes} bytes").format(what=came, bytes=one.bytes_received)
        return f"{where}, {forms[one.form]}" if one.form in forms else where, size


EVIDENCE: Final = ClienthelloEvidence()
