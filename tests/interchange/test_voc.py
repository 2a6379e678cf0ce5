"""Pascal VOC: integer boxes, and everything else of a file as it is."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from helpers import crop
from hypothesis import given
from hypothesis import strategies as st

from ripguard import api
from ripguard.images.encoding import png_bytes
from ripguard.interchange.voc import VOC, rounded

XML = """<annotation><folder>VOC2012</folder><filename>a.png</filename>
<source><database>The VOC2012 Database</database></source>
<size><width>40</width><height>30</height><depth>1</depth></size><segmented>1</segmented>
<object><name>person</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
<bndbox><xmin>{left}</xmin><ymin>2</ymin><xmax>20</xmax><ymax>25</ymax></bndbox>
<part><name>head</name><bndbox><xmin>5</xmin><ymin>3</ymin><xmax>9</xmax><ymax>8</ymax></bndbox></part></object>
</annotation>"""


PLAIN = XML.format(left=3)


def folder(root, xml=PLAIN):  # type: ignore[no-untyped-def]
    for name in ("JPEGImages", "Annotations", "ImageSets/Main", "SegmentationClass"):
        (root / name).mkdir(parents=True)
    (root / "JPEGImages/a.png").write_bytes(png_bytes(crop(3, 30, 40)))
    (root / "SegmentationClass/a.png").write_bytes(b"mask")
    (root / "Annotations/a.xml").write_text(xml)
    (root / "ImageSets/Main/train.txt").write_text("a\n")
    (root / "ImageSets/Main/trainval.txt").write_text("a\n")
    (root / "ImageSets/Main/person_train.txt").write_text("a  1\n")
    return root


def tree(element):  # type: ignore[no-untyped-def]
    """Content without order and blanks."""
    return element.tag, (element.text or "").strip(), sorted((tree(child) for child in element), key=str)


@pytest.mark.parametrize("left", ["3", "3.4000"])
def test_the_same_content_comes_back(left, tmp_path):  # type: ignore[no-untyped-def]
    """Parts, source and files for segmentation; a coordinate that is no integer keeps its digits."""
    source = folder(tmp_path / "s", XML.format(left=left))
    assert api.convert(source, tmp_path / "out", "voc").losses == ()
    before, after = (ElementTree.parse(place / "Annotations/a.xml").getroot() for place in (source, tmp_path / "out"))
    assert tree(after) == tree(before)
    names = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert names == {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert (tmp_path / "out/ImageSets/Main/person_train.txt").read_text() == "a  1\n"


def test_losses_are_listed(tmp_path):  # type: ignore[no-untyped-def]
    done = api.convert(folder(tmp_path / "s"), tmp_path / "out", "yolo", dry_run=True)
    lost = {one.field for one in done.losses}
    assert {"objects.extras.voc.elements", "extras.voc.elements", "objects.attributes.pose", "files"} <= lost
    assert not (tmp_path / "out").exists()


@given(st.tuples(st.floats(0, 500), st.floats(0, 500), st.floats(0.01, 500), st.floats(0.01, 500)))
def test_rounded_boxes_are_near_and_not_empty(box):  # type: ignore[no-untyped-def]
    new = rounded(box)
    assert all(value.is_integer() for value in new)
    assert min(new[2:]) >= 1
    assert max(abs(new[0] - box[0]), abs(new[1] - box[1])) <= 0.5
    assert abs(new[0] + new[2] - box[0] - box[2]) <= 1.5


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (("a.png", "b.png"), None), (("<width>40", "<width>41"), "wrong size"), (("<xmax>20", "<xmax>3"), "zero area"),
        (("<xmax>20", "<xmax>50"), "box outside image"), (("<ymin>2</ymin>", ""), "invalid value"),
        (("<name>person</name>", ""), "class not listed"), (("</annotation>", ""), "unreadable file"),
    ],
)  # fmt: skip
def test_rejections(change, kind, tmp_path):  # type: ignore[no-untyped-def]
    """A wrong ``filename`` is none: the image of the same id is there."""
    found = VOC().read(folder(tmp_path / "s", PLAIN.replace(*change)))
    assert [one.kind for one in found.rejections if one.file.endswith("a.xml")] == ([kind] if kind else [])


def test_missing_images_and_repeated_ids(tmp_path):  # type: ignore[no-untyped-def]
    source = folder(tmp_path / "s")
    (source / "ImageSets/Main/val.txt").write_text("a\ngone\n")
    kinds = [(one.kind, one.position) for one in VOC().read(source).rejections]
    assert sorted(kinds) == [("duplicate id", "a"), ("missing image", "gone")]
