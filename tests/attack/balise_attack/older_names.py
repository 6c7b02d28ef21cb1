"""The names that modules had before they were sorted into folders, for scripts that run in an older checkout.

Lives here: the modules that the cases import, by today's name, and a script's text with the names of then. Must not
live here: what a script does.
"""

import re
from pathlib import Path
from typing import Final

_OLD: Final = {
    "balise_agent.delivery.spool.spool": "balise_agent.spool",
    "balise_agent.measure.assignments": "balise_agent.assignments",
    "balise_agent.net.local_networks": "balise_agent.household",
    "balise_agent.policy.limits": "balise_agent.limits",
    "balise_agent.policy.scrub": "balise_agent.scrub",
    "balise_agent.provisioning.enrolment.files": "balise_agent.enrolment.files",
    "balise_agent.system.config": "balise_agent.config",
    "balise_agent.system.identity": "balise_agent.identity",
    "balise_collector.conclude.pipeline": "balise_collector.pipeline",
    "balise_collector.conclude.store": "balise_collector.store",
    "balise_collector.fleet.catalogue": "balise_collector.catalogue",
    "balise_collector.fleet.members": "balise_collector.members",
    "balise_collector.fleet.registry": "balise_collector.fleet",
    "balise_collector.intake.broker": "balise_collector.broker",
    "balise_collector.intake.writer": "balise_collector.ingest",
    "balise_collector.pages.drawing.card": "balise_collector.pages.card",
    "balise_collector.pages.drawing.svg": "balise_collector.pages.svg",
    "balise_collector.pages.public.feed": "balise_collector.pages.feed",
    "balise_collector.pages.public.filter": "balise_collector.pages.public",
    "balise_collector.pages.views.read_model": "balise_collector.pages.view",
    "balise_collector.sinks.influx.bucket": "balise_collector.sinks.influx",
    "balise_collector.sinks.influx.cardinality": "balise_collector.sinks.cardinality",
    "balise_collector.sinks.influx.point": "balise_collector.sinks",
    "balise_collector.system.clock": "balise_collector.clock",
    "balise_collector.system.config": "balise_collector.config",
    "balise_collector.system.identity": "balise_collector.identity",
    "balise_collector.words.report": "balise_collector.report",
}
_WORDS: Final = {
    "BucketWriter": "InfluxSink",
    "JournalReader": "Follower",
    "IncidentScope": "Scope",
    "PublicStore": "Public",
    "VerdictState": "State",
    "WitnessCounts": "Crowd",
    "operator_context": "surroundings",
    "reader.inference": "reader.deduction",
    "sink.write": "sink.take",
    "witness_counts=": "crowd=",
}
"""What stands in those modules and had another name as well."""
_WORD: Final = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in _WORDS))
_MODULE: Final = re.compile("|".join(re.escape(name) + r"\b" for name in sorted(_OLD, key=len, reverse=True)))
_FROM: Final = re.compile(r"^(?P<indent> *)from (?P<package>balise_[\w.]+) import (?P<names>[\w, ]+)$", re.MULTILINE)


def is_older(checkout: Path) -> bool:
    """Tell whether a checkout is of the time before the folders."""
    return not (checkout / "agent/src/balise_agent/run").is_dir()


def translated(script: str) -> str:
    """Return a script's text as an older checkout can run it."""
    modules = _MODULE.sub(lambda name: _OLD[name[0]], _FROM.sub(_modules_of_then, script))
    return _WORD.sub(lambda name: _WORDS[name[0]], modules)


def _modules_of_then(line: re.Match[str]) -> str:
    """Return a ``from package import module`` with the module's old name, one line for each name."""
    lines = []
    for name in line["names"].split(", "):
        old = _OLD.get(f"{line['package']}.{name}")
        package, _, leaf = old.rpartition(".") if old else (line["package"], "", name)
        lines.append(f"{line['indent']}from {package} import {leaf}" + (f" as {name}" if leaf != name else ""))
    return "\n".join(lines)
