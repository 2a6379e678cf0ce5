"""What a vault will consist of: the files of a folder, their units, and the place of each in the shards."""

from __future__ import annotations

import hashlib
import os
import stat
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.crypto.padding import length_within
from ripguard.data.folder import refuse_key_in
from ripguard.data.layout import read_layout
from ripguard.data.readings import AmbiguousLayout
from ripguard.data.scan import looks_like_image
from ripguard.errors import InputRefused, UsageError, refuse_all, shown
from ripguard.files import walk
from ripguard.store.atomic import storage
from ripguard.store.schema import UNITS, path
from ripguard.vault.index import MOST_FILES
from ripguard.vault.places import HEAD, MOST_SIZE, end_of, first_place, run_in

ONLY = ("annotations", "images")


@dataclass
class Plan:
    """Files in the order in which they stand in the shards.

    Attributes:
        root: folder of the source; name: its name.
        only: see :data:`ONLY`; "" for all files.
        capacity: bytes of a shard.
        names: paths below the root, with ``/``.
        sizes: bytes; times: modification times in ns; unit: number of each file's unit.
        units: (split, label) by number.
        shard, offset: place of the first chunk.
        firsts: for each shard, the number of the first file that has chunks in it.
        ends: for each shard, the number of bytes that are taken.
        left_out: number of files that ``only`` leaves out.
        notes: how units were found.
    """

    root: Path
    only: str
    capacity: int
    names: list[str] = field(default_factory=list)
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    times: array[int] = field(default_factory=lambda: array("Q"))
    unit: array[int] = field(default_factory=lambda: array("I"))
    units: list[tuple[str, str]] = field(default_factory=list)
    shard: array[int] = field(default_factory=lambda: array("I"))
    offset: array[int] = field(default_factory=lambda: array("Q"))
    firsts: array[int] = field(default_factory=lambda: array("I"))
    ends: array[int] = field(default_factory=lambda: array("Q"))
    left_out: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.root.resolve().name

    @property
    def digest(self) -> str:
        """Hex SHA-256 of everything that decides what is written."""
        about = repr((self.name, self.only, self.units, self.capacity))
        found = hashlib.sha256(about.encode(errors="surrogateescape"))
        for column in (self.sizes, self.times, self.unit):
            found.update(column.tobytes())
        found.update(b"\0".join(map(os.fsencode, self.names)))
        return found.hexdigest()

    def files_of(self, shard: int) -> Iterator[int]:
        """Numbers of the files that have chunks in a shard."""
        number = self.firsts[shard]
        while number < len(self.names) and self.shard[number] <= shard:
            yield number
            number += 1

    def length(self, shard: int) -> int:
        """Bytes of a shard: the capacity; of the last one a padded length."""
        last = shard == len(self.ends) - 1
        return length_within(self.ends[shard], self.capacity) if last else self.capacity


def make_plan(root: Path, only: str | None, capacity: int, layout: str, classes_at: str | None) -> Plan:
    """List a folder, find its units, and give each file its place.

    Raises:
        UsageError: an option has no such value.
        InputRefused: not a folder, no files, or all files that cannot be read back as they are: links, special files,
            names that no file may have.
        KeyFileError: a name holds a key.
    """
    if only not in (None, *ONLY):
        raise UsageError(f"only: expected {' or '.join(ONLY)}, got {only!r}")
    if not root.is_dir():
        raise InputRefused(f"{root} is not a folder", "name the folder of the dataset")
    plan, found, refused = Plan(root, only or "", capacity), list[tuple[bytes, os.stat_result]](), list[InputRefused]()
    with storage("cannot list"):
        for name, entry in walk(root):
            if error := _unfit(name, entry):
                refused.append(error)
            elif only and looks_like_image(name) != (only == "images"):
                plan.left_out += 1
            else:
                found.append((os.fsencode(name), entry.stat(follow_symlinks=False)))
    refuse_key_in([os.fsdecode(name) for name, _ in found] + [error.message for error in refused])
    refuse_all(refused)
    if not found:
        raise InputRefused(f"there is no file in {root}" + (f" that belongs to the {only}" if only else ""))
    if len(found) >= MOST_FILES:
        raise InputRefused(f"{root} has {len(found):,} files, more than one vault holds", "split it")
    found.sort(key=lambda one: one[0])
    for encoded, about in found:
        plan.names.append(os.fsdecode(encoded))
        plan.sizes.append(about.st_size)
        plan.times.append(max(0, about.st_mtime_ns))
    _find_units(plan, layout, classes_at)
    _place(plan)
    return plan


def _unfit(name: str, entry: os.DirEntry[str]) -> InputRefused | None:
    """Why a file cannot go into a vault; None if it can."""
    about = entry.stat(follow_symlinks=False)
    if stat.S_ISLNK(about.st_mode):
        return InputRefused(f"{shown(name)}: a link", "put a copy in its place, or remove it")
    if not stat.S_ISREG(about.st_mode):
        return InputRefused(f"{shown(name)}: not a regular file", "move it out of the folder")
    if not path(name) or len(os.fsencode(name)) > 4096:
        return InputRefused(f"{shown(name)}: a name that other systems could not write", "rename it")
    if about.st_size > MOST_SIZE:
        return InputRefused(f"{shown(name)}: larger than {MOST_SIZE:,} bytes", "split it")
    return None


def _find_units(plan: Plan, layout: str, classes_at: str | None) -> None:
    """Split and class of each image; another file belongs to the unit of the images in its folder, if they have one."""
    images = [name for name in plan.names if looks_like_image(name)] or plan.names
    try:
        read = read_layout(images, layout, classes_at)
        places, plan.notes = read.places, list(read.notes)
    except AmbiguousLayout as error:
        plan.notes = [f"no splits and classes, so the vault has one unit: {error.message}", error.hint]
        places = dict.fromkeys(images, ("", ""))
    around: dict[str, set[tuple[str, str]]] = {}
    for name, place in places.items():
        around.setdefault(name.rpartition("/")[0], set()).add(place)
    for name in plan.names:
        if name not in places:
            beside = around.get(name.rpartition("/")[0], set())
            places[name] = next(iter(beside)) if len(beside) == 1 and "/" in name else ("", "")
    plan.units = sorted(set(places.values()))
    if len(plan.units) > UNITS:
        raise InputRefused(
            f"{plan.root} has {len(plan.units):,} splits and classes, more than {UNITS:,}",
            "read it without classes: --layout flat",
        )
    numbers = {place: number for number, place in enumerate(plan.units)}
    plan.unit.extend(numbers[places[name]] for name in plan.names)


def _place(plan: Plan) -> None:
    shard, offset = 0, HEAD
    for number, size in enumerate(plan.sizes):
        before = shard, offset
        shard, offset = first_place(size, shard, offset, plan.capacity)
        plan.shard.append(shard)
        plan.offset.append(offset)
        if shard > before[0]:
            plan.ends.append(before[1])
        while len(plan.firsts) <= shard:
            plan.firsts.append(number)
        last, offset = end_of(size, shard, offset, plan.capacity)
        while shard < last:  # it fills these shards as far as chunks fit
            plan.ends.append(_filled(plan, number, shard))
            shard += 1
            plan.firsts.append(number)
    plan.ends.append(offset)


def _filled(plan: Plan, number: int, shard: int) -> int:
    run = run_in(shard, plan.sizes[number], plan.shard[number], plan.offset[number], plan.capacity)
    return run.offset + run.length if run else HEAD
