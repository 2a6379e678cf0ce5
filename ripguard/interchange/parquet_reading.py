"""Reading Parquet with images: of ripguard, of Hugging Face, and of others that have a column of image bytes."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripguard.bar import Bar
from ripguard.errors import InputRefused, RipguardError
from ripguard.images.formats import format_of
from ripguard.images.headers import size_of_image
from ripguard.interchange.extras import sound
from ripguard.interchange.fitting import used_classes
from ripguard.interchange.listing import Listing, folders_of, is_image, named_splits, normal
from ripguard.interchange.model import Annotated, Media, Sample
from ripguard.interchange.parquet_rows import annotated
from ripguard.interchange.parquet_writing import OWN
from ripguard.interchange.parsing import Unreadable, json_of, name_of

if TYPE_CHECKING:
    import pyarrow
    from pyarrow.parquet import ParquetFile

SHARD = re.compile(r"(.+?)-\d{5}-of-\d{5}")
MOST_GROUP = 1 << 31  # bytes of a row group, as its metadata states them, and as they are
BATCH = 64  # rows that are read at once
IMAGES = ("image", "img")
SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "JPEG 2000": "jp2", "JPEG XL": "jxl", "DICOM": "dcm"}
ENCRYPTED = b"PARE"  # last bytes of a file with an encrypted footer


@dataclass
class Columns:
    """What the schema of a file says: column of images, of classes, names of classes, ripguard's own metadata."""

    image: str
    nested: bool  # a struct of bytes and path
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)  # column → names
    own: dict[str, Any] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def parse(listing: Listing) -> Annotated:
    """The dataset of all Parquet files of a folder."""
    paths = listing.named(".parquet")
    folders = {path: _folder(path) for path in paths}
    splits = named_splits(sorted(set(folders.values())))
    samples: dict[tuple[str, str], Sample] = {}
    columns: list[Columns] = []
    for path in paths:
        listing.used.add(path)
        try:
            with opened(listing.root / path) as file:
                columns.append(columns_of(file))
                for kind in columns[-1].unread:
                    listing.findings.add(path, "schema", "invalid value", kind)
                for sample in _samples(listing, path, file, columns[-1], splits[folders[path]]):
                    samples[sample.key] = _new(listing, path, sample, samples)
        except Unreadable as error:
            listing.findings.add(path, "", "unreadable file", str(error))
    return _assembled(listing, tuple(samples.values()), columns, folders_of(splits))


def _new(listing: Listing, path: str, sample: Sample, known: dict[tuple[str, str], Sample]) -> Sample:
    if sample.key in known:
        listing.findings.add(path, sample.name, "duplicate id", "another row has this path")
    return known.get(sample.key, sample)


def _assembled(
    listing: Listing, samples: tuple[Sample, ...], columns: list[Columns], folders: dict[str, str]
) -> Annotated:
    own = next((one.own for one in columns if one.own), {})
    found = Annotated((), samples, folders, source="parquet", files=listing.rest())
    used = used_classes(found)
    named = own.get("classes") or next((names for one in columns for names in one.classes.values()), used)
    classes = tuple(dict.fromkeys([*named, *used]))
    about, extras = own.get("about_classes", {}), own.get("extras", {})
    return dataclasses.replace(found, classes=classes, about_classes=about, extras=extras)


def _folder(path: str) -> str:
    """Name of a split from ``data/train-00000-of-00002.parquet``; "" for a file that is named like no split."""
    stem = posixpath.splitext(posixpath.basename(path))[0]
    shard = SHARD.fullmatch(stem)
    name = shard[1] if shard else stem
    return "" if name == "data" else name


@contextlib.contextmanager
def opened(path: Path) -> Iterator[ParquetFile]:
    """A Parquet file; what the library raises for it inside the block becomes :class:`Unreadable`."""
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        with open(path, "rb") as file:
            file.seek(-min(4, os.fstat(file.fileno()).st_size), os.SEEK_END)
            if file.read() == ENCRYPTED:
                raise Unreadable("it is encrypted; docs/reference/formats.md has the lines that read it with its key")
        with parquet.ParquetFile(path) as found:
            yield found
    except Unreadable:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        first = str(error).strip().partition("\n")[0]
        raise Unreadable(f"not a readable Parquet file: {first[:120]}") from None


def columns_of(file: ParquetFile) -> Columns:
    """The columns of a file. Raises :class:`Unreadable` if none has images."""
    import pyarrow as arrow

    schema = file.schema_arrow
    found = None
    for name in sorted(schema.names, key=lambda name: name not in IMAGES):
        kind = schema.field(name).type
        if arrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            found = Columns(name, True)
            break
        if name in IMAGES and (arrow.types.is_binary(kind) or arrow.types.is_large_binary(kind)):
            found = Columns(name, False)
            break
    if found is None:
        raise Unreadable("no column has bytes of images: expected a column image")
    metadata = schema.metadata or {}
    found.classes = _names(_json(metadata.get(b"huggingface")))
    found.own = _own(_json(metadata.get(OWN)))
    for name in schema.names:
        if name != found.image and not _plain(schema.field(name).type):
            found.unread.append(f"the column {name} of type {schema.field(name).type} is not read")
    return found


