"""The signature under the list of a download: any change of the list is found."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uploads import in_pieces, tar_of

from ripguard.crypto.signing import SigningKey
from ripguard.errors import Damaged
from ripguard.platform.restoring.checker import Checker
from ripguard.platform.restoring.download import RESULT, archive
from ripguard.platform.restoring.reasons import Member, Reason, Refused, Restored
from ripguard.platform.restoring.signed import Seal, signed_by
from ripguard.platform.restoring.upload import members

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(32))
OUTCOMES = [Restored("a.png", b"data", ".png", "t/a.png", "t/a.png", 0, True),
            Refused("b.png", Reason.TAMPERED, "b.png: changed", 'say "signature": no')]  # fmt: skip


def made(key: SigningKey = KEY) -> tuple[bytes, bytes]:
    """A download, and its list."""
    seal = Seal({"dataset": "ds_1", "time": 5, "public": key.public.hex()}, key.sign)
    whole = b"".join(archive(OUTCOMES, "tar", None, seal))
    return whole, next(one.data for one in members([whole]) if isinstance(one, Member) and one.name == RESULT)


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_checked_with_the_list(kind):  # type: ignore[no-untyped-def]
    seal = Seal({"dataset": "ds_1", "time": 5, "public": KEY.public.hex()}, KEY.sign)
    checker = Checker(in_pieces(b"".join(archive(OUTCOMES, kind, None, seal))))
    assert [one.name for one in checker] == ["a.png"]
    assert checker.result is not None
    assert checker.result.public == KEY.public.hex()
    assert checker.result.reason == ""


def test_is_json_and_names_the_dataset():
    _, listed = made()
    found = json.loads(listed)
    assert (found["dataset"], found["time"], found["restored"]) == ("ds_1", 5, 1)
    assert signed_by(listed, KEY.public.hex())
    for public in (OTHER.public.hex(), "", "00", "x" * 64, "0" * 64):
        assert not signed_by(listed, public)


@given(st.data())
def test_any_change_is_found(data):  # type: ignore[no-untyped-def]
    _, listed = made()
    at = data.draw(st.integers(0, len(listed) - 1))
    changed = bytearray(listed)
    changed[at] ^= data.draw(st.integers(1, 255))
    assert not signed_by(bytes(changed), KEY.public.hex()) or bytes(changed).lower() == listed
    assert not signed_by(listed[:at], KEY.public.hex())


def test_a_list_that_was_changed_is_refused():
    _, listed = made()
    changed = listed.replace(b"ds_1", b"ds_2")
    assert hashlib.sha256(changed).digest() != hashlib.sha256(listed).digest()
    with pytest.raises(Damaged, match="signature"):
        list(Checker([tar_of([("a.png", b"data"), (RESULT, changed)])]))
