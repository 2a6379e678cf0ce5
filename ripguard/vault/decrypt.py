"""Decrypt a vault, or a part of it, to a folder that appears at the end and holds only files that were verified."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ripguard.bar import Bar
from ripguard.errors import Damaged, OutputRefused, RipguardError, StorageError, shown
from ripguard.executor import Executor, Local
from ripguard.store.atomic import (
    LOCK,
    drop_empty_work,
    drop_work,
    lock,
    make_working_folder,
    publish_folder,
    refuse_existing,
    refuse_overlap,
    storage,
)  # fmt: skip
from ripguard.store.together import together
from ripguard.systems import cannot_hold
from ripguard.vault.index import Entry
from ripguard.vault.keys import UnitKey, unit_name
from ripguard.vault.opening import Opener
from ripguard.vault.reading import Vault
from ripguard.vault.selecting import Opening, Selection, select, totals

TREE = "decrypted"  # in the working folder


@dataclass
class Decrypted:
    """Result of a decryption.

    Attributes:
        out: path of the output.
        files, bytes: what was written.
        digest, epoch: of the vault.
        authenticated: whether the header was authenticated, which the key of one unit cannot do.
        units: names of the units that were read.
        refused: path, code and message of each file that was not decrypted.
        first_error: the first of them.
    """

    out: str
    files: int
    bytes: int
    digest: str
    epoch: int
    authenticated: bool
    units: list[str]
    refused: list[dict[str, str]] = field(default_factory=list)
    first_error: RipguardError | None = None

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        del found["first_error"]
        return found


def decrypt(
    root: Path,
    out: Path,
    key: Opener,
    unit: str | None = None,
    pattern: str | None = None,
    expect: str | None = None,
    executor: Executor | None = None,
    dry_run: bool = False,
) -> Decrypted:
    """Decrypt the files of a vault to ``out``, byte for byte.

    A file whose chunks do not all verify is listed in ``refused``, and is not written. Times, modes and empty folders
    of the source are not kept.

    Args:
        unit: only files of this split and class, such as ``train/cat``.
        pattern: only files whose paths match this glob.
        expect: see :class:`ripguard.vault.reading.Vault`.
        dry_run: count the files, and write nothing.

    Raises:
        RipguardError: no file was decrypted.
    """
    out = Path(os.path.abspath(out))
    refuse_overlap([root], out)
    refuse_existing(out)
    with Vault(root, key, expect) as vault:
        selection = select(vault, unit, pattern)
        count, size, shards = totals(vault, selection)
        names = [unit_name(*vault.units[number]) for number in selection.units]
        whole = not isinstance(vault.access, UnitKey)
        result = Decrypted(str(out), 0, 0, vault.header.sums, vault.header.epoch, whole, names)
        if dry_run:
            result.files, result.bytes = count, size
            return result
        work = make_working_folder(out)
        with lock(work / LOCK), together(work, count) as files:
            _refuse_other_work(work)
            try:
                drop_work(work / TREE)
                with storage("cannot create"):
                    (work / TREE).mkdir()
                _run(Opening(vault.root, vault.access), selection, sorted(shards), count, work / TREE, executor, result)
                if result.files:
                    files.sync_tree(work / TREE)
                    publish_folder(work / TREE, out)
            finally:  # leave no plaintext in the working folder
                drop_work(work / TREE)
                drop_empty_work(work)
    if not result.files and result.first_error:
        raise result.first_error
    return result


def _refuse_other_work(work: Path) -> None:
    if (work / "vault.json").exists() or (work / "plan.json").exists():
        raise OutputRefused(f"{work} holds an unfinished run with this output", "choose another output")


def _run(
    opening: Opening,
    selection: Selection,
    shards: list[int],
    count: int,
    tree: Path,
    executor: Executor | None,
    result: Decrypted,
) -> None:
    task = partial(_work, tree, selection)
    with Bar(total=count, stage="decrypting", unit="file") as bar:
        for outcomes in (executor or Local()).map(task, shards, opening):
            for path, size, error in outcomes:
                bar.update()
                if error is None:
                    result.files += 1
                    result.bytes += size
                    continue
                result.refused.append({"path": path, "code": error.code, "message": error.message})
                result.first_error = result.first_error or error


def _work(tree: Path, selection: Selection, vault: Vault, shard: int) -> list[tuple[str, int, RipguardError | None]]:
    made, outcomes = set[str](), list[tuple[str, int, RipguardError | None]]()
    for one in selection.of_shard(vault, shard):
        error: RipguardError | None = None
        try:
            _write(vault, one, f"{tree}/{one.path}", made)
        except Damaged as damaged:
            error = damaged
        outcomes.append((one.path, one.size, error))
    return outcomes


def _write(vault: Vault, one: Entry, place: str, made: set[str]) -> None:
    """Write a file; none is left if it is damaged. Raises :class:`Damaged`, :class:`StorageError`."""
    if cannot_hold(one.path):
        raise Damaged(f"{shown(one.path)}: Windows has no files of its name", "decrypt it on another system")
    pieces = iter([vault.read(one)]) if one.size <= 1 << 16 else vault.pieces(one)
    first = next(pieces, b"")  # damaged files that are small leave no trace
    with storage("cannot write"):
        folder = os.path.dirname(place)
        try:
            if folder not in made:
                os.makedirs(folder, exist_ok=True)
                made.add(folder)
            file = open(place, "xb", 0)  # noqa: SIM115 - closed below; what is written to it fails otherwise
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise Damaged(f"{shown(one.path)}: another file has the same path here", "rename one of them") from None
    try:
        with file:
            for piece in _after(first, pieces):
                _all(file, piece)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(place)
        raise


def _after(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from pieces


def _all(file: Any, data: bytes) -> None:
    left = memoryview(data)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        raise StorageError(f"cannot write: {error.strerror}", "check free space, then repeat the command") from None
