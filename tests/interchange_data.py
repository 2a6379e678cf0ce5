"""Datasets for tests of formats: real image files, and annotations that hypothesis draws."""

from __future__ import annotations

import functools
import string
import tempfile
from pathlib import Path

from helpers import crop
from hypothesis import strategies as st

from ripguard.images.encoding import png_bytes
from ripguard.interchange.model import Annotated, Object, Sample, media_of

SIZES = ((32, 24), (21, 33), (40, 40))  # width and height


@functools.cache
def image(number: int) -> Path:
    """An image file of :data:`SIZES`, made once."""
    folder = Path(tempfile.mkdtemp(prefix="interchange-"))
    width, height = SIZES[number]
    (folder / f"{number}.png").write_bytes(png_bytes(crop(number, height, width)))
    return folder / f"{number}.png"


def sample(name: str, number: int = 0, **more) -> Sample:  # type: ignore[no-untyped-def]
    """A sample with a real image."""
    path = image(number)
    width, height = SIZES[number]
    return Sample(name, media_of(path, path.stat().st_size), width, height, **more)


WORDS = st.text(string.ascii_letters + "äß漢 -_.:&<'\"", min_size=1, max_size=8).map(str.strip).filter(bool)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    WORDS,
    st.floats(-1e6, 1e6),
    st.lists(st.integers(0, 9), max_size=3),
)
ATTRIBUTES = st.dictionaries(
    st.one_of(st.sampled_from(["difficult", "pose", "iscrowd", "area", "label", "text"]), WORDS), VALUES, max_size=3
)


@st.composite
def boxes(draw, width, height, exact=False):  # type: ignore[no-untyped-def]
    """A box inside an image: integers, two decimals as COCO has them, or any float64."""
    kind = draw(st.sampled_from(["whole"] if exact else ["whole", "decimals", "any"]))
    if kind == "whole":
        x, y = draw(st.integers(0, width - 2)), draw(st.integers(0, height - 2))
        return float(x), float(y), float(draw(st.integers(1, width - x))), float(draw(st.integers(1, height - y)))
    x, y = draw(st.floats(0, width - 2)), draw(st.floats(0, height - 2))
    w, h = draw(st.floats(0.01, width - x)), draw(st.floats(0.01, height - y))
    return tuple(round(one, 2) for one in (x, y, max(w, 0.02), max(h, 0.02))) if kind == "decimals" else (x, y, w, h)


@st.composite
def objects(draw, classes, width, height):  # type: ignore[no-untyped-def]
    box = draw(boxes(width, height))
    across, down = st.floats(0, width).map(lambda v: round(v, 2)), st.floats(0, height).map(lambda v: round(v, 2))
    rings = st.lists(st.tuples(across, down), min_size=3, max_size=5).map(lambda ps: tuple(v for p in ps for v in p))
    kind = draw(st.sampled_from(["box", "box", "polygons", "mask", "keypoints", "around"]))
    polygons, mask, keypoints = (), None, ()
    if kind == "polygons":
        polygons = tuple(draw(st.lists(rings, min_size=1, max_size=2)))
    if kind == "around":  # a polygon whose box is the box
        x, y, w, h = draw(boxes(width, height, exact=True))
        polygons, box = ((x, y, x + w, y, x + w, y + h, x, y + h),), (x, y, w, h)
    if kind == "mask":
        mask = {"size": [height, width], "counts": draw(st.lists(st.integers(0, 50), min_size=1, max_size=4))}
        box = draw(st.sampled_from([box, None]))
    if kind == "keypoints":
        keypoints = tuple(v for _ in range(2) for v in (draw(across), draw(down), float(draw(st.integers(0, 2)))))
    return Object(draw(st.sampled_from(classes)), box, polygons, mask, keypoints, draw(ATTRIBUTES))


NAMES = st.text("abcXY0 -_ä", min_size=1, max_size=5).map(str.strip).filter(bool)


@st.composite
def datasets(draw):  # type: ignore[no-untyped-def]
    """Up to five images in up to three splits, with everything that the model holds."""
    classes = tuple(draw(st.lists(WORDS, min_size=1, max_size=4, unique=True)))
    splits = draw(
        st.sampled_from(
            [
                ("",),
                ("train", "val"),
                ("extra set",),
                ("one", "two"),
                ("data",),
                ("train", "test", "extra set"),
                ("valid",),
                ("", "train"),
            ]
        )
    )
    found, known = [], set()
    for _ in range(draw(st.integers(0, 5))):
        number = draw(st.integers(0, 2))
        folder = draw(st.sampled_from(["", "", f"{classes[0].replace('/', '_')}/", "a/b/"]))
        name, split = (
            f"{folder}{draw(NAMES)}.{draw(st.sampled_from(['png', 'PNG', 'jpg']))}",
            draw(st.sampled_from(splits)),
        )
        if (split, name) in known or name.startswith("."):
            continue
        known.add((split, name))
        found.append(sample(
            name, number, split=split, labels=tuple(draw(st.lists(st.sampled_from(classes), max_size=2, unique=True))),
            objects=tuple(draw(st.lists(objects(classes, *SIZES[number]), max_size=3))),
            captions=tuple(draw(st.lists(WORDS, max_size=2))), attributes=draw(ATTRIBUTES),
        ))  # fmt: skip
    return Annotated(classes, tuple(found))
