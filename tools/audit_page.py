"""Protect the photographs, audit the release, and draw the page as an image.

python tools/audit_page.py                                # docs/audit-photos.png
python tools/audit_page.py --budget 3 --out audit.png

With Chromium the whole page is drawn, otherwise its plot alone.
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

import ripguard  # noqa: E402
from ripguard.benchmark.audit.page import plot  # noqa: E402
from ripguard.errors import refusals_printed  # noqa: E402
from ripguard.numbers import above_zero  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=above_zero, default=10.0, metavar="MINUTES", help="default 10")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "audit-photos.png", metavar="PNG")
    options = parser.parse_args()
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ripguard.keygen(place / "key")
        ripguard.protect("photos", place / "photos", place / "key")
        found = ripguard.audit(place / "photos", place / "key", budget=options.budget)
        print(found.sentence)
        if browser:
            size = ("--window-size=1000,1600", f"--screenshot={options.out.resolve()}")
            subprocess.run([browser, "--headless", "--no-sandbox", *size, Path(found.page).as_uri()], check=True)
        else:
            options.out.write_bytes(plot(found))
    print(options.out)


if __name__ == "__main__":
    with refusals_printed():
        main()
