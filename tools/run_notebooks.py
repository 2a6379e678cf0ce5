"""Run the notebooks from top to bottom and keep their outputs, small.

    python tools/run_notebooks.py                 # all, in place
    python tools/run_notebooks.py 02 --check      # one: check that it runs and that it shows the present records

Hardware: two CPU cores, a few minutes.
"""

from __future__ import annotations

import sys

# `numbers.py` beside this program stands in for the standard library's, which others import
sys.path[:] = [place for place in sys.path if place != __file__.rpartition("/")[0]]

import argparse  # noqa: E402
import base64  # noqa: E402
import io  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
LARGEST = 600 << 10  # bytes of one notebook with its outputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="beginnings of names (default: all)")
    parser.add_argument("--check", action="store_true", help="run, but write nothing; fail where records changed")
    options = parser.parse_args()
    for path in sorted(FOLDER.glob("*.ipynb")):
        if not options.names or any(path.name.startswith(name) for name in options.names):
            start = time.monotonic()
            text = run(path)
            print(f"{path.name}: {time.monotonic() - start:.0f} s, {len(text) >> 10} KiB", file=sys.stderr)
            if len(text) > LARGEST:
                sys.exit(
                    f"{path.name} has {len(text)} bytes with its outputs, more than {LARGEST}: make figures smaller"
                )
            if not options.check:
                path.write_text(text)
            elif shows_records(text) and tables(text) != tables(path.read_text()):
                sys.exit(f"{path.name} is older than the records that it shows: run make notebooks")


def run(path: Path) -> str:
    """The executed notebook as text; a failing cell ends with its traceback."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(path, 4)
    os.environ["PYTHONWARNINGS"] = "ignore::Warning:tqdm.auto"  # a file has no use for moving bars
    NotebookClient(book, timeout=1200, resources={"metadata": {"path": str(FOLDER)}}).execute()
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # times of day: a new run should change what is new only
        for output in cell.get("outputs", []):
            shrink(output.get("data", {}))
    return nbformat.writes(book) + "\n"


def shows_records(text: str) -> bool:
    """Whether a notebook reads ``results/``: then its tables follow from the records alone."""
    return "ripguard.benchmark.records import" in text


def tables(text: str) -> list[str]:
    """A notebook's outputs in Markdown, in order. Figures are left out: their bytes differ between fonts."""
    import nbformat

    outputs = [output for cell in nbformat.reads(text, 4).cells for output in cell.get("outputs", [])]
    return [text for output in outputs if (text := output.get("data", {}).get("text/markdown"))]


def shrink(data: dict[str, Any]) -> None:
    """Figures with 64 colors."""
    from PIL import Image

    if "image/png" in data:
        buffer = io.BytesIO()
        image = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
        image.quantize(64).save(buffer, "PNG", optimize=True)
        data["image/png"] = base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    main()
