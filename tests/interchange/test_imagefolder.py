"""Class folders: what torchvision's ImageFolder finds in them."""

from __future__ import annotations

from helpers import make_source, tree_digest
from interchange_data import sample

from ripguard import api
from ripguard._torchvision import torchvision
from ripguard.interchange.imagefolder import ImageFolder
from ripguard.interchange.model import Annotated, Object


def test_files_come_back(tmp_path):  # type: ignore[no-untyped-def]
    """By way of every format that holds labels, byte for byte."""
    source = make_source(tmp_path / "s")
    (source / "labels.csv").unlink()
    for name in ("coco", "hf-folder", "parquet", "imagefolder"):
        assert api.convert(source, tmp_path / name, name).losses == ()
        assert api.convert(tmp_path / name, tmp_path / f"{name}-back", "imagefolder").losses == ()
        assert tree_digest(tmp_path / f"{name}-back") == tree_digest(source)


def test_torchvision_reads_what_is_written(tmp_path):  # type: ignore[no-untyped-def]
    data = Annotated(("b/c", "a", "none"), (
        sample("1.png", labels=("b/c",), split="train"), sample("x/1.png", labels=("a", "b/c"), split="train"),
        sample("2.png", labels=("a",), split="train", objects=(Object("a", (1, 1, 2, 2)),)),
    ))  # fmt: skip
    lost = {one.field: one.count for one in ImageFolder().write(data, tmp_path / "out")}
    assert lost == {"classes": 2, "classes.added": 1, "labels": 2, "name": 3, "objects": 1}
    found = torchvision.datasets.ImageFolder(str(tmp_path / "out/train"))
    assert found.classes == ["a", "b_c"]
    assert [label for _, label in found.samples] == [0, 0, 1]


def test_links_that_are_not_followed_are_rejected(tmp_path):  # type: ignore[no-untyped-def]
    """They are images of the dataset, and must not be missing without notice."""
    source = make_source(tmp_path / "s")
    (source / "cat").mkdir()
    (tmp_path / "other.png").write_bytes(next(source.rglob("*.png")).read_bytes())
    (source / "cat/out.png").symlink_to(tmp_path / "other.png")
    (source / "again").symlink_to(source / "cat")
    (source / "gone.png").symlink_to(tmp_path / "gone.png")
    (source / "cat/inside.png").symlink_to(next(one for one in source.rglob("*.png") if not one.is_symlink()))
    found = api.examine(source, format="imagefolder")
    assert {(one.file, one.kind) for one in found.rejections} == {
        ("cat/out.png", "outside the dataset"), ("again", "outside the dataset"),
        ("gone.png", "outside the dataset"),
    }  # fmt: skip
    assert any(one.name.endswith("cat/inside.png") for one in found.dataset.samples)
