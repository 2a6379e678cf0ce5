"""Tables of labels: CSV files as spreadsheets, Windows, Kaggle and Hugging Face write them.

A table has a header line, and a row for each image: its path, its label, optionally its split. Whatever is not written
as ``path,label,split`` with commas, or as the image's own path, is recognized, and printed; what has two readings is
refused.
"""

from __future__ import annotations

import csv
import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ripguard.data.splits import TRAIN, canonical
from ripguard.errors import InputRefused, acts, shown, some, tell

COLUMNS = {  # accepted names, the first that a table has; upper and lower case alike
    "path": ("path", "file_name", "filename", "filepath", "file_path", "file", "image", "image_path", "img", "image_id",
             "id"),
    "label": ("label", "class", "category", "target"),
    "split": ("split", "set", "subset", "partition"),
}  # fmt: skip
SEPARATORS = ",;\t|"
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))  # byte order marks


def read_labels(
    path: Path,
    root: Path,
    images: Collection[str],
    splits: Mapping[str, str] | None = None,
    optional: Collection[str] = (),
) -> dict[str, tuple[str, str]]:
    """Split and label of each image.

    Args:
        path: the table.
        root: folder of the images.
        images: their POSIX paths relative to ``root``.
        splits: split of each image by its folder, used where the table has none; None: all in ``train``. A split of
            which the table has no row, such as the test images of a competition, has no labels.
        optional: further files that may have rows, such as images that cannot be read.

    Returns:
        image → (split, label).

    Raises:
        InputRefused: all wrong rows at once, with their line numbers; images without a row.
    """
    if not path.is_file():  # opening a pipe could block
        raise InputRefused(f"{path} is not a regular file", "give the path of a CSV file")
    table = _Table(_Names([*images, *optional], root, path.parent))
    try:
        with open(path, "rb") as head:
            start = head.read(4)
        encoding = next((name for mark, name in MARKS if start.startswith(mark)), "utf-8")
        with open(path, newline="", encoding=encoding) as file:
            columns, separator = _header(path, file.readline(), images)
            for line, row in _rows(path, csv.reader(file, delimiter=separator, skipinitialspace=True)):
                table.take(line, row, columns)
    except UnicodeError as error:
        raise InputRefused(f"{path}: cannot be read as CSV: {error}", "save it as UTF-8") from None
    except OSError as error:
        raise InputRefused(f"{path}: cannot be read as CSV: {error.strerror or error}") from None
    if table.wrong:
        raise InputRefused(f"{path}: {some(table.wrong, '; ')}", "every image has one row: path,label[,split]")
    unlabelled = table.unlabelled(splits)
    if missing := sorted(set(images) - set(table.found) - set(unlabelled)):
        are = f"{missing[0]} is" if len(missing) == 1 else f"{len(missing):,} images are"
        listed = "" if len(missing) == 1 else f": {some(missing)}"
        raise InputRefused(f"{shown(are)} not in {path}{listed}", "add a row for every image")
    if table.guessed:
        cell, image = table.guessed[0]
        tell(f"ripguard: note: {path}: {len(table.guessed):,} names are not paths as they are here: {cell} is {image}")
    if table.absent:
        tell(f"ripguard: note: {path} has rows of images that are not in {root}: {some(table.absent)}")
    for alike in table.near():
        tell(f"ripguard: note: {path}: {alike} are different classes")
    if splits and "split" not in columns:
        return {name: (splits[name], label) for name, (_, label) in table.found.items()} | unlabelled
    return table.found | unlabelled


