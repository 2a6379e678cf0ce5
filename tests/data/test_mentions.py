"""Texts of datasets, as tools write them, name the published images; nothing else in them changes."""

from __future__ import annotations

import csv
import io
import json
import time
import unicodedata
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.data.mentions import ABSENT, AMBIGUOUS, CASE, ELSEWHERE, Mentions, rewritten
from ripguard.release.names import published_names

IMAGES = [
    "cats/1.jpg",
    "cats/2.jpeg",
    "cats/11.jpg",
    "cats/kept.png",
    "dogs/my dog, (2).JPG",
    "dogs/caf\u00e9 & co.webp",
    "dogs/a [b] 'c'.tiff",
    'dogs/say "hi".bmp',
    "train2017/000000000009.jpg",
    "JPEGImages/2007_000027.jpg",
    "images/train/x.1.jpg",
]


def mentions(names: list[str]) -> Mentions:
    return Mentions(dict(zip(names, published_names(names))))


KNOWN = mentions(IMAGES)


def as_published(name: str, text: str | bytes, known: Mentions = KNOWN) -> str | bytes:
    """The text after rewriting; all that looks like a mention must have been resolved."""
    result = rewritten(text.encode() if isinstance(text, str) else text, name, known)
    assert result.unresolved == {}
    return result.text.decode() if isinstance(text, str) else result.text


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param(
            "cats/metadata.jsonl",
            '{"file_name": "1.jpg", "text": "one, 11 or 2.5"}\n{"file_name": "2.jpeg", "text": "two"}\n',
            '{"file_name": "1.png", "text": "one, 11 or 2.5"}\n{"file_name": "2.png", "text": "two"}\n',
            id="Hugging Face, lines of JSON",
        ),
        pytest.param(
            "metadata.csv",
            'file_name,text\r\ncats/1.jpg,"a ""cat"""\r\n"dogs/my dog, (2).JPG",dog\r\n"dogs/say ""hi"".bmp",hi\r\n',
            'file_name,text\r\ncats/1.png,"a ""cat"""\r\n"dogs/my dog, (2).png",dog\r\n"dogs/say ""hi"".png",hi\r\n',
            id="Hugging Face, table",
        ),
        pytest.param(
            "annotations/instances_train2017.json",
            '{"images":[{"file_name":"000000000009.jpg","height":480,"id":9,"flickr_url":"http://farm5.staticflickr.com/'
            '4021/4_z.jpg","coco_url":"http:\\/\\/images.cocodataset.org\\/train2017\\/000000000009.jpg"}],"bbox":[1.5]}',
            '{"images":[{"file_name":"000000000009.png","height":480,"id":9,"flickr_url":"http://farm5.staticflickr.com/'
            '4021/4_z.jpg","coco_url":"http:\\/\\/images.cocodataset.org\\/train2017\\/000000000009.png"}],"bbox":[1.5]}',
            id="COCO",
        ),
        pytest.param(
            "Annotations/2007_000027.xml",
            "<annotation><folder>VOC2012</folder><filename>2007_000027.jpg</filename>"
            "<path>/home/me/VOC2012/JPEGImages/2007_000027.jpg</path></annotation>\n",
            "<annotation><folder>VOC2012</folder><filename>2007_000027.png</filename>"
            "<path>/home/me/VOC2012/JPEGImages/2007_000027.png</path></annotation>\n",
            id="VOC",
        ),
        pytest.param(
            "ImageSets/Main/train.txt", "2007_000027\n2007_000032 -1\n", "2007_000027\n2007_000032 -1\n", id="VOC, ids"
        ),
        pytest.param(
            "train.txt",
            "./images/train/x.1.jpg\n/content/yolo/images/train/x.1.jpg\nimages\\train\\x.1.jpg\n",
            "./images/train/x.1.png\n/content/yolo/images/train/x.1.png\nimages\\train\\x.1.png\n",
            id="YOLO, list",
        ),
        pytest.param(
            "data.yaml",
            "path: ../data\ntrain: images/train\nnames: {0: cat}\n# see images/train/x.1.jpg.\n",
            "path: ../data\ntrain: images/train\nnames: {0: cat}\n# see images/train/x.1.png.\n",
            id="YOLO, settings",
        ),
        pytest.param("labels/train/x.1.txt", "0 0.5 0.5 0.1 0.1\n", "0 0.5 0.5 0.1 0.1\n", id="YOLO, labels"),
        pytest.param("train.csv", "id,label\n1,cat\n11,cat\n", "id,label\n1,cat\n11,cat\n", id="Kaggle, ids"),
        pytest.param(
            "train.csv", "id,label\n1.jpg,cat\n11.jpg,cat\n", "id,label\n1.png,cat\n11.png,cat\n", id="Kaggle, names"
        ),
        pytest.param(
            "captions.txt",
            "1.jpg#0\tA cat .\n1.jpg#1\tOne.jpgs\n11.jpg|0|A cat\n",
            "1.png#0\tA cat .\n1.png#1\tOne.jpgs\n11.png|0|A cat\n",
            id="Flickr",
        ),
        pytest.param(
            "lists/t.csv",
            "name;label\r\nC:\\my data\\cats\\1.jpg;cat\r\n..\\cats\\2.jpeg;cat\r\n",
            "name;label\r\nC:\\my data\\cats\\1.png;cat\r\n..\\cats\\2.png;cat\r\n",
            id="Windows",
        ),
        pytest.param(
            "via.json",
            '{"1.jpg12345":{"filename":"1.jpg","size":12345,"regions":[]}}',
            '{"1.jpg12345":{"filename":"1.png","size":12345,"regions":[]}}',
            id="VIA: its keys are identifiers",
        ),
        pytest.param(
            "cats/1.json",
            '{"shapes": [], "imagePath": "..\\\\cats\\\\1.jpg", "imageData": "/9j/4AAQ.jpg4/x="}',
            '{"shapes": [], "imagePath": "..\\\\cats\\\\1.png", "imageData": "/9j/4AAQ.jpg4/x="}',
            id="LabelMe",
        ),
        pytest.param(
            "tasks.json",
            '[{"image":"/data/local-files/?d=cats/1.jpg"},{"image":"/data/local-files/?d=dogs%2Fmy%20dog%2C%20(2).JPG"},'
            '{"image":"s3://bucket/dogs/caf%C3%A9%20%26%20co.webp"},{"image":"dogs\\/caf\\u00e9 & co.webp"}]',
            '[{"image":"/data/local-files/?d=cats/1.png"},{"image":"/data/local-files/?d=dogs%2Fmy%20dog%2C%20(2).png"},'
            '{"image":"s3://bucket/dogs/caf%C3%A9%20%26%20co.png"},{"image":"dogs\\/caf\\u00e9 & co.png"}]',
            id="Label Studio",
        ),
        pytest.param(
            "annotations.xml",
            '<image id="0" name="cats/1.jpg"/><image name="dogs/caf&#233; &amp; co.webp"/>'
            '<image name="dogs/say &quot;hi&quot;.bmp"/>&lt;img src=&quot;cats/1.jpg&quot;&gt;',
            '<image id="0" name="cats/1.png"/><image name="dogs/caf&#233; &amp; co.png"/>'
            '<image name="dogs/say &quot;hi&quot;.png"/>&lt;img src=&quot;cats/1.png&quot;&gt;',
            id="CVAT",
        ),
        pytest.param(
            "meta/ann.json",
            '{"image": "1.jpg", "html": "<img src=\\"cats/1.jpg\\">\\n1.jpg\\n2.jpeg", "tags": []}',
            '{"image": "1.png", "html": "<img src=\\"cats/1.png\\">\\n1.png\\n2.png", "tags": []}',
            id="JSON with HTML and lines",
        ),
        pytest.param("t.tsv", "cats/1.jpg\tcat\ncats/2.jpeg\t2", "cats/1.png\tcat\ncats/2.png\t2", id="TSV"),
        pytest.param(
            "README.md",
            "![](cats/1.jpg) <img src='dogs/a [b] &#39;c&#39;.tiff'> (see cats/11.jpg).\n`dogs/a [b] 'c'.tiff`",
            "![](cats/1.png) <img src='dogs/a [b] &#39;c&#39;.png'> (see cats/11.png).\n`dogs/a [b] 'c'.png`",
            id="Markdown and HTML",
        ),
    ],
)
def test_formats(name, text, expected):  # type: ignore[no-untyped-def]
    assert as_published(name, text) == expected
    assert as_published(name, expected) == expected, "texts that name published images already stay"


