"""Names of members: harmless ones pass, each other kind has its reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.restoring.names import Free, Names
from ripguard.platform.restoring.reasons import Reason, Refused, UploadRefused

BAD = {
    "/etc/passwd": Reason.ABSOLUTE, "//host/share/a.png": Reason.ABSOLUTE, "C:/a.png": Reason.ABSOLUTE,
    "c:a.png": Reason.ABSOLUTE, "\\a.png": Reason.ABSOLUTE, "C:\\a.png": Reason.ABSOLUTE,
    "../a.png": Reason.PARENT, "a/../../b.png": Reason.PARENT, "a\\..\\b.png": Reason.PARENT, "a/..": Reason.PARENT,
    "": Reason.NAME, ".": Reason.NAME, "./": Reason.NAME, "a\0.png": Reason.NAME, "a\n.png": Reason.NAME,
    "\x1b[2Ja.png": Reason.NAME, "\u202egnp.a": Reason.NAME, "\udcff.png": Reason.NAME,
    "a" * 1025: Reason.LONG_NAME, "é" * 513: Reason.LONG_NAME, "\udcff" * 1025: Reason.LONG_NAME,
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_names(name):  # type: ignore[no-untyped-def]
    found = Names(UploadLimits()).checked(name)
    assert isinstance(found, Refused)
    assert found.reason is BAD[name]
    assert found.message.isprintable()
    assert len(found.message) < 500
    found.message.encode()


@pytest.mark.parametrize(
    ("name", "kept"),
    [("a.png", "a.png"), ("./a//b/./c.png", "a/b/c.png"), ("a\\b.png", "a/b.png"), ("..a/b..png", "..a/b..png"),
     ("日本 語.png", "日本 語.png"), ("a:b.png", None), ("é" * 512, "é" * 512)],
)  # fmt: skip
def test_good_names(name, kept):  # type: ignore[no-untyped-def]
    found = Names(UploadLimits()).checked(name)
    assert found == kept if kept else isinstance(found, Refused)


def test_each_once():
    names = Names(UploadLimits(members=2))
    assert names.checked("a/b.png") == "a/b.png"
    again = names.checked("a/./b.png")
    assert isinstance(again, Refused)
    assert again.reason is Reason.DUPLICATE
    names.count()
    names.count()
    with pytest.raises(UploadRefused, match="more than 2 entries"):
        names.count()


@given(st.lists(st.tuples(st.sampled_from(["a", "a (2)", "b"]), st.sampled_from([".png", ".jpg", ""]))))
def test_free_names_differ(wanted):  # type: ignore[no-untyped-def]
    free = Free()
    given_out = [free.name(*one) for one in wanted]
    assert len(set(given_out)) == len(given_out)
    assert all(name.startswith(stem) and name.endswith(suffix) for name, (stem, suffix) in zip(given_out, wanted))
