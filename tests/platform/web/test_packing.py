"""Files of a form, as browsers and httpx send them, become the members of an upload."""

from __future__ import annotations

import contextlib
import io
import tarfile
import tempfile
import zipfile
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from ripguard.errors import InputRefused
from ripguard.platform.restoring.reasons import Member
from ripguard.platform.restoring.upload import members
from ripguard.platform.web.packing import Packing

MOST = 1 << 22
NAMES = st.from_regex(r"[a-z0-9äßλ][a-z0-9 äßλ()_-]{0,40}\.(png|webp)", fullmatch=True)
FILES = st.dictionaries(NAMES, st.binary(max_size=3000), min_size=1, max_size=6)
# neither an archive nor text of one: with one file, it decides what the upload is
IMAGE = b"\x89PNG\r\n\x1a\n"


def form(files: list[tuple[str, bytes]], **fields: str) -> tuple[str, bytes]:
    """Header and body of a form, in the order of a page: fields before files."""
    parts = [(name, (None, value)) for name, value in fields.items()]
    parts += [("images", (name, data, "image/png")) for name, data in files]
    request = httpx.Request("POST", "http://x/", files=parts)  # type: ignore[arg-type]
    return request.headers["content-type"], request.read()


def packed(kind: str, body: bytes, cuts: list[int] = [], most: int = MOST) -> tuple[bytes, dict[str, str]]:  # noqa: B006
    """The upload, and the other fields, of a body that arrives in pieces."""
    with tempfile.TemporaryFile() as file:
        packing = Packing(kind, file, most)
        places = sorted({0, len(body), *(one % (len(body) + 1) for one in cuts)})
        for start, end in pairwise(places):
            packing.write(body[start:end])
        packing.end()
        return file.read(), packing.fields


@given(FILES, st.lists(st.integers(0, 1 << 20), max_size=12))
@settings(deadline=None, max_examples=60)
def test_what_is_sent_arrives(files, cuts):  # type: ignore[no-untyped-def]
    sent = [(name, IMAGE + data) for name, data in files.items()]
    kind, body = form(sent, csrf="abc", once="web-1")
    upload, fields = packed(kind, body, cuts)
    assert fields == {"csrf": "abc", "once": "web-1"}
    assert list(members([upload])) == [Member(name, data) for name, data in sent]


@pytest.mark.parametrize("name", ["n" * 300 + ".png", "train/cat/a.png", 'a "quoted" one.png', "日本.png"])
def test_names(name):  # type: ignore[no-untyped-def]
    kind, body = form([(name, IMAGE)])
    (found,) = members([packed(kind, body)[0]])
    assert found.name == name.replace('"', "%22") or found.name == name


def archives() -> dict[str, bytes]:
    made = {}
    for mode in ("w", "w:gz"):
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode=mode) as file:  # type: ignore[call-overload]
            head = tarfile.TarInfo("a.png")
            head.size = len(IMAGE)
            file.addfile(head, io.BytesIO(IMAGE))
        made[f"a.{mode[2:] or 'tar'}"] = target.getvalue()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("a.png", IMAGE)
    return made | {"a.zip": target.getvalue()}


@pytest.mark.parametrize("name", archives())
def test_one_archive_stays_what_it_is(name):  # type: ignore[no-untyped-def]
    data = archives()[name]
    upload, _ = packed(*form([(name, data)], csrf="x"))
    assert upload == data
    assert list(members([upload])) == [Member("a.png", IMAGE)]


def test_no_file():
    for files in ([], [("", b"")]):
        with pytest.raises(InputRefused, match="no file was chosen"):
            packed(*form(files, csrf="x"))


def test_other_fields_with_files_are_left_out():
    kind, body = form([("a.png", IMAGE)])
    body = body.replace(b'name="images"', b'name="others"')
    with pytest.raises(InputRefused, match="no file was chosen"):
        packed(kind, body)


def test_too_many_bytes():
    kind, body = form([("a.png", IMAGE + bytes(5000))])
    with pytest.raises(HTTPException) as refused:
        packed(kind, body, most=4000)
    assert refused.value.status_code == 413
    packed(kind, body, most=6000)


def test_many_empty_files():
    kind, body = form([(f"{number}.png", b"") for number in range(50)])
    with pytest.raises(HTTPException):
        packed(kind, body, most=20_000)
    packed(kind, body, most=60_000)


def test_fields_are_short_and_few():
    with pytest.raises(InputRefused, match="more fields"):
        packed(*form([("a.png", IMAGE)], csrf="x" * 1001))
    with pytest.raises(InputRefused, match="more fields"):
        packed(*form([("a.png", IMAGE)], **{f"f{number}": "x" for number in range(40)}))


def test_a_name_without_end():
    kind, body = form([("n" * 4000 + ".png", IMAGE)])
    assert packed(kind, body)[0]
    kind, body = form([("n" * 5000 + ".png", IMAGE)])
    with pytest.raises(InputRefused, match=r"too long|damaged"):
        packed(kind, body)


def test_damaged_and_cut_off():
    kind, body = form([("a.png", IMAGE)])
    for wrong in ("text/plain", "multipart/form-data", ""):
        with pytest.raises(InputRefused, match="expected a form"):
            packed(wrong, body)
    for data in (body[:-20], b"", body[:30], b"x" * 100):
        with pytest.raises(InputRefused, match=r"damaged|cut off|no file"):
            packed(kind, data)


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_nothing_else_is_raised(data):  # type: ignore[no-untyped-def]
    kind, body = form([("a.png", IMAGE)])
    for one in (data, body[: len(body) // 2] + data, data + body):
        with contextlib.suppress(InputRefused, HTTPException):
            packed(kind, one)
