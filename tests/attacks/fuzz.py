"""Releases spoilt in every way that is known to matter, and what may come of them.

Case ``number`` of a seed is the same mutation on every machine that makes the same releases,
so a failure is repeated by
its number. About two in three are made by somebody who holds the key and makes the proof fit, the others by a stranger.

What is looked at: whether a command ends in one of the documented ways, and whether anything comes back that was never
protected, or at another place than its own. A holder of the key can publish images of their own making: then those
may come back that they sealed (:meth:`Case.allows` says which), and nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import lzma
import os
import shutil
import stat
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any
from unittest import mock

import hostile
import numpy as np
from helpers import crop
from metadata import parts, rebuilt
from PIL import Image

from ripguard.codecs.bounded import BadStream, unxz
from ripguard.codecs.coders import BY_NUMBER, known_model
from ripguard.crypto.aead import TAG, Forged, associated_data, image_digest, open_sealed
from ripguard.crypto.aead import seal as seal_bytes
from ripguard.crypto.keys import DatasetKeys, ImageKeys, Key
from ripguard.crypto.padding import pad
from ripguard.crypto.signing import SigningKey, fingerprint
from ripguard.errors import Damaged, RipguardError
from ripguard.files import walk
from ripguard.hide import lsb
from ripguard.hide.base import Hidden, Identity
from ripguard.hide.header import BadHeader, Header
from ripguard.hide.mrit.pairing import CODES
from ripguard.hide.mrit.transform import LENGTH, Params
from ripguard.hide.seal.method import Seal
from ripguard.hide.seal.record import pack, unpack
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.images.rendering import render
from ripguard.release import sealed
from ripguard.release.identify import read_header
from ripguard.release.record import CONTAINER, clean_proof, part_bound, signed_part

RELEASES = ("mrit", "bytes", "seal", "sealbytes", "fitted")
CODES_TOLD = frozenset({0, *range(2, 14)})  # docs/reference/exit-codes.md; 1 is a defect
FORGED = frozenset({"path", "name", "bytes", "index", "annotations"})  # what says which image is back, and where
HUGE = "@huge@"  # becomes a number of 5,000 digits, which Python does not write
NASTY: list[Any] = [
    None, True, False, 0, -1, 1, 255, 256, 65535, 65536, 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64,
    10**40,
    0.5, -0.0, 1e308, "", " ", "x", "0", "\ud800", "\udc80", "\ud83d\ude00", "\x1b[2J\x1b[H", "\u202eabc", "a\nb",
    "a\0b",
    "\x9b31m", "a" * 255, "a" * 256, "ä" * 200, "a" * 5000, "a/" * 300 + "b", "..", ".", "../x", "/etc/passwd",
    "a/../../b",
    "a//b", "./a", "CON", "a\\b", "~", "-rf", "$(id)", ".ripguard/release.json", ".ripguard", "train/cat", "labels.csv",
    "00" * 32, "ff" * 32, "FF" * 32, "0" * 63, "72670101" + "00" * 32, "ff" * 36, [], {}, [[]], [None],
    ["000000.bin", 0, 1],
    ["000003.bin", 0, 2**40], [1, 1, 1], [32, 32, 3], [2**20, 2**20, 3], [7000, 7000, 3], [0, 0, 3], [-1, -1, 3],
     {"a": {}},
    {"file": "x", "sha256": "00" * 32, "bytes": 1}, list(range(1000)), HUGE,
]  # fmt: skip


def seal(key: bytes, bound: bytes, data: bytes) -> bytes:
    return seal_bytes(key, bound, data or b"\0")  # nothing at all cannot be sealed, nor opened


Op = Callable[["Case"], str]
MUTATIONS: list[tuple[Op, bool | None]] = []  # and who can do it: True: a holder of the key alone; None: anybody


def anybody(op: Op) -> Op:
    MUTATIONS.append((op, None))
    return op


def holder(op: Op) -> Op:
    MUTATIONS.append((op, True))
    return op


class Case:
    """One spoilt release.

    Args:
        field: the releases, of ``conftest``.
        folder: empty; the release is made in it.

    Attributes:
        fits: whether a holder of the key made the proof fit.
        moved: whether they may have told other places, names or kinds of what comes back.
        free: places, without suffix, of images that they sealed something into.
        files: what they sealed as whole files.
        lossy: whether they sealed something that says itself that it comes back roughly.
    """

    def __init__(self, number: int, seed: int, field: Any, folder: Path) -> None:
        self.number, self.seed, self.field, self.folder = number, seed, field, folder
        self.rng = np.random.default_rng([seed, number])
        op, by_holder = MUTATIONS[number % len(MUTATIONS)]
        self.kind = "fitted" if op is sealed_model else self.pick(RELEASES)
        self.fits = bool(by_holder or self.chance(2 / 3))
        self.root = Path(shutil.copytree(unpacked(field, self.kind), folder / "release"))
        self.meta, self.residue = self.root / ".ripguard", self.root / ".ripguard/residue"
        self.info = json.loads((self.meta / "release.json").read_text())
        self.rows = [json.loads(line) for line in (self.meta / "manifest.jsonl").read_text().splitlines()]
        self.before = json.dumps([self.rows, self.info])
        self.places = [row["path"] for row in self.rows]
        self.keys: DatasetKeys = Key.read(field.key).dataset(bytes.fromhex(self.info["dataset_id"]))
        self.moved = self.lossy = False
        self.free: set[str] = set()
        self.files: set[bytes] = set()
        self.kept: set[str] = set()  # fields of release.json that are not made to fit
        self.raw: list[Callable[[bytes], bytes]] = []  # what is done to the bytes of the manifest
        self.raw_info: list[Callable[[bytes], bytes]] = []  # and of release.json
        self.raw_container: list[Callable[[bytes], bytes]] = []  # and of release.ripguard
        self.content: dict[str, bytes] = {}  # the parts of release.ripguard
        self.fit_residue = self.chance(0.5)
        words = [op(self)]
        while self.chance(0.2):
            more, by_holder = self.pick(MUTATIONS)
            if self.fits or not by_holder:
                words.append(more(self))
        self.write()
        self.pack()
        who = "a holder of the key" if self.fits else "a stranger"
        self.text = f"case {number} of seed {seed}: {self.kind}, {who}: " + "; ".join(words)

    # --- chance

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, items: Any) -> Any:
        items = list(items)
        return items[int(self.rng.integers(len(items)))]

    def below(self, bound: int) -> int:
        return int(self.rng.integers(max(1, bound)))

    def row(self) -> dict[str, Any]:
        """A row that is still one."""
        return self.pick([row for row in self.rows if isinstance(row, dict)] or [{}])

    def image(self) -> Path:
        """A file that is an image of the release, or was."""
        there = [self.root / place for place in self.places if (self.root / place).is_file()]
        return self.pick(there or [self.root / "none.png"])

    def shard(self) -> Path:
        return self.pick(sorted(self.residue.iterdir()) or [self.residue / "none.bin"])

    def forge(self, field: object) -> None:
        self.moved |= field in FORGED

    # --- what holders of the key do

    def keys_of(self, row: dict[str, Any]) -> ImageKeys:
        return self.keys.unit(row["unit"]).image(row["index"])

    def header(self, row: dict[str, Any]) -> Header:
        return Header.unpack(bytes.fromhex(row["header"])) if "header" in row else read_header(self.shows(row))

    def shows(self, row: dict[str, Any]) -> np.ndarray:
        return read_image(self.root / row["path"])

    def identity(self, row: dict[str, Any]) -> Identity:
        return Identity(self.keys.key_id, self.keys.dataset_id, row["unit"], row["index"])

    def victim(self) -> dict[str, Any] | None:
        """A row that is as it was published, with its image."""
        was = json.loads(self.before)[0]
        good = [row for row in self.rows if isinstance(row, dict) and row in was]
        good = [row for row in good if self.untouched(row)]
        return self.pick(good) if good else None

    def untouched(self, row: dict[str, Any]) -> bool:
        try:
            return hashlib.sha256((self.root / row["path"]).read_bytes()).hexdigest() == row["file"]
        except OSError:
            return False

    def put(self, row: dict[str, Any], image: np.ndarray) -> None:
        """Publish an image at a row's place, and let the row tell of it."""
        data = png_bytes(image)
        (self.root / row["path"]).write_bytes(data)
        row |= {"shape": list(image.shape), "pixels": image_digest(image).hex(),
                "file": hashlib.sha256(data).hexdigest()}  # fmt: skip

    def keep(self, data: bytes) -> list[Any] | None:
        """Put bytes into the residue; where they are, as rows tell of it."""
        if not data:
            return None
        name = self.pick(["000000.bin", "000777.bin"])
        place = self.residue / name
        old = place.read_bytes() if place.is_file() and not place.is_symlink() else b""
        if place.is_symlink() or place.is_dir():
            return None
        place.unlink(missing_ok=True)  # a pipe
        place.write_bytes(old + data)
        listed = self.info["residue"] if isinstance(self.info.get("residue"), list) else []
        entry = {"file": name, "sha256": hashlib.sha256(old + data).hexdigest(), "bytes": len(old + data)}
        self.info["residue"] = [one for one in listed if not (isinstance(one, dict) and one.get("file") == name)] + [
            entry
        ]
        return [name, len(old), len(data)]

    def publish(self, row: dict[str, Any], hidden: Hidden) -> None:
        """Exchange an image of the release for one that something else was sealed into."""
        self.free.add(stem(row["path"]))
        self.put(row, hidden.image)
        row |= {"planes": hidden.header.planes, "residue": self.keep(hidden.residue)}
        row.pop("header", None)
        if hidden.header.planes == 0:
            row["header"] = hidden.header.pack().hex()

    def whole(self, data: bytes) -> None:
        """Bytes that were sealed as a source file may come back."""
        self.files.add(data or b"\0")
        with contextlib.suppress(BadStream):
            self.files.add(unxz(data, 1 << 23))

    # --- the files

    def write(self) -> None:
        """Write what was changed; a holder of the key makes it fit."""
        manifest, place = self.meta / "manifest.jsonl", self.meta / "release.json"
        rows, info = json.loads(self.before)
        regular = not any(one.is_symlink() or not one.is_file() for one in (manifest, place) if os.path.lexists(one))
        if not regular or not (manifest.exists() and place.exists()):
            return
        if self.rows != rows or self.raw:
            data = b"".join(_text(row) + b"\n" for row in self.rows)
            for change in self.raw:
                data = change(data)
            manifest.write_bytes(data)
        if self.fits or (self.rows != rows and self.chance(0.5)):
            self._fit("manifest", hashlib.sha256(manifest.read_bytes()).hexdigest())
            self._fit("pictures", manifest.read_bytes().count(b"\n"))
        if self.fits and self.fit_residue:
            self._fit_files()
        if self.fits:
            self._prove()
        if self.info != info or self.raw_info:
            data = _text(self.info)
            for change in self.raw_info:
                data = change(data)
            place.write_bytes(data)

    def pack(self) -> None:
        """Put what is left of the parts, as files, into ``release.ripguard``; special files have no place in it."""
        for place, entry in sorted(walk(self.meta), key=lambda one: one[0]) if self.meta.is_dir() else ():
            if entry.is_file(follow_symlinks=False) and entry.stat().st_size < 1 << 24:
                self.content[place] = Path(entry.path).read_bytes()
        shutil.rmtree(self.meta) if self.meta.is_dir() and not self.meta.is_symlink() else None
        rebuilt(self.root, self.content)
        for change in self.raw_container:
            file = self.root / CONTAINER
            file.write_bytes(change(file.read_bytes()))

    def _fit(self, name: str, value: Any) -> None:
        if isinstance(self.info, dict) and name not in self.kept:
            self.info[name] = value

    def _fit_files(self) -> None:
        shards = self.info.get("residue") if isinstance(self.info, dict) else None
        for shard in shards if isinstance(shards, list) else ():
            try:
                data = (self.residue / shard["file"]).read_bytes() if (self.residue / shard["file"]).is_file() else None
            except (TypeError, KeyError, ValueError, OSError):
                continue
            if data is not None and "residue" not in self.kept:
                shard |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

    def _prove(self) -> None:
        if not isinstance(self.info, dict):
            return
        self.info.pop("signature", None) if "signature" not in self.kept else None
        try:
            part = signed_part(self.info)
            keys = Key.read(self.field.key).dataset(bytes.fromhex(self.info["dataset_id"]))
        except (ValueError, KeyError, TypeError):
            return
        self._fit("proof", keys.proof(b"release", part).hex())
        if self.chance(0.2) and "signature" not in self.kept:
            own = SigningKey(bytes(32))
            self.info["signature"] = {"public": own.public.hex(), "value": own.sign(part).hex(),
                                      "signer": fingerprint(own.public)}  # fmt: skip

    # --- what may come of it

    def told_rows(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if isinstance(row, dict)]

    def allows(self, place: str, data: bytes) -> bool:
        """Whether a file may stand in the output though the genuine restoration has another or none there."""
        if not self.fits:
            return False
        genuine = contents(self.field.restored(self.kind))
        notes = self.info.get("annotations") if isinstance(self.info, dict) else None
        if self.moved and isinstance(notes, list):
            told = [(note.get("path"), note.get("sha256")) for note in notes if isinstance(note, dict)]
            if (place, hashlib.sha256(data).hexdigest()) in told:
                return True
        if self.moved and data in genuine.values():
            return True
        sealed = self.moved or stem(place) in self.free
        if self.free and sealed and (data in self.files or self.lossy):
            return True
        if not sealed:
            return False
        try:
            render(data, place)
        except RipguardError:
            return False
        try:
            shown = image_digest(read_image(data))
        except RipguardError:  # a file that a holder of the key sealed, and whose samples no row proves
            return bool(self.free)
        if self.moved and any(shown == pixels(one) for one in genuine.values()):
            return True
        return bool(self.free) and any(self.proves(row, shown) for row in self.told_rows())

    def proves(self, row: dict[str, Any], shown: bytes) -> bool:
        """Whether a row tells of a clean image with this digest."""
        try:
            return row.get("clean") == clean_proof(self.keys, 2, row["unit"], row["index"], shown)
        except (KeyError, TypeError, struct.error):
            return False

    def complete(self, found: dict[str, bytes]) -> str:
        """What is wrong with a whole restoration, which ended in 0; "" for nothing."""
        rows = [json.loads(line) for line in self.content["manifest.jsonl"].splitlines() if line.strip()]
        notes = json.loads(self.content["release.json"])["annotations"]
        if len(found) != len(rows) + len(notes):
            return f"{len(found)} files, and the manifest tells of {len(rows)} and {len(notes)}"
        if self.moved:
            return ""
        lost = {stem(row["path"]) for row in rows} | {stem(note["path"]) for note in notes}
        lost -= {stem(place) for place in found}
        return f"without {sorted(lost)}" if lost else ""


