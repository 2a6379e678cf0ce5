"""YOLO: pixels come back exactly, and paths as people write them are found."""

from __future__ import annotations

from decimal import Decimal

import pytest
from helpers import crop
from hypothesis import given
from hypothesis import strategies as st

from ripguard import api
from ripguard.images.encoding import png_bytes
from ripguard.interchange.normalized import box_of, normalized_box, normalized_points, points_of
from ripguard.interchange.yolo import YOLO

SIDES = st.integers(1, 20_000)
PIXELS = st.one_of(
    st.integers(0, 20_000).map(float), st.floats(0, 20_000), st.floats(0, 20_000).map(lambda v: round(v, 2))
)


@given(st.tuples(PIXELS, PIXELS, PIXELS, PIXELS), SIDES, SIDES)
def test_boxes_come_back_exactly(box, width, height):  # type: ignore[no-untyped-def]
    box = tuple(0.0 if value < 1e-40 else value for value in box)
    assert box_of([Decimal(word) for word in normalized_box(box, width, height)], width, height) == box


@given(st.lists(PIXELS, min_size=2, max_size=8), SIDES, SIDES)
def test_points_come_back_exactly(points, width, height):  # type: ignore[no-untyped-def]
    assert points_of([Decimal(word) for word in normalized_points(points, width, height)], width, height) == tuple(
        points
    )


def test_numbers_are_short_where_they_can_be():
    assert normalized_box((0.0, 0.0, 320.0, 240.0), 640, 480) == ["0.25", "0.25", "0.5", "0.5"]
    assert all(len(word) <= 20 for word in normalized_box((11.27, 3.51, 100.13, 77.0), 333, 501))


def folder(root, yaml, labels, split="images/train"):  # type: ignore[no-untyped-def]
    for name, text in labels.items():
        (root / split).mkdir(parents=True, exist_ok=True)
        (root / split / f"{name}.png").write_bytes(png_bytes(crop(2, 20, 40)))
        (root / split.replace("images", "labels")).mkdir(parents=True, exist_ok=True)
        (root / split.replace("images", "labels") / f"{name}.txt").write_text(text)
    (root / "data.yaml").write_text(yaml)
    return root


YAML = "train: images/train\nval: images/train\nnames: [no, cat]\n"


@pytest.mark.parametrize(
    ("yaml", "split"),
    [
        ("train: ../train/images\nnc: 2\nnames: ['no', 'cat']\n", "train/images"),
        ("path: /home/me/sets/mine\ntrain: images/train\nnames: {0: no, 1: cat}\n", "images/train"),
        ("train: /home/me/sets/mine/images/train\nnames: [no, cat]\n", "images/train"),
    ],
)
def test_paths_of_other_machines(yaml, split, tmp_path):  # type: ignore[no-untyped-def]
    """``no`` is the name of a class, not a boolean."""
    root = folder(tmp_path / "s", yaml, {"a": "1 0.5 0.5 0.25 0.5\n", "b": ""}, split)
    found = YOLO().read(root)
    assert found.rejections == ()
    assert found.dataset.classes == ("no", "cat")
    assert [one.objects[0].box for one in found.dataset.samples if one.objects] == [(15.0, 5.0, 10.0, 10.0)]


def test_polygons_and_keypoints(tmp_path):  # type: ignore[no-untyped-def]
    root = folder(tmp_path / "s", YAML, {"a": "0 0.1 0.1 0.5 0.1 0.5 0.6\n1 0.5 0.5 0.25 0.5\n"})
    one, other = YOLO().read(root).dataset.samples[0].objects
    assert one.polygons == ((4.0, 2.0, 20.0, 2.0, 20.0, 12.0),)
    assert one.box == (4.0, 2.0, 16.0, 10.0)
    assert other.polygons == ()
    pose = folder(tmp_path / "p", YAML + "kpt_shape: [2, 3]\n", {"a": "0 0.5 0.5 0.5 0.5 0.5 0.5 2 0 0 0\n"})
    assert YOLO().read(pose).dataset.samples[0].objects[0].keypoints == (20.0, 10.0, 2.0, 0.0, 0.0, 0.0)
    for root in (tmp_path / "s", tmp_path / "p"):
        assert api.convert(root, tmp_path / f"{root.name}2", "yolo").losses == ()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("2 0.5 0.5 0.1 0.1", "class not listed"), ("x 0.5 0.5 0.1 0.1", "invalid value"),
        ("0 0.5 0.5 0.1", "invalid value"),
        ("0 0.5 0.5 0 0.1", "zero area"), ("0 0.9 0.5 0.9 0.1", "box outside image"),
        ("0 nan 0.5 0.1 0.1", "invalid value"), ("0 1e999 0.5 0.1 0.1", "invalid value"),
        ("² 0.5 0.5 0.1 0.1", "invalid value"),
    ],
)  # fmt: skip
def test_rejected_lines(line, kind, tmp_path):  # type: ignore[no-untyped-def]
    root = folder(tmp_path / "s", YAML, {"a": f"1 0.5 0.5 0.1 0.1\n\n{line}\n"})
    found = YOLO().read(root)
    assert [(one.kind, one.file, one.position) for one in found.rejections] == [(kind, "labels/train/a.txt", "line 3")]
    assert len(found.dataset.samples[0].objects) == 1


def test_a_text_without_an_image(tmp_path):  # type: ignore[no-untyped-def]
    root = folder(tmp_path / "s", YAML, {"a": ""})
    (root / "labels/train/gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert [(one.kind, one.file) for one in YOLO().read(root).rejections] == [
        ("orphan annotation", "labels/train/gone.txt")
    ]


def test_values_of_yaml_that_json_does_not_have(tmp_path):  # type: ignore[no-untyped-def]
    """Dates, bytes and NaN stay as their text, in every format."""
    (tmp_path / "s/images/train").mkdir(parents=True)
    (tmp_path / "s/images/train/a.png").write_bytes(png_bytes(crop(0, 20, 30)))
    more = "date: 2023-01-02\nroboflow: {version: 3, made: 2023-01-02, nan: .nan}\nraw: !!binary aGk=\n2023-01-01: 5\n"
    (tmp_path / "s/data.yaml").write_text(f"train: images/train\nnc: 1\nnames: [cat]\n{more}")
    expected = {"date": "2023-01-02", "roboflow": {"version": 3, "made": "2023-01-02", "nan": ".nan"}, "raw": "aGk=",
                "2023-01-01": 5}  # fmt: skip
    assert api.examine(tmp_path / "s").dataset.extras == {"yolo": expected}
    for name in ("yolo", "parquet"):
        assert api.convert(tmp_path / "s", tmp_path / name, name).losses == () or name == "parquet"
        assert api.examine(tmp_path / name).dataset.extras == {"yolo": expected}
