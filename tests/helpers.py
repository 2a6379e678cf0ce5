"""Calling the program as a user would, and a small real source tree."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

from ripguard.cli import main
from ripguard.images.encoding import png_bytes

SEED = int(os.environ.get("RIPGUARD_TEST_SEED", "0"))  # of what the tests train and draw: none may hang on one seed


def call(*arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, out.getvalue(), err.getvalue()


def good(*arguments: str | Path) -> dict[str, Any]:
    """JSON result of a command that must succeed."""
    code, out, err = call(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def refused(code: int, *arguments: str | Path) -> str:
    """Message of a command that must end with this exit code, one sentence, no traceback."""
    got, _, err = call(*arguments)
    assert got == code, f"expected exit {code}, got {got}: {err}"
    assert "Traceback" not in err
    return err


def start(*arguments: str | Path) -> subprocess.Popen:
    """The program in a process group of its own."""
    command = [sys.executable, "-m", "ripguard", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def tree_digest(root: Path, times: bool = False) -> dict[str, str]:
    """Relative path → SHA-256 (and modification time) of every file."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[path.relative_to(root).as_posix()] = digest + (str(path.stat().st_mtime_ns) if times else "")
    return found


def crop(index: int, height: int = 32, width: int = 32) -> np.ndarray:
    """A crop of a photograph, uint8 [height, width, 3]."""
    photograph = (skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee())[index % 3]
    draw = np.random.default_rng(index)
    y, x = draw.integers(photograph.shape[0] - height), draw.integers(photograph.shape[1] - width)
    return np.ascontiguousarray(photograph[y : y + height, x : x + width])


def make_source(root: Path) -> Path:
    """Two splits, three classes; gray, odd-sized, tiny and JPEG images; a.jpg beside a.png; an annotation."""
    index = 0
    for split, count in (("train", 6), ("test", 2)):
        for label in ("cat", "cup", "face"):
            place = root / split / label
            place.mkdir(parents=True)
            for number in range(count):
                (place / f"{number}.png").write_bytes(png_bytes(crop(index)))
                index += 1
    extra = root / "train" / "cat"
    (extra / "a.png").write_bytes(png_bytes(crop(100)))
    Image.fromarray(crop(101)).save(extra / "a.jpg", quality=90)
    (extra / "grey.png").write_bytes(png_bytes(crop(102)[:, :, :1]))
    (extra / "odd.png").write_bytes(png_bytes(crop(103, 13, 21)))
    (extra / "tiny.png").write_bytes(png_bytes(crop(104, 3, 2)))
    (extra / "Ünï cödé – name.PNG").write_bytes(png_bytes(crop(105)))
    (root / "labels.csv").write_text("path,label\n")
    return root


def flip_bit(path: Path, sample: int = 1000, bit: int = 3) -> None:
    """Change one bit of one sample of a PNG image."""
    image = np.asarray(Image.open(path)).copy()
    image.reshape(-1)[sample % image.size] ^= np.uint8(1 << bit)
    Image.fromarray(image).save(path)


def environment(**more: str) -> dict[str, str]:
    """This process's environment with some variables changed."""
    return os.environ | more