def unpacked(field: Any, kind: str) -> Path:
    """A release of this kind whose parts are files of ``.ripguard``, which the operations change."""
    place = field.root / f"{kind}.unpacked"
    if not place.exists():
        shutil.copytree(field.release(kind), place)
        for name, data in parts(place).items():
            (place / ".ripguard" / name).parent.mkdir(parents=True, exist_ok=True)
            (place / ".ripguard" / name).write_bytes(data)
        (place / CONTAINER).unlink()
    return Path(place)


def _text(value: Any) -> bytes:
    return json.dumps(value).replace(f'"{HUGE}"', "9" * 5000).encode()


def stem(place: str) -> str:
    return PurePosixPath(place).with_suffix("").as_posix() if PurePosixPath(place).name else place


_contents: dict[Path, dict[str, bytes]] = {}
_pixels: dict[bytes, bytes] = {}


def contents(folder: Path) -> dict[str, bytes]:
    """Path → bytes of each file of a restoration that does not change."""
    if folder not in _contents:
        _contents[folder] = files_below(folder)
    return _contents[folder]


def pixels(data: bytes) -> bytes:
    if data not in _pixels:
        try:
            _pixels[data] = image_digest(read_image(data))
        except RipguardError:
            _pixels[data] = b""
    return _pixels[data]


