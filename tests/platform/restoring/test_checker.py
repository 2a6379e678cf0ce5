"""A client sees whatever happened to its download: cut off, changed, something added, another list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uploads import in_pieces, tar_of, zip_of

from ripguard.errors import Damaged
from ripguard.platform.restoring.checker import Checker
from ripguard.platform.restoring.download import archive
from ripguard.platform.restoring.reasons import Member, Outcome, Reason, Refused, Restored, UploadRefused
from ripguard.platform.restoring.upload import members

FILES = {"a.png": b"\x89PNG first", "b/c.png": b"\x89PNG second", "d.png": b""}
BAD = Refused("b.png", Reason.TAMPERED, "b.png: changed")
TEXT = Refused("README.md", Reason.LEFT_OUT, "README.md: not an image, left out")
OUTCOMES: list[Outcome] = [
    *(Restored(name, data, ".png", name, name, 0, True) for name, data in FILES.items()), TEXT,
]  # fmt: skip
PACKS: dict[str, Callable[..., bytes]] = {"tar": tar_of, "zip": zip_of}


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("size", [1, 513, 100_000])
def test_a_good_download(kind, size, tmp_path):  # type: ignore[no-untyped-def]
    checker = Checker(in_pieces(b"".join(archive(OUTCOMES, kind)), size), folder=tmp_path)
    assert {one.name: one.data for one in checker} == FILES
    assert checker.result is not None
    assert (checker.result.complete, checker.result.error, checker.result.refused) == (True, "", [])
    assert len(checker.result.images) == 4


def test_what_was_refused():
    def broken() -> Iterator[Outcome]:
        yield from [*OUTCOMES, BAD]
        raise UploadRefused("the upload broke off")

    checker = Checker([b"".join(archive(broken()))])
    assert len(list(checker)) == 3
    assert checker.result is not None
    assert (checker.result.complete, checker.result.error) == (False, "the upload broke off")
    assert [one["upload"] for one in checker.result.refused] == ["b.png"]


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_every_cut_is_seen(kind):  # type: ignore[no-untyped-def]
    whole = b"".join(archive(OUTCOMES, kind))
    for length in (*range(0, len(whole), 13), len(whole) - 1):
        checker = Checker(in_pieces(whole[:length]))
        with pytest.raises(Damaged, match="the download"):
            list(checker)
        assert checker.result is None


@given(st.sampled_from(["tar", "zip"]), st.data())
def test_changed_bytes(kind, data):  # type: ignore[no-untyped-def]
    """Images that are confirmed are those that were sent."""
    whole = bytearray(b"".join(archive(OUTCOMES, kind)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    checker = Checker(in_pieces(bytes(whole)))
    try:
        found = {one.name: one.data for one in checker}
    except Damaged:
        assert checker.result is None
        return
    assert found == FILES


def changed(change: Callable[[dict[str, Any], dict[str, bytes]], None], kind: str) -> bytes:
    """A download whose images and list were changed by somebody who can write archives."""
    files = {one.name: one.data for one in members([b"".join(archive([*OUTCOMES, BAD]))]) if isinstance(one, Member)}
    listed = json.loads(files.pop("RESULT.json"))
    change(listed, files)
    return PACKS[kind]([*files.items(), ("RESULT.json", json.dumps(listed).encode())])


CHANGES: dict[str, Callable[[dict[str, Any], dict[str, bytes]], Any]] = {
    "another image": lambda listed, files: files.update({"a.png": b"other"}),
    "one more": lambda listed, files: files.update({"x.png": b"other"}),
    "one less": lambda listed, files: files.pop("a.png"),
    "renamed": lambda listed, files: files.update({"e.png": files.pop("d.png")}),
    "another order": lambda listed, files: files.update({"a.png": files.pop("a.png")}),
    "a bad name": lambda listed, files: files.update({"../x.png": b"other"}),
    "one less in the list": lambda listed, files: listed["images"].pop(0),
    "complete though one is refused": lambda listed, files: listed.update(complete=True),
    "refused ones left out": lambda listed, files: listed["images"].pop(),
    "another count": lambda listed, files: listed.update(restored=4),
    "another format": lambda listed, files: listed.update(format="ripguard-result/2"),
    "no digest": lambda listed, files: listed["images"][0].pop("sha256"),
    "no object": lambda listed, files: listed["images"].append(3),
    "no error": lambda listed, files: listed.pop("error"),
}


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_list_that_disagrees(name, kind):  # type: ignore[no-untyped-def]
    checker = Checker([changed(CHANGES[name], kind)])
    with pytest.raises(Damaged):
        list(checker)
    assert checker.result is None


@pytest.mark.parametrize("pack", PACKS.values())
def test_a_list_in_the_wrong_place(pack):  # type: ignore[no-untyped-def]
    listed = next(one.data for one in members([b"".join(archive([]))]) if isinstance(one, Member))
    assert list(Checker([pack([("RESULT.json", listed)])])) == []
    whole = dict((one.name, one.data) for one in members([b"".join(archive(OUTCOMES))]) if isinstance(one, Member))
    early = [("RESULT.json", whole["RESULT.json"]), *FILES.items()]
    for files in (
        early,
        [("RESULT.json", listed), ("a.png", b"x")],
        [("a.png", b"x")],
        [("RESULT.json", b"[" * 99_999)],
    ):
        with pytest.raises(Damaged):
            list(Checker([pack(files)]))
