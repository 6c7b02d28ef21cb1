"""Row 22: what a stranger announces of itself gives it no role, and no terminal obeys it."""

import json

import msgspec

from balise_attack.bed import Bed
from balise_attack.case import Case, Outcome
from balise_attack.centre import Centre
from balise_attack.field import FieldProbe
from balise_wire.topics import Leaf

_CLEAR = "\x1b[2J\x1b]0;owned\x07"


def run(bed: Bed) -> Outcome:
    """Announce a reference with escapes in its words; the operator lists who waits and approves by the id alone."""
    centre = Centre(bed)
    centre.start()
    stranger = FieldProbe("strange1")
    stranger.certificate = centre.certificate(stranger.id, stranger.request())
    centre.connect(stranger)
    said = {
        "public_key": stranger.public_hex, "software": _CLEAR, "role": "reference", "country": "PK", "asn": 64501,
        "access": "mobile", "board": _CLEAR * 500, "consent": _CLEAR,
    }  # fmt: skip
    stranger.send(Leaf.META, msgspec.json.encode({**said, "country": "\x1b["}), retain=True)
    bed.until(lambda: "waiting" in centre.ask("fleet", "list"), 15.0)
    listed = centre.ask("fleet", "list") + centre.ask("fleet", "list", "--json")
    escapes = sum(not letter.isprintable() and letter != "\n" for letter in listed)
    waiting = json.loads(centre.ask("fleet", "list", "--json"))["pending"][0]
    stored = sum(not letter.isprintable() for value in waiting.values() for letter in str(value))
    stranger.send(Leaf.META, msgspec.json.encode(said), retain=True)
    bed.until(lambda: json.loads(centre.ask("fleet", "list", "--json"))["pending"][0]["country"] == "PK", 15.0)
    centre.ask("fleet", "approve", stranger.id)
    role = json.loads(centre.ask("fleet", "show", stranger.id, "--json"))["member"]["role"]
    figure = f"{escapes} control characters printed, {stored} kept; approved by its id alone it is a {role}"
    return Outcome(escapes + stored == 0 and role == "probe", figure)


CASES = (Case("22", "a stranger announces itself as a reference, with terminal escapes", run),)