def test_supervisely():
    """Its annotation of ``1.jpg`` is ``1.jpg.json``: the text names the file, and the file's own name is no text."""
    assert as_published("ann/1.jpg.json", '{"name": "1.jpg", "size": {}}') == '{"name": "1.png", "size": {}}'


@pytest.mark.parametrize(
    "text",
    ["x1.jpg", "1.jpg.bak", "-1.jpg", "_1.jpg", "1.jpgs", "1.jpg-old", "1.jpg/x", "e\u03011.jpg", "*.jpg", "%201.jpg",
     "x&amp;1.jpg", "cats", "1", "1.jp", "1.jpg\u0301"]
)  # fmt: skip
def test_no_mention(text):  # type: ignore[no-untyped-def]
    """A name that only contains an image's name."""
    result = rewritten(text.encode(), "t.txt", mentions(["1.jpg", "cats/7.png"]))
    assert (result.text, result.changed) == (text.encode(), 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cats/1.JPG", CASE),
        ("CATS/1.jpg", ELSEWHERE),
        ("dogs/1.jpg", ELSEWHERE),
        ("/home/me/dogs/1.jpg", ELSEWHERE),
        ("test/cats/1.jpg", ELSEWHERE),
        ("cats/7.jpg", ABSENT),
        ("3.jpg", AMBIGUOUS),
    ],
)
def test_unresolved(text, reason):  # type: ignore[no-untyped-def]
    """What is not the path of an image, or of several that are published differently, stays and is reported."""
    known = mentions(["cats/1.jpg", "cats/3.jpg", "dogs/3.jpg", "dogs/3.png", "test/dogs/4.jpg"])
    result = rewritten(f"{text}\n".encode(), "t.txt", known)
    assert (result.text, result.changed, result.unresolved) == (f"{text}\n".encode(), 0, {text: reason})


