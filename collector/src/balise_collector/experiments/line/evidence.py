"""A look at the probe's own line as the operator sees it; the public never does. Pure."""

from typing import Final

from balise_collector.experiments.shown import Simple
from balise_collector.system.harmless import printable
from balise_collector.system.sentences import Say
from balise_wire.experiments.line import LineObservation


class LineEvidence(Simple[LineObservation]):
    """The gateway and the controls."""

    def told(self, one: LineObservation, say: Say) -> tuple[str, str]:
        """Return how many controls were asked, and how many answered."""
        good = sum(control.failure is None for control in one.controls)
        asked = say("the line: gateway and {n} controls").format(n=len(one.controls))
        return asked, say("{ok} of {asked} controls answered").format(ok=good, asked=len(one.controls))

    def also(self, one: LineObservation, say: Say) -> list[str]:
        """Return which controls gave no answer."""
        failed = [printable(control.name) for control in one.controls if control.failure is not None]
        return [say("without an answer: {names}").format(names=", ".join(failed))] if failed else []


EVIDENCE: Final = LineEvidence()
