"""Reading a split into one array."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import make_source

from ripguard.data.folder import folder
from ripguard.data.image_set import common_side, load
from ripguard.data.source import Item
from ripguard.errors import InputRefused
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes


@pytest.fixture
def items(tmp_path):  # type: ignore[no-untyped-def]
    return [item for item in folder(make_source(tmp_path / "s")).items if item.split == "train"]


def test_mixed_images_become_one_array(items):  # type: ignore[no-untyped-def]
    """Gray, odd and tiny ones too; those of the right size are taken as they are; labels follow class names."""
    found = load(items)
    assert found.images.shape == (len(items), 32, 32, 3)
    assert found.images.dtype == np.uint8
    assert found.names == ["cat", "cup", "face"]
    ordered = sorted(items, key=lambda item: (item.label, item.name))
    assert [found.names[label] for label in found.labels] == [item.label for item in ordered]
    place = [item.name for item in ordered].index("train/cup/0.png")
    np.testing.assert_array_equal(found.images[place], read_image(ordered[place].path))


def test_digest_changes_with_anything(items):  # type: ignore[no-untyped-def]
    """Order of the items does not matter; a sample, a label or a class name does."""
    one = load(items)
    assert load(items[::-1]).digest == one.digest
    relabelled = [Item(i.name, i.path, i.split, "dog" if i.label == "cat" else i.label) for i in items]
    assert load(relabelled).digest != one.digest
    image = read_image(items[-1].path).copy()
    image[0, 0, 0] ^= 1
    items[-1].path.write_bytes(png_bytes(image))
    assert load(items).digest != one.digest
    assert one.part(np.arange(3)).digest != one.digest
    assert one.part(np.arange(len(items))).digest == one.digest


def test_sides(tmp_path):  # type: ignore[no-untyped-def]
    """Common square size up to 64; else 32 for small images and 64 for larger ones."""
    for name, shape in (("a", (48, 48)), ("b", (48, 48)), ("c", (80, 80)), ("d", (20, 30)), ("e", (100, 70))):
        (tmp_path / name).write_bytes(png_bytes(np.zeros((*shape, 3), np.uint8)))
    side = lambda names: common_side([Item(n, tmp_path / n, "train", "a") for n in names])  # noqa: E731
    assert [side(names) for names in ("ab", "c", "ad", "ce", "dda")] == [48, 64, 32, 64, 32]


def test_nothing_to_read_and_no_labels(items):  # type: ignore[no-untyped-def]
    """Refused with a sentence."""
    with pytest.raises(InputRefused, match="no images"):
        load([])
    with pytest.raises(InputRefused, match=f"1 of {len(items)} images have no label"):
        load([Item(items[0].name, items[0].path, "train", ""), *items[1:]])
