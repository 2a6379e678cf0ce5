"""Draw docs/every-mode.png: the 8-bit rendering of every sample of the tests' corpus, with the sample's name.

python tools/make_contact_sheet.py
"""

from __future__ import annotations

import sys

# `numbers.py` beside this program stands in for the standard library's, which others import
sys.path[:] = [place for place in sys.path if place != __file__.rpartition("/")[0]]

import argparse  # noqa: E402
import textwrap  # noqa: E402
from pathlib import Path  # noqa: E402

from PIL import Image, ImageDraw, ImageFont  # noqa: E402

from ripguard.errors import refusals_printed  # noqa: E402
from ripguard.images.rendering import render  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
COLUMNS, CELL, COLORS, LETTERS = 17, (78, 64), 128, 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "every-mode.png", metavar="FILE")
    out = parser.parse_args().out
    sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "images")]
    from corpus import corpus

    sheet([(one.name, one.data) for one in corpus() if one.reference is not None]).save(out, optimize=True)
    print(f"wrote {out}")


def sheet(files: list[tuple[str, bytes]]) -> Image.Image:
    """Renderings in a grid, on light gray, so that white shows.

    Args:
        files: (name, bytes of an image file).
    """
    rows = -(-len(files) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * CELL[0], rows * CELL[1]), (225, 225, 225))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(8.5)
    for i, (name, data) in enumerate(sorted(files, key=lambda one: one[0].split(".")[::-1])):
        x, y = i % COLUMNS * CELL[0], i // COLUMNS * CELL[1]
        shown = Image.fromarray(render(data, name).image.squeeze())
        page.paste(shown, (x + (CELL[0] - shown.width) // 2, y + 2))
        for line, text in enumerate(textwrap.wrap(name, LETTERS)[:2]):
            draw.text((x + CELL[0] // 2, y + 43 + 9 * line), text, (0, 0, 0), font, "ma")
    return page.quantize(COLORS, dither=Image.Dither.NONE)


if __name__ == "__main__":
    with refusals_printed():
        main()