def _header(path: Path, line: str, images: Collection[str]) -> tuple[list[str], str]:
    """The columns by our names ("" for others), and the separator."""
    readings = {}
    for separator in SEPARATORS:
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
        lower = [cell.lower() for cell in cells]
        taken = {kind: next((name for name in names if name in lower), "") for kind, names in COLUMNS.items()}
        if taken["path"] and taken["label"] and all(lower.count(name) == 1 for name in taken.values() if name):
            known = {name: kind for kind, name in taken.items() if name}
            readings[separator] = [known.get(cell, "") for cell in lower], cells
    if not readings:
        found = line.strip()[:200] or "nothing"
        names = {Path(one).name for one in images}
        headless = any(Path(cell.strip()).name in names for separator in SEPARATORS for cell in line.split(separator))
        hint = "write path,label as its first line" if headless else "name the columns in its first line"
        raise InputRefused(f"{path}: expected the columns path,label[,split], got {found}", hint)
    separator = max(readings, key=lambda one: len(readings[one][0]))
    columns, cells = readings[separator]
    used = [f"{kind} from {cell}" for kind, cell in zip(columns, cells) if kind and kind != cell]
    used += [] if separator == "," else [f"separated by {'tabs' if separator == chr(9) else separator}"]
    if used:
        tell(f"ripguard: note: {path}: {', '.join(used)}")
    return columns, separator


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each row that is not blank; the header was line 1."""
    at = 2
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield at, row
            at = reader.line_num + 2  # type: ignore[attr-defined]
    except csv.Error as error:
        raise InputRefused(f"{path}: line {at} cannot be read as CSV: {error}", "is a quotation mark open?") from None


class _Names:
    """Finds the image that a cell names: by its path, or by what is left of one on another machine."""

    def __init__(self, images: Collection[str], root: Path, beside: Path) -> None:
        self._images, self._root, self._beside = frozenset(images), root, beside

    @cached_property
    def _folders(self) -> tuple[str, str]:
        """Absolute paths of the images' folder and of the table's."""
        return self._root.resolve().as_posix(), self._beside.resolve().as_posix()

    @cached_property
    def _shorter(self) -> dict[str, list[str]]:
        """Images by their names without folder, without suffix, without both."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self._images):
            stem = posixpath.splitext(name)[0]
            for short in {stem, posixpath.basename(name), posixpath.basename(stem)} - {name}:
                found[short].append(name)
        return found

    def find(self, cell: str) -> list[str]:
        """The images that it may name; one, if all is well."""
        if cell in self._images:  # all cells of a plain table
            return [cell]
        plain, (root, beside) = posixpath.normpath(cell.replace("\\", "/")), self._folders
        ways = [cell, plain]
        for full in (plain, posixpath.normpath(posixpath.join(beside, plain))):
            if full.startswith(root + "/"):
                ways.append(full[len(root) + 1 :])
        parts = plain.split("/")
        if self._root.name in parts:  # the folder as it is called on another machine
            ways.append("/".join(parts[len(parts) - parts[::-1].index(self._root.name) :]))
        for way in ways:
            if way in self._images:
                return [way]
        return next((self._shorter[way] for way in ways if way in self._shorter), [])


@dataclass
class _Table:
    """What was read so far.

    Attributes:
        found: image → (split, label).
        wrong: sentences about rows that are refused.
        absent: names of images that are not there, with their lines.
        guessed: (cell, image) where the cell is not the image's path.
    """

    names: _Names
    found: dict[str, tuple[str, str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    guessed: list[tuple[str, str]] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)  # of each image
    classes: dict[str, int] = field(default_factory=dict)  # first line of each label

    def take(self, at: int, cells: list[str], columns: list[str]) -> None:
        """Add a row, or a sentence about it."""
        cells = [cell.strip() for cell in cells]
        more = len(cells) - len(columns)
        row = {kind: cell for kind, cell in zip(columns, cells) if kind}
        name, label, split = row.get("path", ""), row.get("label", ""), canonical(row.get("split") or TRAIN)
        images = self.names.find(name) if name else []
        if any(cells[len(columns) :]):
            self.wrong.append(f"line {at} has {more} fields too many")
        elif not {"path", "label"} <= set(row):
            self.wrong.append(f"line {at} has {-more} fields too few")
        elif not name or not label:
            self.wrong.append(f"line {at} has no {'label' if name else 'path'}")
        elif acts(label) or acts(split):
            self.wrong.append(f"line {at} has a control character")
        elif len(images) > 1:
            self.wrong.append(f"line {at}: {name} may be {some(images, ' or ', 3)}")
        elif not images:
            self.absent.append(f"{name} (line {at})")
        elif images[0] in self.lines:
            self.wrong.append(f"line {at} repeats {images[0]} of line {self.lines[images[0]]}")
        else:
            self.found[images[0]], self.lines[images[0]] = (split, label), at
            self.classes.setdefault(label, at)
            if images[0] != name:
                self.guessed.append((name, images[0]))

    def unlabelled(self, splits: Mapping[str, str] | None) -> dict[str, tuple[str, str]]:
        """The images of splits without any row, without a label."""
        known = {(splits or {}).get(name) for name in self.found}
        return {name: (split, "") for name, split in (splits or {}).items() if known and split not in known}

    def near(self) -> list[str]:
        """Labels that differ in case, blanks, hyphens or underscores only."""
        groups: dict[str, list[str]] = defaultdict(list)
        for label, at in self.classes.items():
            plain = "".join(label.casefold().replace("-", " ").replace("_", " ").split())
            groups[plain].append(f"{label!r} (line {at})")
        return [" and ".join(group) for group in groups.values() if len(group) > 1]
