"""Signed heads in a file."""

from __future__ import annotations

import pytest

from ripguard.crypto.signing import SigningKey
from ripguard.platform.audit.chain import Head
from ripguard.platform.audit.checkpoints import Checkpoint, Checkpoints
from ripguard.platform.errors import AuditUnavailable

KEY = SigningKey(bytes(range(32)))
HEADS = [Head(number, f"{number:064x}") for number in range(1, 5)]


@pytest.fixture
def file(tmp_path):  # type: ignore[no-untyped-def]
    return Checkpoints(tmp_path / "audit.jsonl")


def test_written_and_read(file):  # type: ignore[no-untyped-def]
    for head in HEADS:
        file.add(Checkpoint.of(head, 7, KEY))
    assert [one.head for one in file.all()] == HEADS
    assert all(one.signed_by(KEY.public) for one in file.all())
    assert file.file.stat().st_mode & 0o777 == 0o600


def test_signature_covers_everything():
    one = Checkpoint.of(HEADS[0], 7, KEY)
    other = SigningKey(bytes(range(1, 33))).public
    assert not one.signed_by(other)
    for changed in (
        Checkpoint(HEADS[1], 7, one.signature),
        Checkpoint(Head(1, HEADS[1].hash), 7, one.signature),
        Checkpoint(HEADS[0], 8, one.signature),
        Checkpoint(HEADS[0], 7, one.signature[:-1] + b"\0"),
        Checkpoint(HEADS[0], 7, b""),
    ):
        assert not changed.signed_by(KEY.public)


@pytest.mark.parametrize("cut", [1, 10, 60, 150])
def test_a_line_cut_off_by_a_crash(file, cut):  # type: ignore[no-untyped-def]
    for head in HEADS[:2]:
        file.add(Checkpoint.of(head, 7, KEY))
    data = file.file.read_bytes()
    file.file.write_bytes(data[:-cut])
    file.add(Checkpoint.of(HEADS[2], 7, KEY))
    found = [one.head for one in file.all()]
    assert found[0] == HEADS[0]
    assert found[-1] == HEADS[2]


@pytest.mark.parametrize(
    "line", [b"", b"null", b"[]", b'{"seq":1}', b'{"seq":"x","hash":"","time":0,"signature":""}', b"\xff" * 2000]
)
def test_other_lines_are_left_out(file, line):  # type: ignore[no-untyped-def]
    file.add(Checkpoint.of(HEADS[0], 7, KEY))
    with open(file.file, "ab") as opened:
        opened.write(line + b"\n")
    file.add(Checkpoint.of(HEADS[1], 7, KEY))
    assert [one.head for one in file.all()] == HEADS[:2]


def test_that_cannot_be_written(file):  # type: ignore[no-untyped-def]
    file.file.mkdir()
    with pytest.raises(AuditUnavailable, match="cannot write the checkpoints"):
        file.add(Checkpoint.of(HEADS[0], 7, KEY))


def test_a_link_is_not_followed(file, tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "target").write_text("")
    file.file.symlink_to(tmp_path / "target")
    with pytest.raises(AuditUnavailable):
        file.add(Checkpoint.of(HEADS[0], 7, KEY))
    assert (tmp_path / "target").read_text() == ""
