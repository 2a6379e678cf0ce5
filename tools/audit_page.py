"""Draw the page of an audit as images, at the width of a desk and of a phone, with Chromium.

python tools/audit_page.py                                # protects and audits the photographs: 10 minutes
python tools/audit_page.py --page photos-audit/audit.html # draws a page that is there
python tools/audit_page.py --page photos-audit/audit.html --dark --out build

Makes ``audit-desk.png`` and ``audit-phone.png`` in the folder ``--out``, ``docs/`` by default.
"""

from __future__ import annotations

import sys

# `numbers.py` beside this program stands in for the standard library's, which others import
sys.path[:] = [place for place in sys.path if place != __file__.rpartition("/")[0]]

import argparse  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import ripguard  # noqa: E402
from ripguard.errors import UsageError, refusals_printed  # noqa: E402
from ripguard.numbers import above_zero  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# name → width of the window, most height of the image, pixels for each of the window's
WIDTHS = {"desk": (1000, 1200, 1), "phone": (390, 1600, 1)}
TALL = 6000  # height of the window, more than the page has
COLORS = 64  # of the image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=above_zero, default=10.0, metavar="MINUTES", help="default 10")
    parser.add_argument("--page", type=Path, metavar="HTML", help="draw this page, and audit nothing")
    parser.add_argument("--dark", action="store_true", help="as somebody sees it who prefers dark pages")
    parser.add_argument("--whole", action="store_true", help="the page down to its end")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", metavar="DIR", help="default docs/")
    options = parser.parse_args()
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise UsageError(f"there is no browser: none of {', '.join(BROWSERS)} is installed", "install Chromium")
    if options.page and not options.page.is_file():
        raise UsageError(f"{options.page}: there is no such page", "name the audit.html of an audit")
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = options.page or audited(Path(folder), options.budget)
        for name, (width, height, scale) in WIDTHS.items():
            image = drawn(browser, page, Path(folder), width, scale, options.dark)
            target = options.out / f"audit-{name}.png"
            smaller(
                image if options.whole else image.crop((0, 0, image.width, min(image.height, scale * height)))
            ).save(target, optimize=True)
            print(f"{target}: {target.stat().st_size / 1024:.0f} KiB")


def audited(place: Path, minutes: float) -> Path:
    """Protect the photographs, and audit the release."""
    ripguard.keygen(place / "key")
    ripguard.protect("photos", place / "photos", place / "key")
    found = ripguard.audit(place / "photos", place / "key", budget=minutes)
    print(found.sentence)
    return Path(found.page)


def drawn(browser: str, page: Path, folder: Path, width: int, scale: int, dark: bool) -> Image.Image:
    """The whole page as RGB, without what is empty below it."""
    target = folder / "shot.png"
    # a window of Chromium has a least width: the page stands in a frame of its own
    frame = folder / "frame.html"
    frame.write_text(
        f'<body style="margin: 0"><iframe src="{page.resolve().as_uri()}" width="{width}" height="{TALL}" '
        'style="border: 0; display: block"></iframe></body>',
        "utf-8",
    )
    subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--hide-scrollbars", "--allow-file-access-from-files",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--force-device-scale-factor={scale}",
            f"--window-size={max(width, 600)},{TALL}", f"--screenshot={target}", frame.as_uri(),
        ],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    image = Image.open(target).convert("RGB").crop((0, 0, scale * width, scale * TALL))
    samples = np.asarray(image)
    used = np.flatnonzero((samples != samples[-1, 0]).any(axis=(1, 2)))
    return image.crop((0, 0, image.width, min(image.height, int(used[-1]) + 16 * scale)))


def smaller(image: Image.Image) -> Image.Image:
    """With few colors: text and bars need no more."""
    return image.quantize(COLORS, dither=Image.Dither.NONE)


if __name__ == "__main__":
    with refusals_printed():
        main()