def test_nearest_folder():
    """A base name is the image beside the text, not one of the others."""
    known = mentions(["a/1.jpg", "b/1.jpg", "b/1.png", "a/sub/2.jpg"])
    assert as_published("a/t.csv", "1.jpg", known) == "1.png"
    assert as_published("b/t.csv", "1.jpg,1.png", known) == "1.jpg.png,1.png.png"
    assert as_published("a/lists/t.csv", "sub/2.jpg,../1.jpg", known) == "sub/2.png,../1.png"
    assert as_published("t.csv", "wrapper/b/1.jpg,./a//1.jpg", known) == "wrapper/b/1.jpg.png,./a//1.png"
    known = mentions(["a/1.jpg", "b/a/1.jpg", "b/a/1.png"])
    assert as_published("x/t.csv", "a/1.jpg", known) == "a/1.png", "from the dataset's folder"


def test_folders_above():
    """``../`` counts from the folder of the text."""
    known = mentions(["1.jpg", "a/1.jpg", "a/1.png", "c/2.jpg"])
    assert as_published("a/b/t.csv", "../../1.jpg\n../1.jpg\n..\\..\\c\\2.jpg", known) == (
        "../../1.png\n../1.jpg.png\n..\\..\\c\\2.png"
    )
    assert rewritten(b"../2.jpg", "a/t.csv", known).unresolved == {"../2.jpg": ELSEWHERE}


