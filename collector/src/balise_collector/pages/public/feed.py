"""Incidents as an Atom feed (RFC 4287) and one incident's measured states as CSV (RFC 4180). Pure.

Lives here: the two forms. Must not live here: what may be seen; the view that is passed in has decided that.
"""

import csv
import io
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as ET

from balise_collector.incidents.findings import Finding
from balise_collector.incidents.model import Incident
from balise_collector.pages.views import formatting
from balise_collector.pages.views.read_model import View
from balise_collector.system import harmless
from balise_collector.words.report import headline, report
from balise_collector.words.translation import ENGLISH
from balise_wire.bins import BIN

ATOM: Final = "http://www.w3.org/2005/Atom"
_MOST: Final = 50
_MARGIN: Final = 3_600.0
_LONGEST: Final = 14 * 86_400.0
COLUMNS: Final = (
    "begins",
    "ends",
    "country",
    "provider",
    "service",
    "role",
    "layer",
    "state",
    "measurements",
)


def atom(view: View, base: str) -> str:
    """Return the newest incidents as a feed; one that was taken back stays in it and says so.

    Args:
        view: where incidents come from.
        base: scheme and host of the pages, without a slash at the end.
    """
    told = {one.id: view.store.revisions(one.id) for one in (*view.store.incidents(), *view.store.withdrawn())}
    entries = sorted(((noted[-1][0], noted[0][0], noted[-1][1]) for noted in told.values()), key=lambda one: -one[0])
    feed = ET.Element("feed", {"xmlns": ATOM, "xml:lang": "en"})
    _add(feed, "id", _urn(base))
    _add(feed, "title", "balise: incidents")
    _add(feed, "subtitle", "What was measured, how and where; not who or what caused it, or why.")
    _add(feed, "updated", _time(entries[0][0] if entries else view.now))
    _add(feed, "link", rel="self", type="application/atom+xml", href=f"{base}/feed.atom")
    _add(feed, "link", rel="alternate", type="text/html", href=f"{base}/")
    _add(_add(feed, "author"), "name", "balise")
    for updated, first, one in entries[:_MOST]:
        _entry(feed, one, view, base, {"updated": _time(updated), "published": _time(first)})
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(feed, encoding="unicode") + "\n"


def _entry(feed: ET.Element, one: Incident, view: View, base: str, times: Mapping[str, str]) -> None:
    """Add one incident; nothing but findings gets this far (TypeError)."""
    if not isinstance(one, Finding):
        raise TypeError(f"{one.id}: no finding, and about to be published")
    entry = _add(feed, "entry")
    _add(entry, "id", _urn(f"{base}/incident/{one.id}"))
    _add(entry, "title", headline(one, view.facts(one, ENGLISH)))
    for name, text in times.items():
        _add(entry, name, text)
    _add(entry, "link", rel="alternate", type="text/html", href=f"{base}/incident/{one.id}")
    _add(entry, "category", term=one.kind.value)
    _add(entry, "summary", formatting.sentence(one, view), type="text")
    _add(entry, "content", report([one], view.facts(one, ENGLISH)), type="text")


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    """Add an element; characters that XML cannot hold are replaced."""
    child = ET.SubElement(parent, name, {key: harmless.value(told) for key, told in attributes.items()})
    child.text = harmless.shown(text) or None
    return child


def _urn(address: str) -> str:
    """Return an id that stays when the feed is asked for under another name (RFC 4287 4.2.6)."""
    return uuid.uuid5(uuid.NAMESPACE_URL, address).urn


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def table(view: View, one: Incident) -> str:
    """Return the states measured from an hour before an incident to an hour after it, five minutes a row, as CSV."""
    finish = (one.end.latest if one.end else view.now) + _MARGIN
    start = (one.onset.latest if one.onset.earliest is None else one.onset.earliest) - _MARGIN
    since = max(start, finish - _LONGEST) // BIN * BIN
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    cells = view.store.history(since, finish // BIN * BIN, BIN, one.service)
    for cell in sorted(cells, key=lambda cell: (cell.bin, cell.country, cell.asn, cell.role, cell.layer, cell.state)):
        if one.country not in {cell.country, "**"} and not cell.reference:
            continue
        begins = since + cell.bin * BIN
        provider = "reference" if cell.reference else formatting.provider(cell.asn)
        place = tuple(map(harmless.cell, (cell.country, provider, cell.service, cell.role, cell.layer)))
        rows.writerow((_time(begins), _time(begins + BIN), *place, cell.state, cell.verdicts))
    return written.getvalue()
