"""What ``ripguard convert`` writes opens in the libraries of others, with the same boxes and labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from layouts import coco, splits
from loaders import SKIPPED

from ripguard import api


@pytest.fixture
def source(tmp_path) -> Path:  # type: ignore[no-untyped-def]
    coco(tmp_path / "source")
    return tmp_path / "source"


def test_pycocotools_reads_coco(source, tmp_path):  # type: ignore[no-untyped-def]
    """From YOLO, whose boxes came from COCO: indexed, as areas and as masks."""
    library = pytest.importorskip("pycocotools.coco", reason=f"pycocotools {SKIPPED}")
    api.convert(source, tmp_path / "yolo", "yolo", accept_losses=True)
    api.convert(tmp_path / "yolo", tmp_path / "coco", "coco")
    found = library.COCO(str(tmp_path / "coco/annotations/instances_train2017.json"))
    assert len(found.getImgIds()) == len(found.getAnnIds()) == 6
    assert [one["name"] for one in found.loadCats(found.getCatIds())] == ["cat", "dog"]
    assert all(one["bbox"] == [1, 2, 8, 9] and one["area"] == 72 for one in found.loadAnns(found.getAnnIds()))


def test_hugging_face_reads_parquet_and_folders(source, tmp_path):  # type: ignore[no-untyped-def]
    datasets = pytest.importorskip("datasets", reason=f"datasets {SKIPPED}")
    api.convert(source, tmp_path / "parquet", "parquet")
    data = datasets.load_dataset(str(tmp_path / "parquet"), cache_dir=str(tmp_path / "cache"))["train2017"]
    assert [row["objects"]["bbox"] for row in data] == [[[1, 2, 8, 9]]] * 6
    assert data.features["image"].__class__.__name__ == "Image"
    splits(tmp_path / "classes")
    api.convert(tmp_path / "classes", tmp_path / "labels", "parquet")
    data = datasets.load_dataset(str(tmp_path / "labels"), cache_dir=str(tmp_path / "cache"))
    assert set(data) == {"train", "val", "test"}
    assert data["train"].features["label"].names == ["cat", "dog"]
    api.convert(source, tmp_path / "folder", "hf-folder")
    data = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "folder"), cache_dir=str(tmp_path / "cache"))
    assert sum(len(part) for part in data.values()) == 6


def test_ultralytics_reads_yolo(source, tmp_path):  # type: ignore[no-untyped-def]
    pytest.importorskip("ultralytics", reason=f"ultralytics {SKIPPED}")
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    api.convert(source, tmp_path / "yolo", "yolo", accept_losses=True)
    text = (tmp_path / "yolo/data.yaml").read_text()
    (tmp_path / "yolo/data.yaml").write_text(f"{text}val: images/train2017\n")  # it asks for both splits
    about = check_det_dataset(str(tmp_path / "yolo/data.yaml"), autodownload=False)
    data = YOLODataset(img_path=about["train"], data=about, augment=False, rect=False, imgsz=64)
    assert len(data.labels) == 6
    assert all(one["bboxes"].shape == (1, 4) for one in data.labels)