def _plain(kind: pyarrow.DataType) -> bool:
    """Whether values of a type are values of JSON."""
    import pyarrow as arrow

    types = arrow.types
    if types.is_struct(kind):
        return all(_plain(kind.field(at).type) for at in range(kind.num_fields))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _plain(kind.value_type)
    plain = (types.is_integer, types.is_floating, types.is_boolean, types.is_string, types.is_large_string,
             types.is_null)  # fmt: skip
    return any(check(kind) for check in plain)


def _json(raw: bytes | None) -> dict[str, Any]:
    try:
        value = json_of((raw or b"{}").decode(errors="replace"))
    except Unreadable:
        return {}
    return value if isinstance(value, dict) else {}


def _names(metadata: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Names of classes by column, from the features of Hugging Face; of lists and of ``objects.category``, too."""
    info = metadata.get("info")
    features = info.get("features") if isinstance(info, dict) else None
    found: dict[str, tuple[str, ...]] = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        inner = feature
        for key in ("category", "categories", "feature"):  # an object's class, then the elements of a list
            inner = inner.get(key, inner) if isinstance(inner, dict) else inner
        names = inner.get("names") if isinstance(inner, dict) else None
        if isinstance(names, list) and names and all(map(name_of, names)) and len(set(names)) == len(names):
            found[column] = tuple(names)
    return found


def _own(value: dict[str, Any]) -> dict[str, Any]:
    """ripguard's metadata, if they have the expected kinds."""
    classes, about, extras = (value.get(name) for name in ("classes", "about_classes", "extras"))
    if value.get("version") != 1 or not isinstance(classes, list) or not all(map(name_of, classes)):
        return {}
    fine = isinstance(about, dict) and all(sound("class", one) for one in about.values())
    if len(set(classes)) != len(classes) or not fine or not sound("dataset", extras):
        return {}
    return {"classes": classes, "about_classes": about, "extras": extras}


def _samples(listing: Listing, path: str, file: ParquetFile, columns: Columns, split: str) -> Iterator[Sample]:
    position = 0
    skipped = {text.split()[2] for text in columns.unread}
    names = [name for name in file.schema_arrow.names if name not in skipped]
    with Bar(total=file.metadata.num_rows, stage=f"reading {path}", unit="image") as bar:
        for group in range(file.num_row_groups):
            if file.metadata.row_group(group).total_byte_size > MOST_GROUP:
                raise Unreadable(f"row group {group} has more than {MOST_GROUP:,} bytes")
            for at, row in enumerate(_rows(file, group, names)):
                position += 1
                bar.update()
                sample = _sample(listing, path, row.pop(columns.image), columns, (group, at), position, split)
                if sample:
                    yield annotated(listing, path, f"row {position}", sample, row, columns.classes, bool(columns.own))


def _rows(file: ParquetFile, group: int, names: list[str]) -> Iterator[dict[str, Any]]:
    """Rows of a row group, a few at once: a few kilobytes of repeated values may stand for any number of bytes."""
    size = 0
    for batch in file.iter_batches(BATCH, row_groups=[group], columns=names):
        size += batch.nbytes
        if size > MOST_GROUP:
            raise Unreadable(f"row group {group} has more than {MOST_GROUP:,} bytes")
        yield from batch.to_pylist()


def _sample(
    listing: Listing, path: str, cell: Any, columns: Columns, place: tuple[int, int], position: int, split: str
) -> Sample | None:
    data = (cell or {}).get("bytes") if columns.nested else cell
    given = (cell or {}).get("path") if columns.nested else None
    if not isinstance(data, bytes) or not data:
        listing.findings.add(path, f"row {position}", "missing image", "the row has no bytes of an image")
        return None
    kind = format_of(data[:4096], "", len(data)) or ""
    name = normal(given) if isinstance(given, str) and given else None
    name = name or (posixpath.basename(given) if isinstance(given, str) and given else f"{position - 1:06d}")
    if not is_image(name):
        name += f".{SUFFIXES.get(kind, kind.lower() or 'png')}"
    try:
        width, height = size_of_image(data, name)
    except RipguardError as error:
        listing.findings.add(path, f"row {position}", "unreadable image", error.message)
        return None
    if name_of(name) is None:
        listing.findings.add(path, f"row {position}", "invalid value", "the path has control characters")
        return None
    reader = partial(read_cell, os.fspath(listing.root / path), *place, columns.image, columns.nested)
    return Sample(name, Media(reader, len(data)), width, height, split)


@functools.lru_cache(maxsize=2)  # samples are mostly read in their order
def _group(path: str, stamp: int, group: int, column: str) -> list[Any]:
    with opened(Path(path)) as file:
        return [row[column] for row in _rows(file, group, [column])]


def read_cell(path: str, group: int, row: int, column: str, nested: bool) -> bytes:
    """The bytes of one image. Raises :class:`InputRefused` if the file is another one by now."""
    try:
        cell = _group(path, os.stat(path).st_mtime_ns, group, column)[row]
        return cell["bytes"] if nested else cell
    except (Unreadable, IndexError, OSError) as error:
        raise InputRefused(f"{path}: {error}", "read the dataset again") from None
