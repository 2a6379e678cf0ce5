"""release.json and manifest.jsonl of a stranger: refused before they cost memory or time, never a traceback."""

from __future__ import annotations

import hashlib
import json
import resource
import time

import pytest
from helpers import call
from metadata import info_of, part, put, write_info

from ripguard.errors import Damaged
from ripguard.release.manifest import Release


def verbs(release, field, out):  # type: ignore[no-untyped-def]
    key = ("--key-file", field.key)
    return (
        ("inspect", release), ("verify", release), ("verify", release, *key), ("restore", release, out, *key),
        ("gc", release, "--dry-run"), ("report", release, "--against", field.source),
    )  # fmt: skip


def all_refuse(release, field, out, codes=(5, 11)) -> None:  # type: ignore[no-untyped-def]
    for words in verbs(release, field, out):
        code, _, err = call(*words)
        assert code in codes, (words[0], code, err)
        assert "Traceback" not in err
    assert not out.exists()


def with_field(release, name: str, value: str):  # type: ignore[no-untyped-def]
    """release.json with one more, or another, field, spelt as it is."""
    info = info_of(release)
    info.pop(name, None)
    put(release, "release.json", (json.dumps(info)[:-1] + f', "{name}": {value}' + "}").encode())


@pytest.mark.parametrize("depth", [21, 300, 950, 985, 1000, 100_000])
def test_deep(depth, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Also just below what Python's own reader refuses, where another function would run out of stack."""
    release = copied()
    with_field(release, "x", "[" * depth + "]" * depth)
    all_refuse(release, field, tmp_path / "out", (5,))


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in ("x", "pictures") for value in ("9" * 4000, "9" * 5000, "1e999", "NaN", "-Infinity")],
)
def test_numbers(name, value, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Also in fields that nobody knows: proof and signature do not fit them."""
    release = copied()
    with_field(release, name, value)
    all_refuse(release, field, tmp_path / "out")


@pytest.mark.parametrize(
    "value", ["[" + "[]," * 10_000_000 + "[]]", "[" + "0," * 30_000_000 + "0]", '"' + "a" * 10**8 + '"']
)
def test_many_parts(value, copied):  # type: ignore[no-untyped-def]
    """Counted before they are built: ten million lists would take gibibytes and a minute."""
    release = copied()
    with_field(release, "x", value)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(Damaged, match=r"cannot be read|bytes, more than"):
        Release.open(release)
    assert time.monotonic() - began < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10  # KiB


def test_a_row_of_thirty_megabytes(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    release = copied()
    first = part(release, "manifest.jsonl").splitlines()[0]
    rows = first[:-1] + b', "x": [' + b"[]," * 10_000_000 + b"[]]}\n"
    put(release, "manifest.jsonl", rows)
    write_info(release, info_of(release) | {"manifest": hashlib.sha256(rows).hexdigest()})
    all_refuse(release, field, tmp_path / "out", (5,))


def test_doubled_rows_and_wrong_counts(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    release = copied()
    info, rows = info_of(release), part(release, "manifest.jsonl")
    write_info(release, info | {"pictures": 10**9})
    all_refuse(release, field, tmp_path / "out", (5,))
    rows += rows.splitlines(keepends=True)[0]
    put(release, "manifest.jsonl", rows)
    write_info(release, info | {"manifest": hashlib.sha256(rows).hexdigest(), "pictures": info["pictures"] + 1})
    all_refuse(release, field, tmp_path / "out", (5,))


@pytest.mark.parametrize("value", ["\\ud800", "a\\udfffb", "\\ud83d\\ud83d"])
def test_half_characters(value, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """JSON can spell what no file name and no text can hold."""
    release = copied()
    with_field(release, "exact", f'"{value}"')
    all_refuse(release, field, tmp_path / "out", (5,))
