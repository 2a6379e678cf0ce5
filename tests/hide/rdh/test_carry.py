"""Records inside images, of both methods: changed images, keys, headers and residues are refused, or do no harm."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from carried import exact, hidden_and_back, patched, restores
from hidden import keys_for

from ripguard.crypto.keys import Key
from ripguard.errors import Damaged, InputRefused
from ripguard.hide.base import Hiding
from ripguard.hide.header import BadHeader, Header
from ripguard.hide.methods import reveal
from ripguard.hide.rdh import carry
from ripguard.hide.rdh.layers import Layer
from ripguard.hide.rdh.method import RDH, RDHParams, RDHPart
from ripguard.hide.rit.method import RIT, RITParams, RITPart
from ripguard.hide.rit.transform import Settings

METHODS: dict[str, Hiding] = {"rdh": RDH(), "rit": RIT(RITParams(layers=3))}
ALONE: dict[str, Hiding] = {"rdh": RDH(RDHParams(layers=0)), "rit": RIT(RITParams(layers=0))}
ONE: dict[str, Hiding] = {"rdh": RDH(), "rit": RIT(RITParams(size=4))}
PARTS = {
    "rdh": (RDHPart(size=4, step=8, layers=2, top=Layer(3, 4, 1000)), "06", "04080203" + "04000003e8"),
    "rit": (RITPart(settings=Settings(), layers=1, top=Layer(0, 1, 2)), "07", "0108080606" + "01000100000002"),
}


@pytest.mark.parametrize("name", METHODS)
def test_self_contained(name, clean):  # type: ignore[no-untyped-def]
    """Most crops of photographs carry their record; all are exact. The published image is near the perturbed one."""
    carrier = patched(clean)
    hidden = exact(METHODS[name], clean, carrier)
    inside = [one.header.inline for one in hidden]
    assert np.mean(inside) > 0.7
    near = METHODS[name].simulate(clean, carrier)
    away = [np.abs(one.image.astype(int) - other).mean() for one, other in zip(hidden, near) if one.header.inline]
    assert 0 < np.median(away) < 8


@pytest.mark.parametrize("name", METHODS)
def test_every_changed_sample_is_refused(name, clean):  # type: ignore[no-untyped-def]
    """The lowest and the highest bit of samples all over the image, and samples that change places."""
    carrier = patched(clean)
    image = 3
    one = exact(ONE[name], clean[image : image + 1], carrier[image : image + 1])[0]
    assert one.header.inline
    for sample in range(0, one.image.size, 11):
        for bit in (0, 7):
            changed = one.image.copy()
            changed.reshape(-1)[sample] ^= np.uint8(1 << bit)
            assert not restores(changed, clean[image]), (sample, bit)
    assert restores(one.image, clean[image])
    for changed in (one.image[::-1], one.image[:, ::-1], one.image[:, :, ::-1], one.image[:-1]):
        assert not restores(np.ascontiguousarray(changed), clean[image])


@pytest.mark.parametrize("name", ALONE)
def test_records_in_the_residue(name, clean):  # type: ignore[no-untyped-def]
    """Without layers of embedding. Another image's residue, none, a changed or a shortened one are refused."""
    (one, other), back = hidden_and_back(ALONE[name], clean[:2], patched(clean[:2]))
    np.testing.assert_array_equal(back[0], clean[0])
    assert (one.header.planes, one.overwritten) == (0, len(one.residue))
    _, keys = keys_for(2)
    own = one.residue
    for residue in (other.residue, b"", own[:-1], own + b"\0", bytes([own[0] ^ 1]) + own[1:]):
        found = reveal(clean[:1] * 0 + one.image, [one.header], [residue], keys[:1])[0]
        assert isinstance(found, Damaged), residue
    changed = one.image.copy()
    changed[0, 0, 0] ^= 1
    assert isinstance(reveal(changed[None], [one.header], [own], keys[:1])[0], Damaged)


@pytest.mark.parametrize("name", ONE)
def test_other_keys_and_headers_are_refused(name, clean):  # type: ignore[no-untyped-def]
    """Another key; a header that says something else of the same samples; another shape."""
    (one,) = exact(ONE[name], clean[3:4], patched(clean[3:4]))
    _, keys = keys_for(1)
    wrong = [Key(bytes(32)).dataset(b"data-set").unit(0).image(0)]
    assert isinstance(reveal(one.image[None], [one.header], [b""], wrong)[0], Damaged)
    part = one.header.params
    top = part.top  # type: ignore[attr-defined]
    for change in (
        {"index": 1}, {"unit": 1}, {"length": one.header.length - 1}, {"length": one.header.length + 1},
        {"planes": 0, "inline": False}, {"inline": False}, {"dataset_id": b"12345678"},
        {"params": dataclasses.replace(part, layers=part.layers + 1)},  # type: ignore[attr-defined]
        {"params": dataclasses.replace(part, layers=0, top=Layer(0, 0, 0))},
        {"params": dataclasses.replace(part, top=Layer(top.cross, top.dot, 2**32 - 1))},
        {"params": dataclasses.replace(part, top=Layer(top.cross, top.dot, 0))},
        {"params": dataclasses.replace(part, top=Layer(127, top.dot, top.bits))},
    ):  # fmt: skip
        header = dataclasses.replace(one.header, **change)
        for residue in (b"", b"x" * 30):
            assert isinstance(reveal(one.image[None], [header], [residue], keys)[0], Damaged), change
    turned = np.ascontiguousarray(one.image.reshape(16, 64, 3))
    assert isinstance(reveal(turned[None], [one.header], [b""], keys)[0], Damaged)


