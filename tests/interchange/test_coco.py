"""COCO: the content of its files comes back, and what cannot be read is named."""

from __future__ import annotations

import json

import pytest
from helpers import crop
from layouts import coco

from ripguard import api
from ripguard.images.encoding import png_bytes
from ripguard.interchange.coco import COCO

INFO = {"info": {"year": 2026}, "licenses": [{"id": 1, "name": "CC"}]}


def folder(root, images, annotations, categories=({"id": 3, "name": "cat", "supercategory": "animal"},), **more):  # type: ignore[no-untyped-def]
    """A dataset with images of 40×30 in ``val2017/``."""
    for image in images:
        path = root / "val2017" / str(image["file_name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(crop(1, 30, 40)))
    (root / "annotations").mkdir(exist_ok=True)
    content = {**more, "images": images, "annotations": annotations, "categories": list(categories)}
    (root / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    return root


def content(root, name="instances_val2017"):  # type: ignore[no-untyped-def]
    return json.loads((root / "annotations" / f"{name}.json").read_text())


IMAGES = [{"id": 9, "file_name": "b.png", "width": 40, "height": 30, "license": 1, "coco_url": "x"},
          {"id": 4, "file_name": "a.png", "width": 40, "height": 30, "license": 1}]  # fmt: skip
OBJECTS = [
    {"id": 70, "image_id": 9, "category_id": 3, "bbox": [1.25, 2, 10, 5.5], "area": 33.3, "iscrowd": 0,
     "segmentation": [[1.25, 2, 11.25, 2, 11.25, 7.5]], "score": 0.5},
    {"id": 12, "image_id": 4, "category_id": 3, "bbox": [0, 0, 40, 30], "area": 1200, "iscrowd": 1,
     "segmentation": {"size": [30, 40], "counts": "abc"}, "attributes": {"occluded": True}},
]  # fmt: skip


def test_the_same_content_comes_back(tmp_path):  # type: ignore[no-untyped-def]
    """Ids, unknown fields, info and licenses too; only the order of annotations is that of the names of the images."""
    source = folder(tmp_path / "s", IMAGES, OBJECTS, **INFO)
    done = api.convert(source, tmp_path / "out", "coco")
    assert done.losses == ()
    before, after = content(source), content(tmp_path / "out")
    for one in (before, after):
        one["annotations"].sort(key=lambda entry: entry["id"])
    assert after == before
    assert (tmp_path / "out/val2017/a.png").read_bytes() == (source / "val2017/a.png").read_bytes()


def test_persons_of_both_files_are_one_object(tmp_path):  # type: ignore[no-untyped-def]
    source = folder(tmp_path / "s", IMAGES, OBJECTS)
    persons = content(source)
    persons["annotations"][0] |= {"keypoints": [3, 4, 2, 0, 0, 0], "num_keypoints": 1}
    (source / "annotations/person_keypoints_val2017.json").write_text(json.dumps(persons))
    captions = {"images": IMAGES, "annotations": [{"id": 5, "image_id": 9, "caption": "a cat"}], "info": {"year": 1}}
    (source / "annotations/captions_val2017.json").write_text(json.dumps(captions))
    found = COCO().read(source).dataset
    assert [len(one.objects) for one in found.samples] == [1, 1]
    assert found.samples[0].objects[0].keypoints == (3, 4, 2, 0, 0, 0)
    assert found.samples[0].captions == ("a cat",)
    assert api.convert(source, tmp_path / "out", "coco").losses == ()
    for name, want in (("person_keypoints_val2017", persons), ("captions_val2017", captions)):
        back = content(tmp_path / "out", name)
        assert sorted(map(str, back["annotations"])) == sorted(map(str, back["annotations"]))
        assert len(back["annotations"]) == len(want["annotations"])
    assert content(tmp_path / "out", "captions_val2017")["annotations"] == captions["annotations"]
    assert "keypoints" not in content(tmp_path / "out")["annotations"][0]


BAD = {
    "missing image": ([{**IMAGES[0], "file_name": "none.png"}], []),
    "wrong size": ([{**IMAGES[0], "width": 41}], []),
    "duplicate id": ([IMAGES[0], {**IMAGES[1], "id": 9}], []),
    "outside the dataset": ([{**IMAGES[0], "file_name": "../b.png"}], []),
    "orphan annotation": (IMAGES, [{**OBJECTS[0], "image_id": 77}]),
    "class not listed": (IMAGES, [{**OBJECTS[0], "category_id": 4}]),
    "zero area": (IMAGES, [{**OBJECTS[0], "bbox": [1, 1, 0, 5]}]),
    "box outside image": (IMAGES, [{**OBJECTS[0], "bbox": [30, 1, 20, 5]}]),
    "invalid value": (IMAGES, [{**OBJECTS[0], "bbox": [1, "x", 3, 4]}]),
}


@pytest.mark.parametrize("kind", BAD)
def test_rejections(kind, tmp_path):  # type: ignore[no-untyped-def]
    """Each with file, position and hint; what is sound is read all the same."""
    images, objects = BAD[kind]
    source = folder(tmp_path / "s", IMAGES, [])
    file = source / "annotations/instances_val2017.json"
    file.write_text(json.dumps({"images": images, "annotations": [*objects, OBJECTS[1]][:len(images) * 2],
                                "categories": [{"id": 3, "name": "cat"}]}))  # fmt: skip
    found = api.examine(source)
    assert kind in {one.kind for one in found.rejections}
    one = next(one for one in found.rejections if one.kind == kind)
    assert one.file == "annotations/instances_val2017.json"
    assert one.position.startswith(("images[", "annotations["))
    assert one.hint


def test_an_unreadable_image(tmp_path):  # type: ignore[no-untyped-def]
    source = folder(tmp_path / "s", IMAGES, OBJECTS)
    (source / "val2017/a.png").write_bytes(b"no image")
    assert [one.kind for one in api.examine(source).rejections] == ["unreadable image", "orphan annotation"]


def test_layouts_of_others(tmp_path):  # type: ignore[no-untyped-def]
    """Roboflow's files beside the images, and file names with a folder."""
    coco(tmp_path / "s")
    entries = json.loads((tmp_path / "s/annotations/instances_train2017.json").read_text())
    (tmp_path / "s/annotations/instances_train2017.json").unlink()
    (tmp_path / "s/train2017").rename(tmp_path / "s/valid")
    (tmp_path / "s/valid/_annotations.coco.json").write_text(json.dumps(entries))
    found = api.examine(tmp_path / "s")
    assert (found.format, found.images, found.objects, list(found.splits)) == ("coco", 6, 6, ["val"])
    assert found.dataset.folders == {"val": "valid"}
