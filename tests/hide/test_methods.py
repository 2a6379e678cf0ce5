"""Hiding gives the same bytes as when `golden.json` was written, on every machine: images, residues, headers, keys.

All arithmetic there is on whole numbers, and the compressor is one of these tests' own (`golden.packed`). What could
still differ: SciPy's solver, where two pairings of blocks are equally good. Of the images used here no two are.
"""

from __future__ import annotations

import json
import zlib

import golden
import numpy as np
import pytest

WANTED = json.loads(golden.HIDE.read_text())


def test_the_inputs_are_the_same():
    """Else everything below differs: photographs, or NumPy's draws, are others."""
    assert WANTED["inputs"]["clean"] == golden.digest(golden.photographs(4))
    assert WANTED["inputs"]["carrier"] == golden.digest(golden.near(golden.photographs(4), 3))


@pytest.mark.parametrize("name", golden.HIDING)
def test_hiding(name):  # type: ignore[no-untyped-def]
    """Samples, residue, header and the counts beside them; and what is kept here comes back."""
    case = golden.HIDING[name]
    hidden = case.hidden()
    assert [golden.shown(one) for one in hidden] == WANTED["hiding"][name]
    if not case.options.get("lossy"):
        np.testing.assert_array_equal(golden.revealed_by(case.method, case.options, hidden), case.clean())


@pytest.mark.parametrize(("what", "found"), [("headers", golden.headers), ("keys", golden.keys)])
def test_headers_and_keys(what, found):  # type: ignore[no-untyped-def]
    assert {name: data.hex() for name, data in found().items()} == WANTED[what]


def test_associated_data():
    assert {name: data.hex() for name, data in golden.associated().items()} == WANTED["associated data"]


def test_every_case_is_kept():
    """And each kind of image that there is: in two, three and four planes, in none, inline, gray, lossy."""
    assert list(WANTED["hiding"]) == list(golden.HIDING)
    flags = {name: {bytes.fromhex(one["header"])[26] for one in kept} for name, kept in WANTED["hiding"].items()}
    by_method = {
        method: set().union(*(one for name, one in flags.items() if name.startswith(method)))
        for method in ("mrit", "seal", "rdh", "rit")
    }
    planes = {method: {one & 0x0F for one in found} for method, found in by_method.items()}
    carried = {"rdh": {0, 1}, "rit": {0, 1}}
    assert planes == {"mrit": set(range(5)), "seal": {0, 1, 2, 3, 4, 5, 6, 8}} | carried
    marks = {method: {one & 0xF0 for one in found} for method, found in by_method.items()}
    assert marks == {"mrit": {0x00, 0x10, 0x20}} | {name: {0x00, 0x10} for name in ("seal", "rdh", "rit")}


def test_the_compressor_is_one():
    """What it gives is a zlib stream, for runs of every length."""
    draw = np.random.default_rng(0)
    runs = b"".join(bytes([draw.integers(256)]) * length for length in (*range(1, 24), 257, 258, 259, 260, 600))
    for data in (b"", b"\0", runs, draw.bytes(500)):
        assert zlib.decompress(golden.packed(data)) == data