@pytest.mark.parametrize("name", PARTS)
def test_header_golden_bytes(name):  # type: ignore[no-untyped-def]
    """These bytes are the format; every other byte is refused, or read into exactly what was there."""
    part, number, tail = PARTS[name]
    header = Header(b"k" * 8, b"d" * 8, 3, 70000, 1, True, False, 460, part)
    data = header.pack()
    assert data.hex() == f"726702{number}" + "6b" * 8 + "64" * 8 + "000300011170110001cc" + tail
    assert Header.unpack(data) == header
    for place in range(len(data)):
        for value in set(range(256)) - {data[place]}:
            changed = data[:place] + bytes([value]) + data[place + 1 :]
            try:
                assert Header.unpack(changed).pack() == changed
            except BadHeader:
                continue
    empty = dataclasses.replace(part, layers=0)
    with pytest.raises(BadHeader, match="without layers"):
        Header.unpack(dataclasses.replace(header, params=empty, planes=0, inline=False).pack())


@pytest.mark.parametrize("name", METHODS)
def test_images_of_one_channel_in_color_and_without_room(name, clean):  # type: ignore[no-untyped-def]
    """Gray images, gray ones that are published in color, and images too small for a header."""
    gray = clean[:4, :, :, :1]
    exact(METHODS[name], gray, patched(gray))
    exact(METHODS[name], gray, patched(clean[:4]))
    for side in (1, 2, 9):
        small = np.ascontiguousarray(clean[:4, :side, :7])
        assert not any(one.header.inline for one in exact(METHODS[name], small, patched(small)))


@pytest.mark.parametrize("name", METHODS)
def test_images_that_are_kept_as_files_need_their_release(name, clean):  # type: ignore[no-untyped-def]
    """Alone they would restore to their rendering, not to the file."""
    own = METHODS[name].keeping_files()
    assert all(one.residue and not one.header.inline for one in exact(own, clean[:3], patched(clean[:3])))


@pytest.mark.parametrize("name", METHODS)
def test_the_same_input_gives_the_same_bytes(name, clean):  # type: ignore[no-untyped-def]
    """Whatever else is in the batch."""
    ids, keys = keys_for(6)
    carrier = patched(clean)
    many = METHODS[name].hide(clean[:6], carrier[:6], ids, keys)
    few = METHODS[name].hide(clean[4:6], carrier[4:6], ids[4:], keys[4:])
    for a, b in zip(many[4:], few):
        np.testing.assert_array_equal(a.image, b.image)
        assert (a.residue, a.header) == (b.residue, b.header)


def test_nonsense_that_was_sealed_with_the_key(clean):  # type: ignore[no-untyped-def]
    """One error for this image alone, whatever a key holder seals."""
    ids, keys = keys_for(2)
    (good,) = RDH().hide(clean[1:2], patched(clean[1:2]), ids[1:], keys[1:])
    for record in (b"\xff", b"\0\0", b"\0\x10abc", b"\0\2", b"\2\1"):
        for part, purpose in ((RDHPart(size=4, step=8), b"rdh"), (RITPart(settings=Settings(size=4)), b"rit")):
            made = carry.beside(clean[0], carry.draft(ids[0], part), record, purpose, keys[0])
            images, heads = np.stack([made.image, good.image]), [made.header, good.header]
            first, second = reveal(images, heads, [made.residue, good.residue], keys)
            assert isinstance(first, Damaged) or (record[:1] == b"\0" and purpose == b"rit"), (record, purpose)
            np.testing.assert_array_equal(second, clean[1])
    gray = carry.beside(clean[0, :, :, :1], carry.draft(ids[0], RDHPart(size=4, step=8)), b"\1\1", b"rdh", keys[0])
    (found,) = reveal(gray.image[None], [gray.header], [gray.residue], keys[:1])
    assert isinstance(found, Damaged)
    assert "color" in str(found)


def test_records_that_are_too_long(clean):  # type: ignore[no-untyped-def]
    """The header has 24 bits for their length."""
    ids, keys = keys_for(1)
    header = carry.draft(ids[0], RDHPart(size=1, step=8))
    with pytest.raises(InputRefused, match="32×32 image needs a record of 16,777,232 bytes"):
        carry.beside(clean[0], header, bytes(1 << 24), b"rdh", keys[0])
    assert carry.carried(clean[0], header, bytes(1 << 24), b"rdh", keys[0], 1) is None
