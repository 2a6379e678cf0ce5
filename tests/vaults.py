"""Small vaults of real images, and trees of any files."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path

from helpers import make_source

from ripguard import api
from ripguard.crypto.keys import Key
from ripguard.vault.encrypt import Encrypted, encrypt
from ripguard.vault.places import LEAST
from ripguard.vault.plan import make_plan

KEY, OTHER = Key(bytes(range(32))), Key(bytes(range(1, 33)))


def make_tree(root: Path, files: dict[str, bytes]) -> Path:
    """A folder with these files."""
    root.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        place = os.path.join(root, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "xb") as file:
            file.write(data)
    return root


def read_tree(root: Path) -> dict[str, bytes]:
    """Path → bytes of all files below a folder."""
    found = {}
    for here, _, names in os.walk(os.fsencode(root)):
        for name in names:
            place = os.path.join(here, name)
            with open(place, "rb") as file:
                found[os.fsdecode(os.path.relpath(place, os.fsencode(root)))] = file.read()
    return found


@functools.cache
def _images() -> dict[str, bytes]:
    """The files of :func:`helpers.make_source`, which takes seconds."""
    with tempfile.TemporaryDirectory() as folder:
        return read_tree(make_source(Path(folder) / "s"))


def small_source(root: Path) -> Path:
    """Images of two splits and three classes, and an annotation."""
    return make_tree(root, _images())


def large_source(root: Path) -> Path:
    """The same, and a file that takes several shards of the least capacity."""
    small_source(root)
    (root / "train/large.bin").write_bytes(os.urandom(600_000))
    return root


def small_vault(source: Path, out: Path, key: Key = KEY, capacity: int = LEAST) -> Encrypted:
    """A vault with shards of the least capacity, so that a small source has several."""
    return encrypt(make_plan(source, None, capacity, "auto", None), key, out)


def back(vault: Path, out: Path, key: object = KEY, **more: object) -> dict[str, bytes]:
    """What decrypting gives."""
    api.vault_decrypt(vault, out, key, workers=1, **more)  # type: ignore[arg-type]
    return read_tree(out)
