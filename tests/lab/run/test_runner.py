"""The pure part of a run: how long before its start a scenario's programs are started."""

from balise_lab.run.runner import lead
from balise_lab.scenario.load import parse

HEAD = """\
name: x
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: {probes: 10}}
services: {twitter: {web: twitter.lab}}
"""


def test_a_late_first_entry_needs_no_lead() -> None:
    """Forty minutes before the first entry are enough for ten probes to enrol and to measure a baseline."""
    assert lead(parse(HEAD + "timeline: [{at: 22:10, start: {kind: isp.shutdown}}]\n")) == 0.0


def test_an_early_first_entry_gets_a_baseline() -> None:
    """What begins at the start must not begin before the first measurement: programs are up real seconds before."""
    text = HEAD + "timeline: [{at: +0m, start: {kind: isp.shutdown}}]\n"
    assert lead(parse(text)) == 33.0 * 60
    assert lead(parse(text + "clock: {scale: 10}\n")) == 900.0
