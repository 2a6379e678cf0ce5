"""Images inside texts."""

from __future__ import annotations

import base64
import io
import json

import pillow_heif
import pytest
from helpers import crop
from PIL import Image

from ripguard.data.embedded import holds_image, refused_texts


def encoded(kind: str, **options: object) -> str:
    pillow_heif.register_heif_opener()
    buffer = io.BytesIO()
    Image.fromarray(crop(1, 24, 24)).save(buffer, kind, **options)  # type: ignore[arg-type]
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF", "HEIF"])
def test_images_are_found(kind):  # type: ignore[no-untyped-def]
    """In LabelMe's JSON, in an HTML page, with escaped slashes, and broken into lines as e-mails and notebooks do."""
    text = encoded(kind)
    assert holds_image(json.dumps({"imagePath": "0.jpg", "imageData": text}).encode())
    assert holds_image(json.dumps({"imageData": text}).replace("/", "\\/").encode())
    assert holds_image(f'<img src="data:image/x;base64,{text}">'.encode())
    lines = "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    assert holds_image(lines.encode())
    assert holds_image(json.dumps({"image/png": lines}).encode())


@pytest.mark.parametrize(
    "text",
    [
        b"", b"a cat sits on a mat\n" * 50, b"/9j/ is how JPEG begins", b"iVBORw0KGgo", b"RIFF" * 50,
        json.dumps({"image": "train/cat/0.jpg", "bbox": [1, 2, 3, 4]}).encode() * 50,
        base64.b64encode(bytes(range(256)) * 4), b"Qk" + b"A" * 200,
    ],
)  # fmt: skip
def test_other_texts_are_not(text):  # type: ignore[no-untyped-def]
    assert not holds_image(text)


def test_all_are_named(tmp_path):  # type: ignore[no-untyped-def]
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps({"imageData": encoded("JPEG")}))
    (tmp_path / "c.json").write_text("{}")
    found = refused_texts([(name, tmp_path / name) for name in ("a.json", "b.json", "c.json")])
    assert [str(one).partition(":")[0] for one in found] == ["a.json", "b.json"]
    assert all("imageData" in one.hint for one in found)