def test_a_wrapper_of_the_same_name():
    known = mentions(["cats/1.jpg", "test/x/cats/2.jpg"])
    assert as_published("t.csv", "cats/cats/1.jpg", known) == "cats/cats/1.png"
    assert rewritten(b"test/x/cats/1.jpg", "t.csv", known).unresolved == {"test/x/cats/1.jpg": ELSEWHERE}


def test_names_with_a_backslash():
    """As Linux allows them."""
    known = mentions(["a\\b.jpg"])
    assert as_published("t.txt", "a\\b.jpg", known) == "a\\b.png"
    assert as_published("t.json", '"a\\\\b.jpg"', known) == '"a\\\\b.png"'


def test_mentions_side_by_side():
    assert as_published("cats/t.csv", "cats/1.jpg&amp;cats/1.jpg,1.jpg") == "cats/1.png&amp;cats/1.png,1.png"


def test_long_lines():
    """A mention is found behind any number of characters, and takes no time for each of them."""
    known = mentions(["cats/1.jpg", "cats/my, 2.jpg"])
    text = "/x" * 100_000 + "/cats/1.jpg " + "y" * 100_000 + ",a b" * 50_000 + ",cats/my, 2.jpg\n"
    assert as_published("t.txt", text, known) == text.replace(".jpg", ".png")


def test_root_images():
    """Images without folder are found below the folders of another machine, but not in other folders of the dataset."""
    known = mentions(["1.jpg", "1.png", "cats/1.jpg"])
    assert as_published("t.csv", "C:\\data\\1.jpg\ndata/1.jpg\n", known) == "C:\\data\\1.jpg.png\ndata/1.jpg.png\n"
    assert as_published("t.csv", "cats/1.png\nx/cats/1.jpg", known) == "cats/1.png\nx/cats/1.png"


def test_a_longer_name_contains_another():
    known = mentions(["1.jpg", "1.jpg copy.png", "a 1.jpg", "b,1.webp"])
    assert as_published("t.txt", "1.jpg copy.png;a 1.jpg;b,1.webp;b,1.jpg", known) == (
        "1.jpg copy.png;a 1.png;b,1.png;b,1.png"
    )


def test_names_that_collide():
    """The stem of a published name changes: label files and ids do not find it, and the caller is told."""
    known = mentions(["images/1.jpg", "images/1.png", "images/2.jpg"])
    assert known.parted == {"1": ["images/1.jpg", "images/1.png"]}
    assert rewritten(b"0 0.5 0.5 1 1\n", "labels/1.txt", known).parted == ["images/1.jpg", "images/1.png"]
    assert rewritten(b"0 0.5 0.5 1 1\n", "labels/2.txt", known).parted == []


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1"])
def test_encodings(encoding, form):  # type: ignore[no-untyped-def]
    """Byte order marks, line ends and odd bytes stay; a name is found in either normal form."""
    text = "caf\u00e9.jpg\r\n\u00fc\r\r\n1.jpg\t\n"
    text = text if encoding == "latin-1" else unicodedata.normalize(form, text)
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    known = mentions([unicodedata.normalize("NFC", "caf\u00e9.jpg"), "1.jpg"])
    expected = mark + text.replace(".jpg", ".png").encode(encoding)
    assert as_published("t.csv", mark + text.encode(encoding), known) == expected


def test_broken_bytes():
    """What is not text in any encoding stays beside a mention."""
    for start in (b"\xff\x00\xed\xa0\x80 ", b"\xff\xfe\0", b"\xff\xfe\x00\xd8\n\0", b"\x00" * 5):
        for text in (start, start + b"\n1.jpg", start + b"\xff"):
            result = rewritten(text, "t.txt", KNOWN)
            assert result.text in (text, text.replace(b".jpg", b".png"))


def test_nothing_to_change():
    """A dataset of PNG: no name changes, and nothing is reported."""
    known = mentions(["cats/1.png"])
    result = rewritten(b"1.png 2.png x/1.png", "t.csv", known)
    assert (result.text, result.changed, result.unresolved) == (b"1.png 2.png x/1.png", 0, {})


