"""Which folder names mean splits."""

from __future__ import annotations

import pytest

from ripguard.data.splits import are_splits, canonical, evaluation_split, split_of


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"), ("Training", "train"), ("training_set", "train"), ("TrainImages", "train"),
        ("train2017", "train"), ("images_train", "train"), ("trainset", "train"), ("test1", "test"), ("TEST", "test"),
        ("valid", "valid"), ("val", "val"), ("validation", "validation"), ("dev", "dev"), ("val-split", "val"),
    ],
)  # fmt: skip
def test_names_of_splits(folder, split):  # type: ignore[no-untyped-def]
    """Each stays a split of its own: ``valid`` is not ``val``, and neither is ``test``."""
    assert split_of(folder) == (split, ())
    assert canonical(folder) == split


@pytest.mark.parametrize("folder", ["cats", "images", "n01443537", "2017", "contest", "trainer", "testament", "日本"])
def test_names_of_classes(folder):  # type: ignore[no-untyped-def]
    assert split_of(folder) is None


def test_siblings():
    """A word beside the split counts only if its siblings have it too; ``pred`` only beside a split."""
    assert are_splits(["seg_train", "seg_test", "seg_pred"])
    assert are_splits(["train", "test", "unlabeled"])
    assert not are_splits(["seg_train", "test"])
    assert not are_splits(["training shoes", "sneakers"])
    assert not are_splits(["training shoes"])
    assert not are_splits(["pred", "extra"])
    assert not are_splits([])


def test_the_split_for_tests():
    assert evaluation_split({"train", "valid", "test"}) == "test"
    assert evaluation_split({"train", "valid"}) == "valid"
    assert evaluation_split({"train"}) is None
