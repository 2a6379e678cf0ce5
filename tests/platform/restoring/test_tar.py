"""Tar archives while they arrive: ordinary ones, and those that were made to hurt."""

from __future__ import annotations

import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uploads import END, ended, in_pieces, pax, reasons, record, taken, tar_member, tar_of

from ripguard.platform.restoring.limits import Budget, UploadLimits
from ripguard.platform.restoring.reasons import Member, Refused, UploadRefused
from ripguard.platform.restoring.tar import is_tar
from ripguard.platform.restoring.upload import members

GOOD = tar_member("good.png", data=b"image")
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=150)


@given(
    st.dictionaries(NAMES, st.binary(max_size=1500).map(b"x".__add__), min_size=1, max_size=5),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.integers(1, 5000),
)
def test_what_tarfile_writes(files, form, size):  # type: ignore[no-untyped-def]
    """Long and foreign names, contents of any length, pieces of any size."""
    found = taken(tar_of(files.items(), form=form), size, name="x")
    assert {one.name: one.data for one in found if isinstance(one, Member)} == files


def test_old_archives():
    """Before POSIX there was no mark at offset 257; folders and ``./`` are no part of a name."""
    whole = tar_of([("./a/b.png", b"image")], form=tarfile.USTAR_FORMAT)
    old = tar_member("./a/", tarfile.DIRTYPE) + whole
    assert [one.name for one in taken(old)] == ["a/b.png"]
    block = bytearray(whole[:512])
    block[257:] = bytes(255)
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:]))
    assert is_tar(bytes(block))
    assert [one.name for one in taken(bytes(block) + whole[512:])] == ["a/b.png"]


