"""The label sheet: one page of HTML to print, a label a card with number, id and QR code. Pure.

A label names no product, no country and no provider: whoever finds a card learns a number from it. The token is on it
only where the operator asks for that. Must not live here: files.
"""

import html
from collections.abc import Sequence
from typing import Final

import msgspec
import segno

_STYLE: Final = """
@page { size: A4; margin: 10mm }
* { box-sizing: border-box }
body { font: 11pt/1.3 system-ui, sans-serif; margin: 0; color: #000; background: #fff }
main { display: grid; grid-template-columns: repeat(3, 1fr); gap: 2mm }
section { border: 0.2mm dashed #777; padding: 3mm; display: flex; gap: 3mm; align-items: center; break-inside: avoid }
svg { width: 20mm; height: 20mm; flex: none }
b { font-size: 18pt; display: block }
code { font: 12pt ui-monospace, monospace; letter-spacing: 0.05em }
.token { display: block; font-size: 8pt; letter-spacing: 0; overflow-wrap: anywhere }
"""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed for one card."""

    card: int
    probe: str
    token: str = ""
    """Empty: neither in letters nor in the code."""


def sheet(batch: str, labels: Sequence[Label]) -> str:
    """Return the page: self-contained, without scripts, for A4 and three labels a row."""
    told = "\n".join(_label(label) for label in labels)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>Labels {html.escape(batch)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{told}\n</main>\n</body>\n</html>\n"
    )


def _label(label: Label) -> str:
    code = segno.make(label.token or label.probe, micro=False, error="m")
    drawn = code.svg_inline(omitsize=True, border=2, title=f"{label.card}: {label.probe}")
    token = f'<code class="token">{html.escape(label.token)}</code>' if label.token else ""
    return f"<section>{drawn}<div><b>{label.card}</b><code>{html.escape(label.probe)}</code>{token}</div></section>"
