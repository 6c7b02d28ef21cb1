"""The card of an incident as a PNG: the pixels of card.py's layout, for places that take no SVG (social networks).

Lives here: drawing with Pillow, in the fonts beside this module (fonts/README.md), so that every machine draws the
same. Must not live here: what stands on the card, or where (card.py).
"""

import io
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from balise_collector.judge.verdict import VerdictState
from balise_collector.pages.drawing.card import CORNERS, HEIGHT, SIGN, WIDTH, Box, Card, CardSign

_KEPT: Final = 64
"""Pictures that are kept: drawing one takes some 50 ms, and whoever shares a link makes many ask at once."""
_FINE: Final = 4
"""A shape is drawn so many times larger and then made small: Pillow draws polygons with hard edges."""


@lru_cache(_KEPT)
def png(card: Card) -> bytes:
    """Return the picture, 1200 x 630."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    for part in card.parts:
        if isinstance(part, Box):
            draw.rectangle((part.x, part.y, part.x + part.width - 1, part.y + part.height - 1), fill=part.colour)
        elif isinstance(part, CardSign):
            image.paste(part.colour, (part.x, part.y), _stencil(part.state))
        else:
            font, anchor = _font(part.size, bold=part.bold), "rs" if part.from_end else "ls"
            draw.text((part.x, part.y), part.text, fill=part.colour, font=font, anchor=anchor)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@cache
def _font(size: int, *, bold: bool) -> ImageFont.FreeTypeFont:
    """Return a font of a size in pixels."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    data = (resources.files("balise_collector.pages") / "fonts" / name).read_bytes()
    return ImageFont.truetype(io.BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _stencil(state: VerdictState) -> Image.Image:
    """Return a state's shape as a mask."""
    mask = Image.new("L", (SIGN * _FINE, SIGN * _FINE))
    draw = ImageDraw.Draw(mask)
    if corners := CORNERS.get(state):
        draw.polygon([(x * _FINE, y * _FINE) for x, y in corners], fill=255)
    else:
        draw.ellipse(_around(20), fill=255)
        if state is VerdictState.INSUFFICIENT:
            draw.ellipse(_around(12), fill=0)
    return mask.resize((SIGN, SIGN), Image.Resampling.LANCZOS)


def _around(radius: int) -> tuple[int, int, int, int]:
    """Return the box of a circle in the middle of a stencil."""
    first, last = (SIGN // 2 - radius) * _FINE, (SIGN // 2 + radius) * _FINE
    return first, first, last, last