HOSTILE = {
    "symbolic link": (tar_member("x", tarfile.SYMTYPE, linkname="/etc/passwd"), "link"),
    "hard link": (tar_member("x", tarfile.LNKTYPE, linkname="../../etc/passwd"), "link"),
    "character device": (tar_member("x", tarfile.CHRTYPE, devmajor=1, devminor=5), "device"),
    "block device": (tar_member("x", tarfile.BLKTYPE), "device"),
    "pipe": (tar_member("x", tarfile.FIFOTYPE), "device"),
    "unknown kind": (tar_member("x", b"Z", b"content"), "device"),
    "folder with content": (tar_member("x", tarfile.DIRTYPE, b"content"), "device"),
    "sparse, old": (tar_member("x", tarfile.GNUTYPE_SPARSE, b"content"), "sparse"),
    "sparse, new": (pax(record("GNU.sparse.major", "1")) + tar_member("x", data=b"content"), "sparse"),
    "absolute": (tar_member("/etc/x"), "absolute-name"),
    "parent": (tar_member("a/../../x"), "parent-in-name"),
    "parent in an extended header": (pax(record("path", "../x")) + tar_member("x"), "parent-in-name"),
    "parent in a long name": (tar_member("l", b"L", b"../x\0") + tar_member("x"), "parent-in-name"),
    "no Unicode": (pax(record("path", "x").replace(b"x", b"\xff")) + tar_member("x"), "name"),
    "control characters": (tar_member("x\x1b[2J"), "name"),
    "long": (pax(record("path", "x" * 2000)) + tar_member("x"), "long-name"),
    "duplicate": (tar_member("./good.png", data=b"other"), "duplicate"),
    "nested zip": (tar_member("x", data=b"PK\3\4" + bytes(600)), "nested-archive"),
    "nested tar": (tar_member("x", data=tar_of([("a", b"")])), "nested-archive"),
    "large": (tar_member("x", data=bytes(5000)), "too-large"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_member_beside_good_ones(name):  # type: ignore[no-untyped-def]
    """One reason each; what follows is read at its place."""
    bad, reason = HOSTILE[name]
    data = GOOD + bad + tar_member("after.png", data=b"image") + END
    limits = UploadLimits(member_bytes=20_000 if "nested" in name else 4000)
    first, middle, last = taken(data, limits=limits)
    assert isinstance(middle, Refused)
    assert (first, middle.reason, last) == (Member("good.png", b"image"), reason, Member("after.png", b"image"))
    assert middle.message.startswith(middle.name)
    assert middle.message.isprintable()


BROKEN = {
    "cut in a header": (GOOD + GOOD[:100], "truncated"),
    "cut in the content": (GOOD + tar_member("b", data=bytes(2000))[:-700], "truncated"),
    "without end": (GOOD, "truncated"),
    "half an end": (GOOD + END[:512], "truncated"),
    "more behind the end": (GOOD + END + GOOD, "damaged-archive"),
    "more behind half an end": (GOOD + END[:512] + GOOD, "damaged-archive"),
    "noise": (GOOD + b"\xaa" * 512 + END, "damaged-archive"),
    "negative size": (GOOD + tar_member("b", size=-512) + END, "damaged-archive"),
    "forged size": (GOOD + tar_member("b", size=1 << 60) + END, "truncated"),
    "size in an extended header": (GOOD + pax(record("size", "9" * 30)) + tar_member("b") + END, "truncated"),
    "no size": (GOOD + pax(record("size", "-1")) + tar_member("b") + END, "damaged-archive"),
    "huge extended header": (GOOD + pax(bytes(1 << 17)) + tar_member("b") + END, "damaged-archive"),
    "stated huge extended header": (GOOD + tar_member("p", b"x", size=1 << 50) + END, "damaged-archive"),
    "negative extended header": (GOOD + tar_member("p", b"x", size=-512) + tar_member("b") + END, "damaged-archive"),
    "endless extended headers": (GOOD + pax(record("a", "b")) * 2000 + tar_member("b") + END, "damaged-archive"),
    "only an extended header": (GOOD + pax(record("path", "b")) + END, "damaged-archive"),
    "one name for all": (GOOD + pax(record("path", "b"), b"g") + tar_member("c") + END, "damaged-archive"),
    "record too long": (GOOD + pax(b"99 path=b\n") + tar_member("c") + END, "damaged-archive"),
    "record of no length": (GOOD + pax(b"0 path=b\n") + tar_member("c") + END, "damaged-archive"),
    "a record, then noise": (GOOD + pax(record("a", "b") + b"\0" * 99) + tar_member("c") + END, "damaged-archive"),
    "a record, then one of no length": (
        GOOD + pax(record("a", "b") + b"0 path=b\n") + tar_member("c") + END, "damaged-archive",
    ),
    "a record, then a short one": (GOOD + pax(record("a", "b") + b"2 ") + tar_member("c") + END, "damaged-archive"),
    "long digits": (GOOD + pax(b"1" * 60_000) + tar_member("c") + END, "damaged-archive"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_archive_ends(name):  # type: ignore[no-untyped-def]
    """What came before is there."""
    data, reason = BROKEN[name]
    assert ended(data) == (["good.png"], reason)


def test_every_cut_is_seen():
    whole = GOOD + pax(record("path", "b" * 200)) + tar_member("b", data=bytes(700)) + END
    assert ended(whole) == (["good.png", "b" * 200], "")
    assert {ended(whole[:length])[1] for length in range(512, len(whole), 17)} == {"truncated"}
    assert ended(whole[:-1])[1] == "truncated"


def test_ten_thousand_members():
    """Counted while they arrive, refused ones and folders too; the rest is not fetched."""
    head = b"".join(tar_member(f"{number}.png") for number in range(10_000))
    fetched = 0

    def body():  # type: ignore[no-untyped-def]
        nonlocal fetched
        for piece in in_pieces(head + END):
            fetched += len(piece)
            yield piece

    names = list[str]()
    with pytest.raises(UploadRefused, match="more than 500 entries"):
        names.extend(one.name for one in members(body(), UploadLimits(members=500)))
    assert len(names) == 500
    assert fetched < 600 * 512
    folders = tar_member("d/", tarfile.DIRTYPE) * 501 + END
    assert ended(folders, limits=UploadLimits(members=500)) == ([], "too-many-members")


def test_tiny_members_cost_steps():
    data = b"".join(tar_member(f"{number}.png") for number in range(1000)) + END
    assert ended(data, budget=Budget(500))[1] == "too-many-steps"


PARTS = st.lists(st.sampled_from([record("a", "b"), record("size", "5"), b"6 a=b\n", b"0 ", b" ", b"=\n", b"9"]))


@given(PARTS, st.binary(max_size=9))
def test_any_extended_header(parts, more):  # type: ignore[no-untyped-def]
    """It ends: with members, or a refusal."""
    names, reason = ended(GOOD + pax(b"".join(parts) + more) + tar_member("c", data=bytes(5)) + END)
    assert (names, reason) in ((["good.png", "c"], ""), (["good.png"], "damaged-archive"))


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=6))
def test_changed_bytes(changes):  # type: ignore[no-untyped-def]
    """Nothing but a refusal, or members, comes of any archive."""
    data = bytearray(tar_of([("a" * 120, b"image"), ("b.png", bytes(600))]))
    for at, value in changes:
        data[at] = value
    ended(bytes(data))
    assert reasons(GOOD + END) == {"good.png": ""}
