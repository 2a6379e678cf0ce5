"""Splits and classes of the layouts that people have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.data.layout import read_layout
from ripguard.data.readings import AmbiguousLayout
from ripguard.errors import UsageError

READ = {  # name: paths, then (split, label) of each
    "class folders": (["cup/1.png", "lamp/1.png"], [("train", "cup"), ("train", "lamp")]),
    "one class folder": (["cats/1.png"], [("train", "cats")]),
    "flat": (["1.png", "2.png"], [("train", ""), ("train", "")]),
    "splits": (
        ["train/a/1.png", "train/b/1.png", "valid/a/1.png", "val/b/1.png", "test/a/1.png", "dev/a/1.png"],
        [("train", "a"), ("train", "b"), ("valid", "a"), ("val", "b"), ("test", "a"), ("dev", "a")],
    ),
    "unlabelled test images": (
        ["train/a/1.png", "train/b/1.png", "test/1.png"], [("train", "a"), ("train", "b"), ("test", "")],
    ),
    "an image beside class folders": (
        ["a/1.png", "b/1.png", "sheet.png"], [("train", "a"), ("train", "b"), ("train", "")],
    ),
    "an image beside classes of a split": (
        ["train/a/1.png", "train/b/1.png", "train/all.png", "test/a/1.png"],
        [("train", "a"), ("train", "b"), ("train", ""), ("test", "a")],
    ),
    "an image beside splits": (
        ["train/a/1.png", "val/a/1.png", "logo.png", "docs/figure.png"],
        [("train", "a"), ("val", "a"), ("", ""), ("", "")],
    ),
    "Kaggle's nested splits": (
        ["seg_train/seg_train/sea/1.jpg", "seg_test/seg_test/sea/1.jpg", "seg_pred/seg_pred/1.jpg"],
        [("train", "sea"), ("test", "sea"), ("pred", "")],
    ),
    "training_set": (["training_set/cats/1.jpg", "test_set/dogs/1.jpg"], [("train", "cats"), ("test", "dogs")]),
    "train and test of a competition": (["train/1.jpg", "test/2.jpg"], [("train", ""), ("test", "")]),
    "a folder around everything": (
        ["archive/train/a/1.png", "archive/train/b/1.png", "archive/test/a/1.png"],
        [("train", "a"), ("train", "b"), ("test", "a")],
    ),
    "a folder around classes": (["pets/cats/1.png", "pets/dogs/1.png"], [("train", "cats"), ("train", "dogs")]),
    "two folders around classes": (["x/y/cats/1.png", "x/y/dogs/1.png"], [("train", "cats"), ("train", "dogs")]),
    "COCO": (["train2017/1.jpg", "val2017/2.jpg"], [("train", ""), ("val", "")]),
    "YOLO": (["images/train/1.jpg", "images/val/2.jpg"], [("train", ""), ("val", "")]),
    "Roboflow": (["train/images/1.jpg", "valid/images/2.jpg"], [("train", ""), ("valid", "")]),
    "VOC": (["JPEGImages/1.jpg", "JPEGImages/2.jpg"], [("train", ""), ("train", "")]),
    "TinyImageNet": (
        ["train/n01/images/1.JPEG", "train/n02/images/1.JPEG", "val/images/1.JPEG"],
        [("train", "n01"), ("train", "n02"), ("val", "")],
    ),
    "modalities": (
        ["color/rust/1.jpg", "color/scab/1.jpg", "grayscale/rust/1.jpg", "grayscale/scab/2.jpg"],
        [("train", "rust"), ("train", "scab"), ("train", "rust"), ("train", "scab")],
    ),
    "splits inside classes": (
        ["cat/train/1.jpg", "cat/test/2.jpg", "dog/train/3.jpg"],
        [("train", "cat"), ("test", "cat"), ("train", "dog")],
    ),
    "a class called train": (["train/1.jpg", "bus/1.jpg"], [("train", "train"), ("train", "bus")]),
    "a class with training in its name": (
        ["training shoes/1.jpg", "sneakers/1.jpg"], [("train", "training shoes"), ("train", "sneakers")],
    ),
    "a split with classes of its own name": (
        ["train/a/1.png", "test/a/1.png", "extra/a/1.png"], [("train", "a"), ("test", "a"), ("extra", "a")],
    ),
    "sets inside one class": (["a/1.png", "a/x/2.png", "b/1.png"], [("train", "a"), ("train", "a"), ("train", "b")]),
    "pictures beside splits": (
        ["Training/a/1.png", "Test/a/2.png", "test-multiple_fruits/3.png"], [("train", "a"), ("test", "a"), ("", "")],
    ),
    "a split without a word for it": (
        ["rps/rock/1.png", "rps-test-set/rock/2.png", "rps-validation/3.png"],
        [("train", "rock"), ("test", "rock"), ("validation", "")],
    ),
    "upper case": (["Train/a/1.png", "TEST/a/1.png"], [("train", "a"), ("test", "a")]),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_known_layouts(name):  # type: ignore[no-untyped-def]
    paths, places = READ[name]
    assert read_layout(paths).places == dict(zip(paths, places))
    assert read_layout(reversed(paths)).places == dict(zip(paths, places))


ASKED = {  # name: paths, and the options of the readings
    "nested classes": (["pets/cat/1", "pets/dog/1", "cars/bmw/1", "cars/vw/1"], {"1", "2", "1-2"}),
    "nested and plain classes": (["pets/cat/1", "pets/dog/1", "birds/1"], {"1", "2", "1-2", "last"}),
    "nested classes in splits": (["train/pets/cat/1", "train/pets/dog/1", "train/car/x/1"], {"2", "3", "2-3"}),
    "splits inside categories": (
        ["bottle/train/good/1", "bottle/test/bad/2", "nut/train/good/3", "nut/test/good/4"],
        {"1", "3", "1-3"},
    ),
    "masks beside splits": (["train/1", "train_masks/1", "test/2"], {"splits", "classes"}),
    "two domains": (["trainA/1", "trainB/1", "testA/1", "testB/1"], {"splits", "classes"}),
    "other words beside splits": (["bounding_box_train/1", "bounding_box_test/1", "query/1"], {"splits", "classes"}),
    "numbered": (["test1/1", "test2/1", "test3/1"], {"splits", "classes"}),
    "domains above classes": (
        ["amazon/images/mug/1", "amazon/images/pen/1", "dslr/images/mug/1"],
        {"1", "2", "3", "1-2"},
    ),
    "images and masks": (["images/1", "masks/1"], {"flat", "classes"}),
    "real and synthetic": (["real/a/1", "real/b/1", "synthetic/a/1"], {"1", "2", "1-2"}),
    "one class in two domains": (["photo/dog/1", "sketch/dog/1"], {"1", "2", "1-2"}),
    "folds": (["fold1/a/1", "fold1/b/1", "fold2/a/1"], {"1", "2", "1-2"}),
    "train and test beside a third": (["train/1", "test/1", "car/1"], {"splits", "classes"}),
    "train beside another tree": (["train/a/1", "train/b/1", "bus/c/1"], {"splits", "classes"}),
}


def readings(paths: list[str], asked: AmbiguousLayout, options: dict[str, str]) -> list[dict[str, tuple[str, str]]]:
    """All places to which the answers lead; an answer may lead to a second question."""
    found = []
    for one in asked.readings:
        given = options | one.options
        assert given != options
        try:
            found.append(read_layout(paths, **given).places)
        except AmbiguousLayout as again:
            found += readings(paths, again, given)
    return found


@pytest.mark.parametrize("name", ASKED)
def test_two_readings_are_refused(name):  # type: ignore[no-untyped-def]
    """The message names each reading with its option, and each option then reads the tree."""
    paths, options = ASKED[name]
    with pytest.raises(AmbiguousLayout) as caught:
        read_layout(paths)
    assert {value for one in caught.value.readings for value in one.options.values()} == options
    assert all(one.flags in caught.value.hint for one in caught.value.readings)
    seen = readings(paths, caught.value, {})
    assert all(a != b for i, a in enumerate(seen) for b in seen[:i])
    assert caught.value.exit_code == 2


def test_levels():
    """Levels count from the root, whatever lies around; ``1-2`` joins; ``last`` is the folder of the image."""
    paths = ["train/pets/cat/1.png", "train/birds/2.png", "test/pets/dog/3.png"]
    labels = {
        level: [label for _, label in read_layout(paths, classes_at=level).places.values()]
        for level in ("2", "3", "2-3", "last")
    }
    assert labels == {
        "2": ["pets", "birds", "pets"], "3": ["cat", "", "dog"], "2-3": ["pets/cat", "", "pets/dog"],
        "last": ["cat", "birds", "dog"],
    }  # fmt: skip
    assert [split for split, _ in read_layout(paths, classes_at="3").places.values()] == ["train", "train", "test"]


def test_given_layouts():
    paths = ["train/1.png", "test/2.png", "car/3.png"]
    assert set(read_layout(paths, "flat").places.values()) <= {("train", ""), ("test", ""), ("", ""), ("car", "")}
    assert read_layout(paths, "classes").places["train/1.png"] == ("train", "train")
    assert read_layout(["a/x/1.png", "b/x/2.png"], "splits").places == {
        "a/x/1.png": ("a", "x"),
        "b/x/2.png": ("b", "x"),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "x"}, "expected one of auto"),
        ({"classes_at": "0"}, "expected a level"),
        ({"classes_at": "2-1"}, "expected a level"),
        ({"classes_at": "x"}, "expected a level"),
        ({"classes_at": "1"}, "train is a split"),
        ({"classes_at": "5"}, "no image lies in 5 folders"),
        ({"classes_at": "2", "layout": "flat"}, "leave one of them out"),
    ],
)
def test_wrong_options(options, message):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError) as caught:
        read_layout(["train/a/1.png", "test/a/1.png"], **options)
    assert message in str(caught.value)


FOLDERS = st.sampled_from(["train", "test", "a", "b", "images", "seg_train", "seg_test", "color", "gray", "x y"])
TREES = st.lists(st.lists(FOLDERS, max_size=4).map(lambda parts: "/".join([*parts, "1.png"])), min_size=1, unique=True)


@given(TREES, st.sampled_from(["auto", "splits", "classes", "flat"]), st.sampled_from([None, "1", "2", "1-2", "last"]))
def test_any_tree(paths, layout, level):  # type: ignore[no-untyped-def]
    """Every image gets one place, in any order of the paths; or all readings of a refused tree can be chosen."""
    asked = None
    try:
        found = read_layout(paths, layout, level).places
    except AmbiguousLayout as ambiguous:
        asked = ambiguous
    except UsageError:
        found = {}
    if asked:
        assert len(asked.readings) > 1
        assert all(places.keys() == set(paths) for places in readings(paths, asked, {"layout": layout}))
        return
    if not found:
        assert level
        return
    assert list(found) == paths
    assert read_layout(reversed(paths), layout, level).places == found
    if layout == "flat":
        assert {label for _, label in found.values()} == {""}
