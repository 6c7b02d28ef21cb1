"""What `balise-lab field` prints. Must not live here: what is right (expect.py), or exit codes (cli.py)."""

from collections import Counter
from collections.abc import Iterator

from balise_lab.field import boards, network
from balise_lab.field.expect import Judged, Way, expected_of, line_of, said_of
from balise_lab.field.play import Played

_WIDTHS = (40, 38, 38)


def head() -> str:
    """Return the table's first line."""
    return row("situation", "expected", "said", "")


def row(name: str, expected: str, said: str, way: str) -> str:
    """Return one line of it."""
    cells = [f"{_cut(text, width):<{width}}" for text, width in zip((name, expected, said), _WIDTHS, strict=True)]
    return " | ".join([*cells, way]).rstrip()


def row_of(judged: Judged) -> str:
    """Return the line of one situation."""
    situation = judged.played.situation
    return row(situation.id, expected_of(situation.expect), said_of(judged.played), judged.way)


def why(judged: Judged) -> Iterator[str]:
    """Yield what is not right with one, and what was said, for whoever mends it."""
    for miss in judged.misses:
        yield f"    {miss.way}: {miss.what}"
    played = judged.played
    yield from (f"    said: {line_of(one, played.start)}" for one in played.centre.incidents())
    refused = Counter(str(getattr(one, "reason", one))[:160] for one in played.centre.refused)
    yield from (f"    refused {count} x {reason}" for reason, count in refused.most_common(3))
    yield from (f"    fault: {fault.place} {fault.error}" for fault in played.centre.journal.faults[:3])


def totals(ways: Counter[Way]) -> str:
    """Return the last line: how many situations came out in each way."""
    return f"{ways.total()} situations: " + ", ".join(f"{ways[way]} {way}" for way in Way)


def verdicts(played: Played) -> Iterator[str]:
    """Yield the verdict stream of a situation."""
    for one in played.centre.verdicts:
        at = (one.at - played.start) / 60
        mechanism = f" {one.mechanism}" if one.mechanism else ""
        proof = f" proof {','.join(one.proof)}" if one.proof else ""
        yield (
            f"{at:8.2f}  {one.probe:<14} AS{one.network.asn:<6} {one.target:<42} {one.layer:<5}{one.design:<9} "
            f"{one.state:<12} {one.rule}{mechanism}{proof}"
        )


def kinds() -> str:
    """Return the tables of events as Markdown: docs/field.md holds what this says."""
    lines = ["| kind of boards | what it does | parameters |", "|---|---|---|"]
    for word, kind in boards.KINDS.items():
        takes = "; ".join(f"`{name}`: {means}" for name, means in kind.takes.items())
        lines.append(f"| `{word}` | {kind.means} | {takes} |")
    lines += ["", "| kind of the network | what it does | parameters |", "|---|---|---|"]
    for word, means in network.KINDS.items():
        acts = f"`act`: {', '.join(network.ACTS[word])}" if word in network.ACTS else ""
        names = " ".join(f"`{name}`" for name in network.TAKES[word] if name != "act")
        lines.append(f"| `{word}` | {means} | {'; '.join(part for part in (acts, names) if part)} |")
    lines += ["", "| parameter | what it is | unless given |", "|---|---|---|"]
    usual = network.Effect(kind="")
    for name, means in network.SETTINGS.items():
        lines.append(f"| `{name}` | {means} | {_usual(getattr(usual, name))} |")
    return "\n".join(lines) + "\n"


def _usual(value: object) -> str:
    return "" if value in (None, "", ()) else f"`{value}`"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
