"""What differs between a dataset and what a format can hold of it: one :class:`Loss` for each kind of difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ripguard.errors import shown
from ripguard.interchange.model import Annotated, Object, Sample

Difference = tuple[str, str]  # field, example
LONGEST = 60  # characters of a value in an example


@dataclass(frozen=True)
class Loss:
    """What a format does not carry.

    Attributes:
        format: the format that is written.
        field: ``objects.polygons``, ``extras.coco.info``, ``name`` …
        count: how many samples, objects or entries differ.
        example: the first of them.
    """

    format: str
    field: str
    count: int
    example: str

    def __str__(self) -> str:
        return f"{self.field}: {self.count:,} × not in {self.format}, for instance {shown(self.example)}"


def losses(before: Annotated, after: Annotated, format: str) -> list[Loss]:
    """All differences, by field.

    Args:
        before: the dataset.
        after: what the format holds of it: the same samples in the same order. Objects without a box may be missing.
        format: its name.

    Raises:
        ValueError: the datasets do not have the same number of samples.
    """
    counts: dict[str, int] = {}
    examples: dict[str, str] = {}
    for name, example in _differences(before, after):
        counts[name] = counts.get(name, 0) + 1
        examples.setdefault(name, example)
    return [Loss(format, name, counts[name], examples[name]) for name in sorted(counts)]


def _differences(before: Annotated, after: Annotated) -> Iterator[Difference]:
    yield from _of_classes(before.classes, after.classes)
    yield from _of_tables("folders", before.folders, after.folders)
    for label in before.about_classes:
        yield from _of_extras(label, before.about_classes[label], after.about_classes.get(label, {}), "classes.")
    yield from _of_extras("the dataset", before.extras, after.extras)
    yield from _of_tables("files", before.files, after.files, values=False)
    for one, other in zip(before.samples, after.samples, strict=True):
        yield from _of_samples(one, other)


def _of_classes(before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Difference]:
    gone = [label for label in before if label not in after]
    yield from (("classes", label) for label in gone)
    yield from (("classes.added", label) for label in after if label not in before)
    left, new = [one for one in before if one in after], [one for one in after if one in before]
    if left != new:
        yield "classes.order", f"{_brief(tuple(left))} → {_brief(tuple(new))}"


def _of_samples(one: Sample, other: Sample) -> Iterator[Difference]:
    where = one.name
    for name in ("name", "split", "labels", "captions"):
        yield from _of_values(name, where, getattr(one, name), getattr(other, name))
    if one.media != other.media or (one.width, one.height) != (other.width, other.height):
        yield "image", where
    yield from _of_tables("attributes", one.attributes, other.attributes, where)
    yield from _of_extras(where, one.extras, other.extras)
    for before, after in _pairs(one.objects, other.objects):
        if after is None:
            yield "objects", f"{where}: {before.label}"
        else:
            yield from _of_objects(f"{where}: {before.label}", before, after)


def _pairs(before: tuple[Object, ...], after: tuple[Object, ...]) -> Iterator[tuple[Object, Object | None]]:
    """Objects and what is left of them: those without a box are missing where a format needs one."""
    if len(before) == len(after):
        yield from zip(before, after)
        return
    rest = iter(after)
    for one in before:
        yield one, next(rest, None) if one.box is not None else None


def _of_objects(where: str, one: Object, other: Object) -> Iterator[Difference]:
    for name in ("label", "box", "polygons", "mask", "keypoints"):
        yield from _of_values(f"objects.{name}", where, getattr(one, name), getattr(other, name))
    yield from _of_tables("objects.attributes", one.attributes, other.attributes, where)
    yield from _of_extras(where, one.extras, other.extras, "objects.")


def _of_values(name: str, where: str, before: Any, after: Any) -> Iterator[Difference]:
    if before != after:
        yield name, f"{where}: {_brief(before)}" + (f" → {_brief(after)}" if after else "")


def _of_tables(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], where: str = "", values: bool = True
) -> Iterator[Difference]:
    for key in (*before, *(key for key in after if key not in before)):
        if key not in after or key not in before or before[key] != after[key]:
            field = f"{name}.{key}" if where else name
            yield field, f"{where or key}: {_brief(before.get(key))}" if values else key


def _of_extras(
    where: str, before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = ""
) -> Iterator[Difference]:
    for format in (*before, *(key for key in after if key not in before)):
        one, other = before.get(format, {}), after.get(format, {})
        yield from _of_tables(f"{prefix}extras.{format}", one, other, where)


def _listed(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_listed, value[:9]))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else repr(value)


def _brief(value: object) -> str:
    text = value if isinstance(value, str) else _listed(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
