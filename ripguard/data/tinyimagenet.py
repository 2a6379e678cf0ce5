"""TinyImageNet in its official layout: in ``RIPGUARD_DATA/tiny-imagenet-200``, or downloaded into the cache.

The ten default classes were drawn at random once; Xue et al. sample ten classes without listing them.
``tinyimagenet:second`` is a second draw, to test whether results depend on the first. ``tinyimagenet:all`` selects all
classes, ``tinyimagenet:n03179701,n07920052`` those in a list. The official validation images are the test split.
"""

from __future__ import annotations

from pathlib import Path

from ripguard.data.source import DATA_VARIABLE, Item, Source, cache_root, data_root, make_cached_folder
from ripguard.errors import InputRefused

URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
FOLDER = "tiny-imagenet-200"
DEFAULT = (
    "n03179701", "n07920052", "n03424325", "n01784675", "n02791270",
    "n03930313", "n03814639", "n03388043", "n10148035", "n02843684",
)  # fmt: skip
SECOND = (
    "n01855672", "n02085620", "n02106662", "n02125311", "n02129165",
    "n02279972", "n03544143", "n03670208", "n04560804", "n07711569",
)  # fmt: skip


def tinyimagenet(classes: str = "") -> Source:
    """64×64 JPEG images, 500 + 50 per class. ``classes``: "" (the ten), "second", "all", or wnids joined by commas."""
    root = _locate()
    present = sorted(p.name for p in (root / "train").iterdir() if p.is_dir())
    named = {"": DEFAULT, "second": SECOND, "all": tuple(present)}
    wanted = named.get(classes, tuple(classes.split(",")))
    missing = sorted(set(wanted) - set(present))
    if missing:
        raise InputRefused(f"{root} has no class {', '.join(missing)}", f"it has {', '.join(present)}")
    items = [
        Item(f"train/{wnid}/{path.name}", path, "train", wnid)
        for wnid in wanted
        for path in (root / "train" / wnid / "images").iterdir()
    ]
    for line in (root / "val" / "val_annotations.txt").read_text("utf-8").splitlines():
        name, wnid = line.split("\t")[:2]
        if wnid in set(wanted):
            items.append(Item(f"test/{wnid}/{name}", root / "val" / "images" / name, "test", wnid))
    return Source("tinyimagenet", sorted(items, key=lambda item: item.name), roots=[root])


def _locate() -> Path:
    root = data_root()
    if root and (root / FOLDER).is_dir():
        return root / FOLDER
    target = cache_root() / "download"
    if not (target / FOLDER / "val" / "val_annotations.txt").exists():
        from ripguard._torchvision import torchvision

        make_cached_folder(target)
        try:
            torchvision.datasets.utils.download_and_extract_archive(URL, str(target))
        except (OSError, RuntimeError) as error:
            raise InputRefused(
                f"TinyImageNet is neither under {DATA_VARIABLE} nor can it be downloaded ({error})",
                f"set {DATA_VARIABLE} to a folder that holds {FOLDER}/ in the official layout, "
                "or run this with network access",
            ) from None
    return target / FOLDER
