"""The table of ``docs/reference/formats.md``: what each format holds, found by fitting a specimen of each content."""

from __future__ import annotations

from collections.abc import Iterator

from ripguard.interchange.model import Annotated, Media, Object, Sample
from ripguard.interchange.registry import FORMATS

BOX = (2.0, 3.0, 10.0, 8.0)
RING = (2.0, 3.0, 12.0, 3.0, 12.0, 11.0, 2.0, 11.0)


def specimen(**of_sample) -> Annotated:  # type: ignore[no-untyped-def]
    """One image with one content; its name is the one that class folders give."""
    media = Media(lambda: b"", 0)
    name = "a/1.png" if of_sample.get("labels") else "1.png"
    return Annotated(("a", "b"), (Sample(name, media, 40, 30, "train", **of_sample),))


def with_object(**of_object) -> Annotated:  # type: ignore[no-untyped-def]
    return specimen(objects=(Object("a", **{"box": BOX, **of_object}),))


CONTENTS = {
    "one label an image": specimen(labels=("a",)),
    "several labels": specimen(labels=("a", "b")),
    "captions": specimen(captions=("first", "second")),
    "attributes of images": specimen(attributes={"weather": "rain"}),
    "boxes of integers": with_object(),
    "boxes of decimals": with_object(box=(2.25, 3.5, 10.01, 8.0)),
    "one polygon, with its box": with_object(polygons=(RING,)),
    "several polygons": with_object(polygons=(RING, RING)),
    "masks (RLE)": with_object(mask={"size": [30, 40], "counts": [0, 1200]}),
    "keypoints": with_object(keypoints=(4.0, 5.0, 2.0)),
    "difficult, pose …": with_object(attributes={"difficult": 1, "pose": "Left"}),
    "iscrowd, area": with_object(attributes={"iscrowd": 1, "area": 33.5}),
}
WHOLE = ("classes", "classes.order", "classes.added")  # they have rows of their own


def table() -> Iterator[str]:
    names = list(FORMATS.own)
    yield f"| content | {' | '.join(f'`{name}`' for name in names)} |"
    yield "| --- |" + " --- |" * len(names)
    for content, dataset in CONTENTS.items():
        yield f"| {content} | {' | '.join(cell(name, dataset) for name in names)} |"
    one, other = (Object(label, BOX) for label in ("a", "b"))
    media = Media(lambda: b"", 0)
    reordered = Annotated(("b", "a"), tuple(
        Sample(f"{found.label}/1.png", media, 40, 30, "train", (found.label,), (found,)) for found in (one, other)
    ))  # fmt: skip
    for content, field, dataset in (
        ("order of the classes", "classes.order", reordered), ("classes that nothing has", "classes", specimen()),
    ):  # fmt: skip
        fields = {name: {loss.field for loss in FORMATS[name]().losses(dataset)} for name in names}
        yield f"| {content} | {' | '.join('lost' if field in fields[name] else 'yes' for name in names)} |"


def cell(name: str, dataset: Annotated) -> str:
    """``yes``, or how the content comes out."""
    lost = [loss for loss in FORMATS[name]().losses(dataset) if loss.field not in WHOLE]
    if not lost:
        return "yes"
    changed = [loss.example.partition(": ")[2] for loss in lost if "→" in loss.example and loss.field != "name"]
    return changed[0].partition("a: ")[2] or changed[0] if changed else "lost"
