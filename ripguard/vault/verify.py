"""Check a vault: without a key its files against ``SHA256SUMS``, with a key every chunk of every file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ripguard.bar import Bar
from ripguard.errors import Damaged, InputRefused, StorageError
from ripguard.executor import Executor, Local
from ripguard.files import NotRegular, open_regular, walk
from ripguard.store.atomic import sha256_file, storage
from ripguard.vault.body import read_sums
from ripguard.vault.header import INDEX, SUMS, Header, check_pin, read_header, shard_name
from ripguard.vault.heads import HEADER
from ripguard.vault.index import Entry
from ripguard.vault.keys import UnitKey
from ripguard.vault.opening import Opener
from ripguard.vault.reading import Vault
from ripguard.vault.selecting import Opening, Selection, select, totals

PROBLEMS = ("missing", "extra", "swapped", "cut", "changed", "forged", "differs", "absent", "unlisted")


@dataclass
class VaultReport:
    """Findings about a vault.

    Attributes:
        vault_id, digest, epoch: of the vault.
        authenticated: whether the header was authenticated: with a key of the whole vault.
        files: files whose chunks were opened; None without a key.
        equal: files that equal those of the source; None without a source.
        missing, extra: files of the vault that are gone, or that nobody listed.
        swapped: files with the content of another one; cut: too short or too long; changed: otherwise.
        forged: files of the dataset with a chunk that does not verify, and the reason.
        differs: files of the dataset that are not equal to the source.
        absent: files of the source that the vault lacks; unlisted: files of the vault that the source lacks.
    """

    vault_id: str
    digest: str
    epoch: int
    authenticated: bool = False
    files: int | None = None
    equal: int | None = None
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    swapped: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not any(getattr(self, name) for name in PROBLEMS)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ok": self.ok}


def verify(
    root: Path,
    key: Opener | None = None,
    expect: str | None = None,
    source: Path | None = None,
    executor: Executor | None = None,
) -> VaultReport:
    """Check a vault. Without a key, it shows accidents; only a key shows what somebody changed on purpose.

    Args:
        expect: see :class:`ripguard.vault.reading.Vault`.
        source: folder that the decrypted files must equal; needs a key.

    Raises:
        NotProtected: there is no vault.
        Damaged: header, ``SHA256SUMS`` or index were changed.
        WrongKey, KeyFileError: the key opens nothing here.
        VerifyFailed: it is not the expected vault.
    """
    run = executor or Local()
    header, _ = read_header(root)
    check_pin(root, header, expect)
    sums = read_sums(root, header)
    report = VaultReport(header.vault_id, header.sums, header.epoch)
    with storage("cannot list"):
        present = {name for name, _ in walk(root)}
    report.extra = sorted(present - {HEADER, SUMS, *sums})
    with Bar(total=len(sums), stage="hashing", unit="file") as bar:
        task = partial(_checked, root, {digest: name for name, digest in sums.items()})
        for name, kind in run.map(task, [(name, digest, _length(header, name)) for name, digest in sums.items()]):
            bar.update()
            if kind:
                getattr(report, kind).append(name)
    if key is not None and INDEX not in (*report.missing, *report.cut):
        with Vault(root, key) as vault:  # its index was compared already
            check_pin(root, vault.header, expect)
            report.authenticated = not isinstance(vault.access, UnitKey)
            _open_all(vault, source, run, report)
    return report


def _length(header: Header, name: str) -> int | None:
    numbers = {shard_name(number): number for number in (0, header.shards - 1)}
    if name == INDEX:
        return None
    return header.length(numbers[name]) if name in numbers else header.capacity


def _checked(root: Path, names: dict[str, str], _: None, item: tuple[str, str, int | None]) -> tuple[str, str]:
    """Name of a file of the body and what is wrong with it, "" for nothing."""
    name, digest, length = item
    try:
        handle = open_regular(root / name)
    except FileNotFoundError:
        return name, "missing"
    except NotRegular:
        return name, "changed"
    except OSError as error:
        raise StorageError(f"cannot read {root / name}: {error.strerror}", "check its permissions") from None
    size = os.fstat(handle).st_size
    os.close(handle)
    found = sha256_file(root / name)
    if found == digest:
        return name, ""
    if found in names:
        return name, "swapped"
    return name, "cut" if length is not None and size != length else "changed"


def _open_all(vault: Vault, source: Path | None, run: Executor, report: VaultReport) -> None:
    selection = Selection(tuple(vault.units))
    if any(len(vault.files(unit)) for unit in vault.units):
        selection = select(vault, None, None)
    count, _, shards = totals(vault, selection)
    report.files, report.equal = 0, None if source is None else 0
    with Bar(total=count, stage="opening", unit="file") as bar:
        task = partial(_opened, selection, source)
        for outcomes in run.map(task, sorted(shards), Opening(vault.root, vault.access)):
            for path, kind, message in outcomes:
                bar.update()
                report.files += kind != "forged"
                if source is not None:
                    report.equal = (report.equal or 0) + (kind == "")
                if kind:
                    getattr(report, kind).append(message if kind == "forged" else path)
    if source is not None and report.authenticated:
        known = {path for unit in vault.units for path in vault.files(unit).names()}
        report.absent = _others(source, known, vault.table.only if vault.table else "")


def _others(source: Path, known: set[str], only: str) -> list[str]:
    from ripguard.data.scan import looks_like_image

    with storage("cannot list"):
        names = [name for name, _ in walk(source) if name not in known]
    return sorted(name for name in names if not only or looks_like_image(name) == (only == "images"))


def _opened(selection: Selection, source: Path | None, vault: Vault, shard: int) -> list[tuple[str, str, str]]:
    found = list[tuple[str, str, str]]()
    for one in selection.of_shard(vault, shard):
        try:
            kind, message = _compared(vault, one, source), ""
        except Damaged as error:
            kind, message = "forged", error.message
        found.append((one.path, kind, message))
    return found


def _compared(vault: Vault, one: Entry, source: Path | None) -> str:
    """Open a file; "" if it equals that of the source. Raises :class:`Damaged`."""
    if source is None:
        for _ in vault.pieces(one):
            pass
        return ""
    read: Callable[[int], bytes]
    try:
        with open(open_regular(source / one.path), "rb") as file:
            read, same = file.read, True
            for piece in vault.pieces(one):
                same = read(len(piece)) == piece and same
            return "" if same and not read(1) else "differs"
    except (FileNotFoundError, NotADirectoryError):
        return "unlisted"
    except NotRegular:
        return "differs"
    except OSError as error:
        raise InputRefused(f"{source / one.path}: cannot be read: {error.strerror}") from None
