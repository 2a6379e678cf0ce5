"""Names of splits: which folder names mean training, validation or test images."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection

TRAIN = "train"
SPLITS = {  # word → name of the split
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
    **dict.fromkeys(("dev", "devel", "development"), "dev"),
    **dict.fromkeys(("eval", "evaluation"), "eval"),
    **{name: name for name in ("val", "valid", "validation", "holdout", "trainval")},
}
BESIDE = {  # words that mean a split only beside one of SPLITS
    **dict.fromkeys(("pred", "predict", "prediction"), "pred"),
    **dict.fromkeys(("unlabeled", "unlabelled"), "unlabeled"),
    **{name: name for name in ("extra", "query", "gallery", "public", "private", "calibration")},
}
FILLERS = frozenset({"set", "data", "dataset", "image", "images", "img", "imgs", "folder", "split", "full"})
TESTS = ("test", "val", "valid", "validation", "dev", "eval", "holdout")  # the first that exists is tested on


@functools.lru_cache(1024)  # asked for the folder of every image
def split_of(folder: str) -> tuple[str, tuple[str, ...]] | None:
    """Split that a folder name means, and the words of the name that are left.

    ``train``, ``Training_Set``, ``train2017``, ``images-train`` → (``train``, ()); ``seg_train`` → (``train``,
    (``seg``,)); ``cats`` → None.
    """
    known, own = SPLITS | BESIDE, words_of(folder)
    named = [word for word in own if word in known]
    if len(named) != 1:
        return None
    return known[named[0]], tuple(word for word in own if word != named[0])


def words_of(folder: str) -> tuple[str, ...]:
    """Words of a folder name in lower case, without numbers and :data:`FILLERS`."""
    known, own = SPLITS | BESIDE, list[str]()
    for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|[^\W\d_]+", folder):
        word = word.lower()
        fused = next((word.removesuffix(end) for end in FILLERS if word.removesuffix(end) in known), word)
        own += [fused] if fused not in FILLERS else []
    return tuple(own)


def are_splits(folders: Collection[str]) -> bool:
    """Whether all these sibling folders are splits: by their names alone, or as ``seg_train`` beside ``seg_test``."""
    found = [split_of(folder) for folder in folders]
    if not found or not all(found):
        return False
    splits, rests = {one[0] for one in found if one}, {one[1] for one in found if one}
    return bool(splits & set(SPLITS.values())) and (rests == {()} or (len(rests) == 1 and len(splits) > 1))


def canonical(folder: str) -> str:
    """Name of a split from a folder or table: ``Training`` → ``train``; others in lower case."""
    found = split_of(folder)
    return found[0] if found and not found[1] else folder.lower()


def evaluation_split(splits: Collection[str]) -> str | None:
    """The split that models are tested on: ``test``, or else the validation split; None without either."""
    return next((name for name in TESTS if name in splits), None)