def files_below(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- values of fields


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of everything in a JSON value."""
    items = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [(value, key) for key, _ in items] + [leaf for _, inner in items for leaf in leaves(inner)]


def turned(case: Case, value: Any) -> Any:
    """Another value, near to this one or far off."""
    if case.chance(0.4):
        return case.pick(NASTY)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return case.pick(
            [value + 1, value - 1, -value, value * 2, value << 32, float(value), str(value), value ^ 1 << 16]
        )
    if isinstance(value, str) and value:
        at = case.below(len(value))
        other = case.pick(["0", "f", "g", "F", "/", "\0", "\x1b", "\u202e", "\ud800", " ", ".", "é", "\u0301"])
        return case.pick(
            [value[:at] + other + value[at + 1 :], value[:at] + other + value[at:], value[:at], value * 2,
             value.upper(),
             value[::-1], value + other, other + value, value[2:], value * 50, [value], {value: value}]
        )  # fmt: skip
    if isinstance(value, list) and value:
        some = case.pick(value)
        return case.pick(
            [value[:-1], value + [some], value[::-1], value * 2, value + [None], {"0": value}, value * 300]
        )
    if isinstance(value, dict) and value:
        return case.pick([list(value.values()), {**value, "x": value}, dict(list(value.items())[1:]), None])
    return case.pick(NASTY)


def turn(case: Case, value: Any, what: str) -> str:
    """Change, drop or add one thing somewhere in a JSON value."""
    found = leaves(value)
    if not found:
        return f"nothing of {what}"
    inside, key = case.pick(found)
    if case.chance(0.15):
        del inside[key]
        return f"{what}: {key} dropped"
    new = turned(case, inside[key])
    inside[key] = new
    return f"{what}: {key} = {json.dumps(new)[:60]}"


@anybody
def value_of_row(case: Case) -> str:
    row = case.row()
    key = case.pick(row or ["path"])
    case.forge(key)
    if isinstance(row.get(key), list) and case.chance(0.6):
        return f"row {row.get('path')!a}: " + turn(case, row[key], key)
    where = row.get("path")
    row[key] = turned(case, row.get(key))
    return f"row {where!a}: {key} = {json.dumps(row[key])[:60]}"


@anybody
def value_of_info(case: Case) -> str:
    inside, key = case.pick(leaves(case.info))
    top = next(name for name, value in case.info.items() if value is inside or (inside is case.info and name == key) or
               any(one is inside for one, _ in leaves(value)))  # fmt: skip
    case.forge(top)
    case.kept |= {top}
    if case.chance(0.15):
        del inside[key]
        return f"release.json: {top}: {key} dropped"
    inside[key] = turned(case, inside[key])
    return f"release.json: {top}: {key} = {json.dumps(inside[key])[:60]}"


@anybody
def field_of_row_dropped(case: Case) -> str:
    row = case.row()
    key = case.pick(row or ["path"])
    row.pop(key, None)
    case.forge(key)
    return f"a row without {key}"


@anybody
def unknown_fields(case: Case) -> str:
    deep: Any = 1
    for _ in range(case.pick([1, 15, 25, 200])):
        deep = [deep] if case.chance(0.5) else {"x": deep}
    value = case.pick([deep, case.pick(NASTY), ["x"] * 5000, {str(i): {} for i in range(2000)}, "x" * 50_000])
    name = case.pick(["x", "\x1b[2J", "\ud800", "", "a" * 3000, "__class__", "limited ", "planes\0"])
    target = case.pick([case.info, case.row()])
    target[name] = value
    return f"an unknown field {name[:20]!a} = {json.dumps(value)[:40]}"


@anybody
def rows_swap_a_field(case: Case) -> str:
    a, b = case.row(), case.row()
    key = case.pick(a or ["path"])
    a[key], b[key] = b.get(key), a.get(key)
    for one in (a, b):
        if one[key] is None and key != "residue":
            del one[key]
    case.forge(key)
    return f"{key} of two rows exchanged"


@anybody
def rows_swap_their_looks(case: Case) -> str:
    """All that tells of the published image."""
    a, b = case.row(), case.row()
    for key in ("pixels", "file", "shape", "header", "residue", "clean", "planes"):
        if case.chance(0.8):
            one, other = a.pop(key, None), b.pop(key, None)
            a |= {key: other} if other is not None or key == "residue" else {}
            b |= {key: one} if one is not None or key == "residue" else {}
    case.moved |= case.fits
    return "looks of two rows exchanged"


@anybody
def row_twice(case: Case) -> str:
    again = dict(case.row())
    for key in ("path", "index", "pixels", "unit", "clean"):
        if case.chance(0.5):
            again[key] = {
                "path": "train/cup/more.png",
                "index": 99,
                "pixels": "ab" * 32,
                "unit": 0,
                "clean": "00" * 32,
            }[key]
    if case.chance(0.4) and isinstance(again.get("path"), str) and case.image().is_file():
        with contextlib.suppress(OSError):
            shutil.copyfile(case.image(), case.root / again["path"])
    case.rows.insert(case.below(len(case.rows) + 1), again)
    case.moved |= case.fits
    return f"a row twice, {json.dumps(again)[:40]}"


@anybody
def row_dropped(case: Case) -> str:
    count = case.pick([1, 1, 2, len(case.rows) - 1, len(case.rows)])
    for _ in range(count):
        if case.rows:
            case.rows.pop(case.below(len(case.rows)))
    return f"{count} rows dropped"


@anybody
def rows_in_another_order(case: Case) -> str:
    order = case.rng.permutation(len(case.rows)) if case.chance(0.7) else range(len(case.rows) - 1, -1, -1)
    case.rows[:] = [case.rows[int(i)] for i in order]
    return "rows in another order"


@anybody
def header_of_row(case: Case) -> str:
    """Bytes of a header that stands in a row, or of one that is put there."""
    row = case.pick([one for one in case.rows if isinstance(one, dict) and "header" in one] or [case.row()])
    try:
        header = bytearray(case.header(row).pack())
    except (BadHeader, RipguardError, ValueError, KeyError, TypeError, OSError):
        header = bytearray(case.rng.bytes(36))
    for _ in range(case.pick([0, 1, 1, 1, 2, 8])):
        header[case.below(len(header))] = case.pick(
            [0, 1, 2, 4, 5, 0x0F, 0x10, 0x20, 0x40, 0x7F, 0x80, 0xFF, case.below(256)]
        )
    if case.chance(0.1):
        header = bytearray(case.pick([bytes(header[:-1]), bytes(header) * 2, b"rg", b"rg\1\1", b"rg\1\2" + bytes(36)]))
    row["header"] = bytes(header).hex()
    return f"row {row.get('path')!r}: header {bytes(header).hex()[:90]}"


@anybody
def piece_of_row(case: Case) -> str:
    row, key = case.row(), case.pick(["residue", "bytes"])
    old = row.get(key) if isinstance(row.get(key), list) and len(row.get(key)) == 3 else ["000000.bin", 0, 10]
    name, start, length = old
    size = case.pick([0, 1, 15, 16, 17, length if isinstance(length, int) else 1, 2**31, 2**62])
    row[key] = case.pick(
        [[name, size, length], [name, start, size], [case.pick(["000001.bin", "000003.bin", "x"]), start, length],
         [name, 0, 0], None, [name, start, 2**63 - 1], ["../release.json", 0, 10], ["manifest.jsonl", 0, 10]]
    )  # fmt: skip
    case.forge(key)
    return f"row {row.get('path')!r}: {key} = {row[key]}"


@anybody
def numbers_of_row(case: Case) -> str:
    row = case.row()
    for key in ("unit", "index", "planes", "overwritten", "overflow"):
        if case.chance(0.4):
            row[key] = case.pick([0, 1, 2, 3, 5, 8, 9, 15, 65535, 2**32 - 1, 2**40])
            case.forge(key)
    return f"row {row.get('path')!r}: other numbers"


@anybody
def name_of_row(case: Case) -> str:
    row, key = case.row(), case.pick(["name", "path"])
    row[key] = case.pick(
        ["labels.csv", "0.png", "1.png", "a.jpg", "A.JPG", ".hidden", "x" * 255, "x" * 256, "é" * 127 + "é",
         "e\u0301.png",
         "x.png.", " ", "x\ty", "train", "test", "train/cat", "train/cat/0.png/x", "a" * 250 + ".png", "tiny", "lock",
         "train/cup/../cat/0.png", "new/place/x.png", "train/cat/0.PNG", "CON.png", "x:y.png", "\udc80.png", "-x.png"]
    )  # fmt: skip
    case.moved |= case.fits
    return f"a row's {key} = {row[key][:60]!a}"


@anybody
def annotations(case: Case) -> str:
    there = [p for p in case.root.rglob("*") if p.is_file() and not p.is_symlink()]
    file = case.pick(there)
    path = case.pick(["x.txt", "a" * 300, "train/cat/0.png", "train", "new/x", "labels.csv", ".ripguard/release.json",
                      file.relative_to(case.root).as_posix(), "train/cat/a.jpg"])  # fmt: skip
    note = {"path": path, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    notes = case.info.get("annotations")
    case.moved |= case.fits
    if isinstance(notes, list):
        case.pick([notes.append, lambda one: notes.clear(), lambda one: notes.extend([one] * 3)])(note)
    if case.chance(0.5) and not (case.root / "x.txt").exists():
        (case.root / "x.txt").write_bytes(file.read_bytes())
    return f"annotations: {path[:40]}"


@anybody
def labels_and_units(case: Case) -> str:
    key = case.pick(["labels", "units"])
    old = case.info.get(key)
    if not isinstance(old, list) or not old:
        return "no labels"
    case.info[key] = case.pick([old[::-1], old[:-1], old * 2, old * 20_000, [], [*old[1:], old[0]]])
    return f"{key}: {len(old)} → {len(case.info[key])} in another order"


@anybody
def list_of_residue(case: Case) -> str:
    shards = case.info.get("residue")
    if not isinstance(shards, list) or not shards:
        return "no residue"
    one = case.pick(shards)
    case.kept |= {"residue"}
    how = case.pick(["twice", "dropped", "bytes", "sha256", "file", "empty", "many"])
    if how == "twice":
        shards.append(dict(one) if isinstance(one, dict) else one)
    elif how == "dropped":
        shards.remove(one)
    elif how == "empty":
        shards.clear()
    elif how == "many":
        shards += [{"file": f"{i:06d}.bin", "sha256": "00" * 32, "bytes": 2**62} for i in range(5000)]
    elif isinstance(one, dict) and how == "bytes":
        one["bytes"] = size = case.pick([0, 1, 10, 2**32, 2**40, 2**63 - 1])
        if case.chance(0.5):  # and a row that believes it
            case.row()["residue"] = [one.get("file"), case.pick([0, 0, 1]), case.pick([size, size - 1, size // 2])]
    elif isinstance(one, dict):
        one[how] = case.pick(["00" * 32, "x", "release.json", "000001.bin"])
    return f"list of residue: {how}"


@anybody
def model_entry(case: Case) -> str:
    case.info["model"] = case.pick(
        [{"sha256": "00" * 32, "bytes": n} for n in (0, 1, 2**22, 2**40, 2**63 - 1)]
        + [None, {}, {"sha256": "00" * 32}, []]
    )
    if case.chance(0.5):
        (case.meta / "model.bin").write_bytes(case.rng.bytes(case.pick([0, 10, 5000])))
    return f"model: {json.dumps(case.info['model'])[:40]}"


def rough(case: Case, data: bytes) -> tuple[str, bytes]:
    """Bytes of a text file changed without a thought for what they mean."""
    at = case.below(len(data))
    how, new = case.pick(
        [
            ("cut", data[:at]), ("longer", data + case.rng.bytes(9)), ("twice", data * 2), ("empty", b""),
            ("an empty line", data[:at] + b"\n" + data[at:]), ("a long line",
            data + b'{"x": "' + b"y" * 70_000 + b'"}\n'),
            ("CRLF", data.replace(b"\n", b"\r\n")), ("BOM", b"\xef\xbb\xbf" + data), ("NUL",
            data[:at] + b"\0" + data[at:]),
            ("not UTF-8", data[:at] + b"\xff\xfe" + data[at:]), ("blanks", data.replace(b": ", b"   :  ")),
            ("UTF-16", data.decode("latin-1").encode("utf-16")), ("NaN", data.replace(b": 0", b": NaN")),
            ("a field twice", data.replace(b"{", b'{"unit": 0, ', 1)), ("infinity", data.replace(b": 3", b": 3e999")),
            ("a bit", data[:at] + bytes([data[at] ^ 1 << case.below(8)]) + data[at + 1 :] if data else b"x"),
            ("a comma less", data.replace(b",", b"", 1)), ("brackets", b"[" * 5000 + data), ("zeros", bytes(len(data))),
            ("no line break at the end", data.rstrip(b"\n")), ("a comment", b"// x\n" + data),
        ]
    )  # fmt: skip
    return how, new


@anybody
def bytes_of_manifest(case: Case) -> str:
    how = []

    def change(data: bytes) -> bytes:
        told, data = rough(case, data)
        how.append(told)
        return data

    case.raw.append(change)
    case.moved |= case.fits  # a bit of a name
    return "bytes of the manifest"


@anybody
def bytes_of_release_json(case: Case) -> str:
    case.raw_info.append(lambda data: rough(case, data)[1])
    case.moved |= case.fits
    return "bytes of release.json"


@anybody
def bytes_of_container(case: Case) -> str:
    case.raw_container.append(lambda data: rough(case, data)[1])
    return "bytes of release.ripguard"


@holder
def sealed_names(case: Case) -> str:
    """What a holder of the key can say of the names of the source files."""
    row = case.victim()
    if row is None:
        return "no image"
    unit, index = row["unit"], str(row["index"])
    folder = PurePosixPath(row["path"]).parent.as_posix()
    names = case.pick(
        [{index: f"{folder}/{name}"} for name in ("x.jpg", "0.png", "1.png", "a" * 300 + ".png", "\x1b[2J.png", "..")]
        + [{index: name} for name in ("x.png", "/x.png", "../x.png", "", 3, None)]
        + [[], 7, {"x": "y"}, {"-1": "y"}, {}]
    )  # fmt: skip
    key, bound = case.keys.names_key(case.keys.dataset_id, unit), sealed.names_bound(case.keys.dataset_id, unit)
    data = case.pick([sealed.seal_json(key, bound, names), seal(key, bound, b"junk"), seal(key, bound, pad(b"junk"))])
    (case.meta / f"names/{unit}").write_bytes(data)
    for part in case.info.get("parts", ()):
        if isinstance(part, dict) and part.get("name") == f"names/{unit}":
            part |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    case.moved = True
    return f"names of unit {unit}: {names!a}"


# --- files


def target(case: Case) -> Path:
    """Any file of the release."""
    kinds = [case.image, case.image, case.shard, lambda: case.meta / "model.bin", lambda: case.root / "labels.csv",
             lambda: case.meta / "manifest.jsonl", lambda: case.meta / "release.json"]  # fmt: skip
    for _ in range(20):
        place = case.pick(kinds)()
        if place.is_file() and not place.is_symlink():
            return place
    return case.root / "none"


def told(case: Case, place: Path, how: str) -> str:
    case.moved |= case.fits and place.name in ("manifest.jsonl", "release.json")  # a bit of a name
    return f"{place.relative_to(case.root)}: {how}"


@anybody
def bits(case: Case) -> str:
    place = target(case)
    data = bytearray(place.read_bytes() if place.is_file() else b"")
    count = case.pick([1, 1, 1, 2, 10, 100])
    for _ in range(count if data else 0):
        data[case.below(len(data))] ^= 1 << case.below(8)
    if data:
        place.write_bytes(data)
    return told(case, place, f"{count} bits")


@anybody
def bits_of_a_image(case: Case) -> str:
    """In its samples, so that the file is a good one."""
    place = case.image()
    if not place.is_file():
        return "no image"
    try:
        image = read_image(place).copy()
    except RipguardError:
        return "no image any more"
    count = case.pick([1, 1, 3, 50, image.size])
    for _ in range(count):
        image.reshape(-1)[case.below(image.size)] ^= np.uint8(1 << case.below(8))
    place.write_bytes(png_bytes(image))
    if case.fits and case.chance(0.7):
        _fit_row(case, place, image)
    return told(case, place, f"{count} bits of samples")


def _fit_row(case: Case, place: Path, image: np.ndarray) -> None:
    for row in case.told_rows():
        if row.get("path") == place.relative_to(case.root).as_posix():
            row |= {"shape": list(image.shape), "pixels": image_digest(image).hex(),
                    "file": hashlib.sha256(place.read_bytes()).hexdigest()}  # fmt: skip


@anybody
def length_of_a_file(case: Case) -> str:
    place = target(case)
    data = place.read_bytes() if place.is_file() else b""
    new = case.pick(
        [b"", data[: case.below(len(data))], data[:-1], data + b"x", data * 2, data + bytes(1 << 20), data[1:]]
    )
    place.write_bytes(new)
    return told(case, place, f"{len(data)} → {len(new)} bytes")


@anybody
def file_gone(case: Case) -> str:
    place = target(case)
    if place.name == "release.json":  # what is left would be loose images
        place = case.image()
    place.unlink(missing_ok=True)
    return told(case, place, "gone")


@anybody
def files_exchanged(case: Case) -> str:
    a, b = (case.image(), case.image()) if case.chance(0.7) else (target(case), target(case))
    if a.is_file() and b.is_file():
        first, second = a.read_bytes(), b.read_bytes()
        a.write_bytes(second)
        b.write_bytes(first if case.chance(0.6) else second)
    return told(case, a, f"exchanged for {b.relative_to(case.root)}")


@anybody
def file_of_another_release(case: Case) -> str:
    other = unpacked(case.field, case.pick(RELEASES))
    place = target(case)
    source = other / place.relative_to(case.root)
    if source.is_file():
        shutil.copyfile(source, place)
    return told(case, place, f"that of {other.name}")


@anybody
def meta_of_another_release(case: Case) -> str:
    other = unpacked(case.field, case.pick(RELEASES))
    names = [name for name in ("manifest.jsonl", "release.json", "model.bin") if case.chance(0.5)]
    for name in names:
        if (other / ".ripguard" / name).is_file():
            shutil.copyfile(other / ".ripguard" / name, case.meta / name)
    if case.chance(0.5) or not names:
        shutil.rmtree(case.residue)
        shutil.copytree(other / ".ripguard/residue", case.residue)
    case.info = json.loads((case.meta / "release.json").read_text())
    case.rows = [json.loads(line) for line in (case.meta / "manifest.jsonl").read_text().splitlines()]
    case.before = json.dumps([case.rows, case.info])
    case.moved |= case.fits
    return f"{' '.join(names) or 'residue'} of {other.name}"


@anybody
def special_file(case: Case) -> str:
    place = target(case)
    data = place.read_bytes() if place.is_file() else b""
    place.unlink(missing_ok=True)
    how = case.pick(["link", "pipe", "folder", "dangling link", "link to itself", "sparse", "device"])
    if how == "link":
        (case.folder / "elsewhere").write_bytes(data)
        place.symlink_to(case.folder / "elsewhere")
    elif how == "pipe":
        os.mkfifo(place)
    elif how == "folder":
        place.mkdir()
        (place / "x.png").write_bytes(data)
    elif how == "sparse":
        with open(place, "wb") as file:
            file.write(data)
            file.truncate(1 << 28)
    else:
        place.symlink_to({"dangling link": "nowhere", "link to itself": place.name, "device": "/dev/zero"}[how])
    return told(case, place, how)


@anybody
def stray_files(case: Case) -> str:
    folder = case.pick([case.root, case.root / "train/cat", case.root / "train", case.meta, case.residue])
    name = case.pick(["x.png", "x.bmp", "x.jpg", "x", "\x1b[2J.png", "a\nb.png", "x" * 251 + ".png",
    ".0123456789abcdef.1.tmp",
                      "é.png", os.fsdecode(b"\xff\xfe.png"), "0.bmp", "release.json.tmp", "000099.bin",
                      "\u202egnp.png"])  # fmt: skip
    source = case.image() if case.chance(0.5) else case.field.release(case.pick(RELEASES)) / "train/cup/1.png"
    data = case.pick([source.read_bytes() if source.is_file() else b"", b"junk", b"", png_bytes(crop(5))])
    if folder.is_dir():
        (folder / name).write_bytes(data)
    return f"a stray file {name[:30]!a} in {folder.name}"


@anybody
def images_moved(case: Case) -> str:
    """Other names on the disk, nothing else."""
    place = case.image()
    new = case.root / case.pick(["train/cup/from.png", "moved/x.png", "train/cat/0.bmp", "x.png", "train/cup/0.png"])
    if place.is_file() and not new.exists():
        new.parent.mkdir(parents=True, exist_ok=True)
        place.rename(new)
    return told(case, place, f"moved to {new.relative_to(case.root)}")


@anybody
def another_encoding(case: Case) -> str:
    place = case.image()
    try:
        image = Image.fromarray(np.squeeze(read_image(place)))
    except RipguardError:
        return "no image any more"
    how = case.pick(["BMP", "TIFF", "PPM", "WEBP", "JPEG", "PNG", "RGBA", "P", "16"])
    if how in ("RGBA", "P"):
        data = hostile.saved(image.convert(how), "PNG")
    elif how == "16":
        data = hostile.saved(image.convert("I;16") if image.mode == "L" else image.convert("L"), "PNG")
    else:
        data = hostile.saved(image, how, **({"lossless": True, "exact": True} if how == "WEBP" else {}))
    place.write_bytes(data)
    return told(case, place, f"as {how}")


@anybody
def hostile_image(case: Case) -> str:
    place, name = case.image(), case.pick(hostile.HOSTILE)
    place.write_bytes(hostile.made(name))
    return told(case, place, name)


# --- headers in images, and what is sealed


def spoilt(case: Case, header: Header) -> bytes:
    """Bytes of a header with some of its fields changed."""
    data = bytearray(header.pack())
    for _ in range(case.pick([1, 1, 2, 4])):
        at = case.pick([*range(2, 4), *range(20, len(data)), *range(len(data))])  # ids seldom
        data[at] = case.pick(
            [0, 1, 2, 4, 5, 8, 0x0F, 0x10, 0x11, 0x20, 0x21, 0x40, 0x41, 0xFF, data[at] ^ 1, case.below(256)]
        )
    return bytes(data)


@anybody
def header_in_a_image(case: Case) -> str:
    """Rewritten in its lowest bits."""
    place = case.image()
    try:
        image = read_image(place)
        header = spoilt(case, read_header(image))
    except (RipguardError, BadHeader):
        return "no header"
    (new,), _ = lsb.replace(image[None], [header])
    place.write_bytes(png_bytes(new))
    if case.fits:
        _fit_row(case, place, new)
    return told(case, place, f"header {header.hex()}")


SHAPES = [
    *[(32, 32, 3)] * 2, (13, 21, 3), (32, 32, 1), (3, 2, 3), (1, 1, 3), (1, 300, 1), (64, 48, 3), (257, 256, 3),
    (290, 2, 3),
    (280, 400, 3),
]  # fmt: skip


def mangled(case: Case, data: bytes) -> bytes:
    """A good stream with something wrong."""
    at, new = case.below(len(data)), bytearray(data)
    how = case.pick(["bits", "cut", "longer", "hole", "again", "none", "zeros", "ones"])
    if how == "bits":
        for _ in range(case.pick([1, 1, 3, 20])):
            new[case.below(len(new))] ^= 1 << case.below(8)
    stops = min(len(data), at + 8)
    made = {"cut": data[:at], "longer": data + case.rng.bytes(case.pick([1, 9, 1000])),
    "hole": data[:at] + data[stops:],
            "again": data[:at] + data[:at], "zeros": data[:at] + bytes(stops - at) + data[stops:],
            "ones": data[:at] + b"\xff" * (stops - at) + data[stops:]}  # fmt: skip
    return made.get(how, bytes(new))


def stream(case: Case, number: int, shape: tuple[int, ...], model: bytes) -> tuple[str, bytes]:
    """Something that a coder is given to read in an image of this shape."""
    how = case.pick(
        ["random", "short", "mangled", "mangled", "mangled", "other shape", "other coder", "bomb", "hostile", "good"]
    )
    if how == "random":
        return how, case.rng.bytes(case.pick([2, 5, 60, 400, 3072]))
    if how == "short":
        return how, case.pick([b"", b"\0", b"\xff", b"\0\0\0\0", b"\1\2\3\4"])
    if how == "bomb":
        raw = bytes(1 << 25)
        return how, case.pick(
            [lambda: lzma.compress(raw), lambda: zlib.compress(raw, 9), lambda: lzma.compress(b"BM" + raw)]
        )()
    if how == "hostile":
        data = hostile.made(case.pick(hostile.HOSTILE))
        return how, lzma.compress(data) if number == 5 and case.chance(0.8) else data
    shape = case.pick(SHAPES) if how == "other shape" else shape
    number = case.pick(BY_NUMBER) if how == "other coder" else number
    clean = crop(case.below(50), *shape[:2])[:, :, : shape[2]]
    (made,) = BY_NUMBER[number].encode(np.ascontiguousarray(clean)[None], [png_bytes(clean)], model)
    if not made:
        return "random", case.rng.bytes(99)
    return how, mangled(case, made) if how == "mangled" else made


def seal_into(case: Case, number: int) -> str:
    row = case.victim()
    if row is None:
        return "no image to seal into"
    model = _model(case)
    carrier = case.shows(row)
    if case.chance(0.3):
        shape = case.pick(SHAPES)
        carrier = np.ascontiguousarray(crop(case.below(50), *shape[:2])[:, :, : shape[2]])
    gray = carrier.shape[2] == 3 and case.chance(0.2)
    shape = (*carrier.shape[:2], 1) if gray else carrier.shape
    how, data = stream(case, number, shape, model)
    coder = BY_NUMBER[number]
    data = data[:5_000_000] or b"\0"
    method = Seal(model=model, allow_residue=True, most=case.pick([1, 2, 8]))
    record = pack(data, gray, carrier.size)
    if case.chance(0.15):
        record = mangled(case, record) or b"\0"
    with mock.patch("ripguard.hide.seal.method.pack", return_value=record):
        hidden = method._one(0, carrier, gray, number, data, case.identity(row), case.keys_of(row))
    case.publish(row, hidden)
    if coder.gives_file:
        case.whole(data)
        with contextlib.suppress(BadStream, Damaged):  # what a changed record holds
            case.whole(unpack(hidden.header, record, carrier.shape)[1])
        case.free.add(stem(row["path"]))
    if number == 0 and case.chance(0.5) and len(data) == int(np.prod(shape)):
        digest = image_digest(np.frombuffer(data, np.uint8).reshape(shape))
        row["clean"] = clean_proof(case.keys, 2, row["unit"], row["index"], digest)
    return f"{row['path']}: {coder.name} {'gray ' * gray}{carrier.shape}: {how}, {len(data)} bytes: {data[:12].hex()}"


def _model(case: Case) -> bytes:
    place = case.meta / "model.bin"
    try:
        return open_sealed(case.keys.model, part_bound(2, case.keys.dataset_id, b"model"), place.read_bytes())
    except (OSError, Forged):
        return b""


@holder
def sealed_raw(case: Case) -> str:
    return seal_into(case, 0)


@holder
def sealed_file_stream(case: Case) -> str:
    return seal_into(case, 1)


@holder
def sealed_webp(case: Case) -> str:
    return seal_into(case, 2)


@holder
def sealed_jxl(case: Case) -> str:
    return seal_into(case, 3)


@holder
def sealed_small(case: Case) -> str:
    return seal_into(case, 4)


@holder
def sealed_xz(case: Case) -> str:
    return seal_into(case, 5)


def record_of(case: Case, row: dict[str, Any]) -> tuple[Header, bytes, bytes] | None:
    """Header, record and corrections of a genuine image of mRIT."""
    try:
        header, image, keys = case.header(row), case.shows(row), case.keys_of(row)
        if header.method != 1:
            return None
        head, beside = header.pack(), _piece(case, row["residue"])
        if header.planes == 0:
            return (
                header,
                open_sealed(keys.residue, associated_data(b"whole", head, image_digest(image)), beside),
                b"",
            )
        length = np.array([LENGTH + header.length])
        (payload,), (fixed,) = lsb.read(image[None], length), lsb.clear(image[None], length)
        record = open_sealed(keys.payload, associated_data(b"payload", head, image_digest(fixed)), payload[LENGTH:])
        bound = associated_data(b"residue", head, image_digest(image))
        return header, record, open_sealed(keys.residue, bound, beside) if beside else b""
    except (BadHeader, Forged, RipguardError, KeyError, OSError):
        return None


def _piece(case: Case, piece: list[Any] | None) -> bytes:
    return (case.residue / piece[0]).read_bytes()[piece[1] : piece[1] + piece[2]] if piece else b""


def seal_mrit(case: Case, row: dict[str, Any], image: np.ndarray, params: Params, record: bytes, beside: bytes | None,
              lossy: bool = False, planes: int | None = None) -> Hidden:  # fmt: skip
    """An image of mRIT whose authentic record is this. ``beside``: corrections; None: they are in the record."""
    keys, who = case.keys_of(row), case.identity(row)
    ids = (who.key_id, who.dataset_id, who.unit, who.index)
    needed = lsb.planes_for(image.size, LENGTH + TAG + len(record))
    if planes == 0 or needed > 4 or image.size < 8 * LENGTH:
        header = Header(*ids, 0, False, lossy, TAG + len(record), params)
        bound = associated_data(b"whole", header.pack(), image_digest(image))
        return Hidden(image, seal(keys.residue, bound, record), header, 0, 0)
    header = Header(*ids, needed, beside is None and not lossy, lossy, TAG + len(record), params)
    (fixed,) = lsb.clear(image[None], np.array([LENGTH + header.length]))
    bound = associated_data(b"payload", header.pack(), image_digest(fixed))
    (made,), _ = lsb.replace(image[None], [header.pack() + seal(keys.payload, bound, record)])
    bound = associated_data(b"residue", header.pack(), image_digest(made))
    return Hidden(made, seal(keys.residue, bound, beside) if beside is not None and not lossy else b"", header, 0, 0)


def some_params(case: Case, usual: Params) -> Params:
    if case.chance(0.5):
        return usual
    size, step, overflow = case.pick([1, 2, 3, 4, 8, 32]), case.pick([1, 2, 8, 64, 128]), case.pick([0, 1, 8, 64])
    return Params(size, step, overflow, case.pick(CODES), case.pick([1, 2, 7, 128, 1024]))


def mrit(case: Case, part: str) -> str:
    row = case.victim()
    found = record_of(case, row) if row else None
    if row is None:
        return "no image to seal into"
    header, record, beside = found or (None, b"\0\0\0\5abcde", bytes(400))
    usual = header.params if header else Params()
    assert isinstance(usual, Params)
    image = case.shows(row)
    if case.chance(0.25):
        shape = case.pick(SHAPES)
        image = case.rng.choice([0, 3, 128, 255], shape).astype(np.uint8)
    size = int.from_bytes(record[1:4], "big")
    params, sequence, rest = some_params(case, usual), record[4 : 4 + size], record[4 + size :]
    flags = bytes([case.pick([1, 2, 0xFF, case.below(256)])]) if case.chance(0.2) else record[:1]
    if part == "sequence":
        sequence = case.pick([lambda: mangled(case, sequence or b"x"), lambda: case.rng.bytes(case.pick([1, 4, 8, 60,
        300])),
                              lambda: b"\xff" * case.pick([4, 100]), lambda: b"", lambda: bytes(100)])()  # fmt: skip
    elif part == "excess":
        more = case.pick(
            [zlib.compress(bytes(1 << 24)), b"x", zlib.compress(bytes(99)), zlib.compress(case.rng.bytes(3072))]
        )
        beside = beside[: LENGTH + TAG + 4 + len(sequence)].ljust(LENGTH + TAG + 4 + len(sequence), b"\0") + more
    elif part == "corrections":
        beside = case.pick([b"", b"x", mangled(case, beside or b"x"), case.rng.bytes(400), beside + bytes(1 << 20)])
    new = flags + len(sequence).to_bytes(3, "big") + sequence + rest
    if part == "sequence" and case.chance(0.8):  # so many corrections that the moves are read
        beside = beside[: LENGTH + TAG + len(new)].ljust(LENGTH + TAG + len(new), b"\0")
    if part == "length":
        new = case.pick(
            [
                b"",
                b"\0",
                b"\0\0",
                b"\0\xff\xff\xff",
                case.rng.bytes(30),
                b"\0\xff\xff\xff" + bytes(99),
                mangled(case, record),
            ]
        )
    inline = part == "inline"
    if inline:
        packed = [
            zlib.compress(bytes(1 << 24)),
            zlib.compress(beside),
            b"x",
            zlib.compress(b""),
            mangled(case, zlib.compress(beside)),
        ]
        new += case.pick(packed)
    new, lossy = new or b"\0", part == "lossy"
    case.lossy |= lossy
    hidden = seal_mrit(case, row, image, params, new, None if inline else beside, lossy,
                       0 if case.chance(0.15) else None)  # fmt: skip
    case.publish(row, hidden)
    row.pop("bytes", None) if case.chance(0.5) and "name" not in row else None
    return f"{row['path']}: mRIT {part} {image.shape} {params}: {len(new)} and {len(beside)} bytes: {new[:12].hex()}"


@holder
def sealed_sequence(case: Case) -> str:
    return mrit(case, "sequence")


@holder
def sealed_record_length(case: Case) -> str:
    return mrit(case, "length")


@holder
def sealed_corrections(case: Case) -> str:
    return mrit(case, "corrections")


@holder
def sealed_excess(case: Case) -> str:
    return mrit(case, "excess")


@holder
def sealed_inline(case: Case) -> str:
    return mrit(case, "inline")


@holder
def sealed_lossy(case: Case) -> str:
    return mrit(case, "lossy")


@holder
def sealed_source_file(case: Case) -> str:
    """What ``--byte-exact`` keeps beside an image."""
    row = case.victim()
    if row is None:
        return "no image"
    data = case.pick([b"", b"x", case.rng.bytes(3000), hostile.made(case.pick(hostile.HOSTILE)), bytes(4 << 20)])
    bound = associated_data(b"file", case.header(row).pack(), image_digest(case.shows(row)))
    packed = case.pick([pad(data), pad(data), pad(data), data, pad(data)[:-1], pad(data, b"x")])
    row["bytes"] = case.keep(seal(case.keys_of(row).residue, bound, packed))
    case.whole(data)
    case.free.add(stem(row["path"]))
    case.moved = True
    return f"{row['path']}: {len(data)} bytes as its source file, sealed as {len(packed)}"


@holder
def sealed_model(case: Case) -> str:
    good = _model(case)
    weights = zlib.decompress(good[6:]) if len(good) > 6 else b""
    packed = [
        good[:6] + zlib.compress(one) for one in (mangled(case, weights or b"x"), weights + b"x", bytes(1 << 25), b"")
    ]
    model = case.pick(
        [b"", b"rgi1", case.rng.bytes(500), mangled(case, good or b"x"), bytes([*good[:4], 1, 255]) + good[6:],
         bytes([*good[:4], 3, 1]) + good[6:], bytes([*good[:4], 255, 255]) + good[6:], *packed, *packed,
         good[:6] + zlib.compress(b"\x7f\xff" * (len(weights) // 2)),
         good[:6] + zlib.compress(b"\x80\0" * (len(weights) // 2))]
    )  # fmt: skip
    data = seal(case.keys.model, part_bound(2, case.keys.dataset_id, b"model"), model)
    (case.meta / "model.bin").write_bytes(data)
    case.info["model"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    words = f"a model of {len(model)} bytes: {model[:12].hex()}"
    row = case.victim()
    if row is None:
        return words
    made = case.pick([b"\1\2\3\4", case.rng.bytes(200), case.rng.bytes(3000), bytes(40), b"\xff" * 200])
    if known_model(good) and case.chance(0.5):
        (made,) = BY_NUMBER[4].encode(case.shows(row)[None], [], good)
        made = made or b"x"
    method = Seal(model=model, allow_residue=True)
    case.publish(row, method._one(0, case.shows(row), False, 4, made, case.identity(row), case.keys_of(row)))
    return f"{words}, needed by {row['path']}"


# --- a trial


@dataclasses.dataclass
class Trial:
    """What the commands did, and what is wrong with it."""

    codes: dict[str, int] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    complaints: list[str] = dataclasses.field(default_factory=list)


def commands(case: Case, out: Path) -> dict[str, list[str]]:
    key = ["--key-file", str(case.field.key), "--signer", "any"]
    told = ["--json"] if case.number % 4 == 3 else []
    return {
        "inspect": ["inspect", str(case.root), *told],
        "verify": ["verify", str(case.root), *key, "--workers", "1", *told],
        "restore": ["restore", str(case.root), str(out), *key, "--workers", "1", *told],
        "gc": ["gc", str(case.root), "--dry-run", *key, *told],
    }


def surroundings(folder: Path, out: Path) -> dict[str, tuple[int, ...]]:
    """What lies in a folder, and when it was last written, without the output."""
    found = {}
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if os.path.join(root, name) != str(out)]
        for name in [*folders, *files]:
            place = os.path.join(root, name)
            about = os.lstat(place)
            size = 0 if stat.S_ISDIR(about.st_mode) else about.st_size
            found[os.path.relpath(place, folder)] = (about.st_mode, size, about.st_mtime_ns, about.st_ino)
    return found


def trial(case: Case, call: Callable[[list[str]], tuple[int, str, str]]) -> Trial:
    """Run all commands on a case and judge what they did. ``call``: exit code, standard output and error of one."""
    found, out = Trial(), case.folder / "out"
    before, told = surroundings(case.folder, out), ""
    for name, words in commands(case, out).items():
        began = time.monotonic()
        code, said, err = call(words)
        told += said + err
        found.seconds = max(found.seconds, time.monotonic() - began)
        found.codes[name] = code
        found.complaints += [f"{name}: {one}" for one in _judge(code, said, err)]
        if surroundings(case.folder, out) != before:
            after = surroundings(case.folder, out)
            found.complaints.append(
                f"{name} changed {sorted(k for k in after.keys() | before if after.get(k) != before.get(k))}"
            )
            before = after
        if name == "restore":
            found.complaints += _judge_output(case, code, said, out)
    nameless = any(
        words in told for words in ("no place for it", "longer name", "is longer than")
    )  # verify asks no disk
    if found.codes["verify"] == 0 != found.codes["restore"] and not nameless:
        found.complaints.append("verify is content, and restore is not")
    return found


def _judge(code: int, said: str, err: str) -> list[str]:
    wrong = [] if code in CODES_TOLD else [f"exit code {code}: {err[-600:]}"]
    if "Traceback" in said + err:
        wrong.append("a traceback")
    if "out of memory" in err + said:
        wrong.append(f"took more memory than it may: {err[-300:]}")
    odd = {one for one in said + err if not (one.isprintable() or one in "\n\u3000\xa0")}
    return wrong + ([f"printed {odd}"] if odd else [])


def _judge_output(case: Case, code: int, said: str, out: Path) -> list[str]:
    if not os.path.lexists(out):
        return ["exit code 0 and no output"] if code == 0 else []
    wrong = [f"{p} is no file" for p in out.rglob("*") if p.is_symlink() or not (p.is_file() or p.is_dir())]
    found, genuine = files_below(out), contents(case.field.restored(case.kind))
    wrong += [f"WRONG OUTCOME: {place} ({len(data)} bytes)" for place, data in found.items()
              if genuine.get(place) != data and not case.allows(place, data)]  # fmt: skip
    if code == 0 and (lacks := case.complete(found)):
        wrong.append(f"exit code 0 and {lacks}")
    if code == 0 and "--json" in commands(case, out)["restore"] and json.loads(said)["refused"]:
        wrong.append("exit code 0 and refused images")
    return wrong
