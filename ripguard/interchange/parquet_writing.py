"""Writing Parquet: files of at most half a gigabyte, row groups that are read at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripguard.bar import Bar
from ripguard.crypto.keys import Key
from ripguard.errors import InputRefused
from ripguard.interchange.model import Annotated, Object, Sample
from ripguard.interchange.output import Output
from ripguard.store.atomic import storage

if TYPE_CHECKING:
    import pyarrow

FILE_BYTES, GROUP_BYTES, GROUP_ROWS = 500_000_000, 64_000_000, 1000
OWN = b"ripguard"  # key of the metadata that only ripguard reads


def save(dataset: Annotated, output: Output, key: Key | None = None) -> None:
    """Write a fitted dataset; with a key, every file is encrypted under a random key of its own."""
    import pyarrow.parquet as parquet

    schema = schema_of(dataset)
    with Bar(total=len(dataset.samples), stage="writing", unit="image") as bar:
        for split in dataset.splits or ("",):
            shards = list(_shards(list(dataset.of(split)), FILE_BYTES, len(dataset.samples))) or [[]]
            for number, samples in enumerate(shards):
                name = f"data/{dataset.folder(split) or 'data'}-{number:05d}-of-{len(shards):05d}.parquet"
                place = _made(output.root / name)
                options = _encryption(key)
                with storage("cannot write"), parquet.ParquetWriter(place, schema, **options) as writer:
                    for group in _shards(samples, GROUP_BYTES, GROUP_ROWS):
                        writer.write_table(_table(group, schema, dataset.classes, name))
                        bar.update(len(group))


def _made(path: Path) -> Path:
    with storage("cannot create"):
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _encryption(key: Key | None) -> dict[str, Any]:
    if key is None:
        return {}
    from ripguard.interchange.parquet_encryption import encryption

    return {"encryption_properties": encryption(key)}


def _shards(samples: list[Sample], most_bytes: int, most: int) -> Iterator[list[Sample]]:
    """Consecutive samples of at most so many bytes of images, at least one."""
    group: list[Sample] = []
    size = 0
    for sample in samples:
        if group and (size + sample.media.bytes > most_bytes or len(group) == most):
            yield group
            group, size = [], 0
        group.append(sample)
        size += sample.media.bytes
    if group:
        yield group


def schema_of(dataset: Annotated) -> pyarrow.Schema:
    """Columns that the dataset needs, with metadata for Hugging Face and for ripguard."""
    import pyarrow as arrow

    category = {"names": list(dataset.classes), "_type": "ClassLabel"}
    text, real = {"dtype": "string", "_type": "Value"}, {"dtype": "float64", "_type": "Value"}
    columns: list[tuple[str, Any, dict[str, Any]]] = [
        ("image", arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())]), {"_type": "Image"})
    ]
    if most := max((len(one.labels) for one in dataset.samples), default=0):
        columns.append(_column("label", "labels", most, arrow.int64(), category))
    if most := max((len(one.captions) for one in dataset.samples), default=0):
        columns.append(_column("text", "captions", most, arrow.string(), text))
    if any(one.objects for one in dataset.samples):
        features: dict[str, Any] = {"bbox": _many(_many(real)), "category": _many(category)}
        inner = [("bbox", arrow.list_(arrow.list_(arrow.float64()))), ("category", arrow.list_(arrow.int64()))]
        columns.append(("objects", arrow.struct(inner), features))
    if any(more_of(one) for one in dataset.samples):
        columns.append(("more", arrow.string(), text))
    about = {"info": {"features": {name: feature for name, _, feature in columns}}}
    own = {
        "version": 1, "classes": list(dataset.classes), "about_classes": dataset.about_classes,
        "extras": dataset.extras,
    }  # fmt: skip
    metadata = {b"huggingface": json.dumps(about).encode(), OWN: json.dumps(own).encode()}
    return arrow.schema([(name, kind) for name, kind, _ in columns], metadata)


def _column(one: str, many: str, most: int, kind: Any, feature: dict[str, Any]) -> tuple[str, Any, dict[str, Any]]:
    import pyarrow as arrow

    return (one, kind, feature) if most == 1 else (many, arrow.list_(kind), _many(feature))


def _many(feature: dict[str, Any]) -> dict[str, Any]:
    return {"feature": feature, "_type": "Sequence"}


def more_of(sample: Sample) -> dict[str, Any]:
    """What the typed columns do not hold: attributes, extras, and of each object all but class and box."""
    objects = [_rest_of(found) for found in sample.objects]
    found = {
        "attributes": dict(sample.attributes), "extras": dict(sample.extras),
        "objects": objects if any(objects) else [],
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _rest_of(found: Object) -> dict[str, Any]:
    values = {
        "segmentation": [list(ring) for ring in found.polygons], "mask": dict(found.mask or {}),
        "keypoints": list(found.keypoints), "attributes": dict(found.attributes), "extras": dict(found.extras),
    }  # fmt: skip
    return {name: value for name, value in values.items() if value}


def _table(samples: list[Sample], schema: pyarrow.Schema, classes: tuple[str, ...], name: str) -> pyarrow.Table:
    """Rows of samples. Raises :class:`InputRefused` for lone surrogates, which are no text."""
    import pyarrow as arrow

    numbers = {label: number for number, label in enumerate(classes)}
    rows = [_row(one, numbers, set(schema.names)) for one in samples]
    try:
        return arrow.Table.from_pylist(rows, schema=schema)
    except UnicodeEncodeError:
        raise InputRefused(f"{name}: a name or caption in it is no text", "correct it in the source") from None


def _row(sample: Sample, numbers: dict[str, int], columns: set[str]) -> dict[str, Any]:
    with storage("cannot read"):
        row: dict[str, Any] = {"image": {"bytes": sample.media.read(), "path": sample.name}}
    labels = [numbers[label] for label in sample.labels]
    row |= {"label": labels[0] if labels else None, "labels": labels}
    row |= {"text": sample.captions[0] if sample.captions else None, "captions": list(sample.captions)}
    row["objects"] = {
        "bbox": [list(found.box) if found.box else None for found in sample.objects],
        "category": [numbers[found.label] for found in sample.objects],
    }
    more = more_of(sample)
    row["more"] = json.dumps(more) if more else None
    return {name: value for name, value in row.items() if name in columns}