def test_images_that_are_no_files():
    """Datasets with readers may have names without suffix."""
    assert rewritten(b"7 7.png", "t.csv", Mentions({"train/7": "train/7.png", "1.jpg": "1.png"})).text == b"7 7.png"
    with pytest.raises(ValueError, match=r"expected the name of 1\.jpg"):
        Mentions({"1.jpg": "2.png"})


def test_time_of_a_large_file():
    """5 MB of COCO with 10,000 images; a scan for each image would take minutes."""
    names = [f"train2017/{number:012d}.jpg" for number in range(10_000)]
    images = [{"id": i, "file_name": name[10:], "coco_url": f"http://x.org/{name}"} for i, name in enumerate(names)]
    content = {"images": images, "annotations": [[i / 7 for i in range(200_000)]], "imageData": "a/" * 500_000}
    text, known = json.dumps(content).encode(), mentions(names)
    start = time.process_time()
    result = rewritten(text, "annotations/a.json", known)
    assert time.process_time() - start < 5
    assert result.changed == 20_000
    assert result.text == text.replace(b".jpg", b".png")


# names as people have them, and worse; control characters are refused, and hidden files are left out
PART = st.text(
    st.sampled_from("ab19 _-.,;:'\"()[]{}&%#=+@!$~\u00e9\u0301\u732b\U0001f408\u00a0\u2019"), min_size=1, max_size=8
).filter(lambda part: not part.startswith(".") and part.strip(". ") != "")
NAMES = st.lists(
    st.tuples(st.lists(PART, max_size=2), PART, st.sampled_from(["jpg", "JPEG", "png", "tif"])),
    min_size=1,
    max_size=5,
).map(lambda parts: sorted({"/".join([*folders, f"{stem}.{suffix}"]) for folders, stem, suffix in parts}))


@given(NAMES, st.sampled_from(["", "x/", "a/b/"]))
def test_any_names(names, folder):  # type: ignore[no-untyped-def]
    """Each format, read again, names the published images; a path is written from the dataset's folder."""
    published = published_names(names)
    known = Mentions(dict(zip(names, published)))

    def changed(text: str, suffix: str) -> str:
        return rewritten(text.encode(), f"{folder}t.{suffix}", known).text.decode()

    for ascii_only in (True, False):
        assert json.loads(changed(json.dumps(names, ensure_ascii=ascii_only), "json")) == published
    table = io.StringIO()
    csv.writer(table, quoting=csv.QUOTE_ALL).writerows([name, "x"] for name in names)
    assert [row[0] for row in csv.reader(io.StringIO(changed(table.getvalue(), "csv")))] == published
    assert changed("\n".join(names), "txt").split("\n") == published
    assert changed("\n".join(map(quote, names)), "txt").split("\n") == [
        quote(name.rpartition(".")[0]) + new[len(name.rpartition(".")[0]) :] for name, new in zip(names, published)
    ]
    assert changed("\n".join(map(quoteattr, names)), "xml").split("\n") == list(map(quoteattr, published))


PIECES = ["cats/1.jpg", "1.jpg", "kept.png", "11.jpg", ".jpg", "1", "cats/", "\\", "\n", " ", ",", '"', "&amp;", "&",
          ";", "%20", "\\u00e9", "\u00e9", "\ud800", "x"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from(["t.json", "cats/t.csv"]))
def test_only_suffixes_change(pieces, name):  # type: ignore[no-untyped-def]
    """Whatever the text, it differs in suffixes only, and a second time not at all."""
    text = "".join(pieces).encode(errors="surrogatepass")
    once = rewritten(text, name, KNOWN)
    assert once.text.replace(b".png", b".jpg") == text.replace(b".png", b".jpg")
    assert sum(a != b for a, b in zip(once.text, text)) in (2 * once.changed, 3 * once.changed)
    again = rewritten(once.text, name, KNOWN)
    assert (again.text, again.changed) == (once.text, 0)


@given(st.binary(max_size=60))
def test_any_bytes(text):  # type: ignore[no-untyped-def]
    for start in (b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"):
        assert rewritten(start + text, "t.txt", KNOWN).text == start + text
