"""A release from bytes is the release from its folder: the same answers, the same checks, the same sentences."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from metadata import put
from releases import FINGERPRINT, KEY, OTHER, RELEASES, SIGNER, VECTORS, golden, in_memory, info_of, sign, write_info

from ripguard.crypto.keys import ImageKeys, KeyRing
from ripguard.crypto.signing import SigningKey
from ripguard.errors import Damaged, NotProtected, RipguardError, SignatureInvalid, StorageError, WrongKey
from ripguard.release.index import MemoryIndex
from ripguard.release.manifest import Index, Release
from ripguard.release.record import signed_part
from ripguard.store.schema import MOST_INFO


def outcome(function: Callable[[], Any]) -> Any:
    """What it returns, or kind, sentence and hint of its refusal."""
    try:
        return function()
    except RipguardError as error:
        return type(error), error.args[0], error.hint


def both(root: Path) -> list[Index]:
    return [Release.open(root), in_memory(root), in_memory(root, ranges=True)]


@pytest.mark.parametrize("name", RELEASES)
def test_the_same_answers(name):  # type: ignore[no-untyped-def]
    """Rows by path, by samples, by number; residue; model; ids; what is not there."""
    disk, *memory = both(VECTORS / "releases" / name)
    keys = KEY.dataset(disk.dataset_id)
    for index in memory:
        assert (index.name, index.info, index.dataset_id, index.key_id) == (
            disk.name, disk.info, disk.dataset_id, KEY.key_id,
        )  # fmt: skip
        assert list(index.rows) == list(disk.rows)
        assert index.model(keys) == disk.model(keys)
        for row in disk.rows:
            assert index.by_path(row["path"]) == index.numbered(row["index"]) == row
            assert index.by_digest(row["pixels"]) == disk.by_digest(row["pixels"])
            for place in (row["residue"], row.get("bytes")):
                piece = index.residue(place)
                assert piece == disk.residue(place)
                assert len(piece) == (place[2] if place else 0)
        assert index.by_path("none") is index.numbered(1 << 31) is None
        assert index.by_digest("00" * 32) == []
        assert index.residue(["none.bin", 0, 1]) == index.residue(["../release.json", 0, 1]) == b""


def spoiled(root: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    put(root, name, change)


SPOILS: dict[str, Callable[[Path], None]] = {
    "no JSON": lambda root: spoiled(root, "release.json", lambda data: data.rstrip()[:-1]),
    "deep": lambda root: spoiled(
        root, "release.json", lambda data: data.rstrip()[:-1] + b', "x": ' + b"[" * 30 + b"]" * 30 + b"}"
    ),
    "too large": lambda root: spoiled(root, "release.json", lambda data: data.ljust(MOST_INFO + 1)),
    "format": lambda root: write_info(root, info_of(root) | {"format": "ripguard/v9"}),
    "field": lambda root: write_info(root, info_of(root) | {"units": 3}),
    "count": lambda root: write_info(root, info_of(root) | {"pictures": 5}),
    "no manifest": lambda root: (root / ".ripguard/manifest.jsonl").unlink(),
    "row": lambda root: spoiled(root, "manifest.jsonl", lambda data: data.replace(b'"unit":0', b'"unit":7')),
    "long row": lambda root: spoiled(root, "manifest.jsonl", lambda data: b" " * 70_000 + data),
    "other rows": lambda root: spoiled(root, "manifest.jsonl", lambda data: data.replace(b'"planes":2', b'"planes":3')),
    "two rows": lambda root: spoiled(root, "manifest.jsonl", lambda data: data + data),
    "annotation": lambda root: write_info(
        root, info_of(root) | {"annotations": [{"path": "train/a/rgb.png", "sha256": "00" * 32}]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILS)
def test_the_same_refusals(how, tmp_path):  # type: ignore[no-untyped-def]
    """Of what is no record of a release."""
    root = golden("v1-ranked", tmp_path)
    SPOILS[how](root)
    refusal = outcome(lambda: Release.open(root))
    assert refusal[0] is (NotProtected if how == "format" else Damaged)
    assert outcome(lambda: in_memory(root)) == refusal


@pytest.mark.parametrize("change", ["nothing", "shorter", "longer", "empty", "gone"])
def test_the_same_residue(change, tmp_path):  # type: ignore[no-untyped-def]
    """A residue file that is not as long as the record says."""
    root = golden("ranked", tmp_path)
    places = [row["residue"] for row in Release.open(root).rows if row["residue"]]
    place = max((place for place in places), key=lambda one: (one[0], one[1]))
    file = root / ".ripguard/residue" / place[0]
    data = file.read_bytes()
    changed = {"nothing": data, "shorter": data[:-1], "longer": data + b"x", "empty": b""}
    file.unlink() if change == "gone" else file.write_bytes(changed[change])
    disk, whole, parts = (index.residue(place) for index in both(root))
    assert disk == whole == (data[place[1] : place[1] + place[2]] if change == "nothing" else b"")
    assert parts == disk or change == "longer"  # who reads a part sees no length, and the part is as it was
    assert all(index.residue([place[0], place[1], 1 << 60]) == b"" for index in both(root))


def test_residue_that_cannot_be_read_now():
    """An object store that does not answer is no damage; one that answers short, or with too much, is."""
    root = VECTORS / "releases/ranked"
    info, manifest = ((root / ".ripguard" / name).read_bytes() for name in ("release.json", "manifest.jsonl"))
    place = next(row["residue"] for row in Release.open(root).rows if row["residue"])

    def failing(name: str, offset: int, length: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error", name)

    with pytest.raises(StorageError, match="Input/output error"):
        MemoryIndex(info, manifest, failing).residue(place)
    for answer in (lambda _, __, length: bytes(length - 1), lambda _, __, length: bytes(length + 1)):
        assert MemoryIndex(info, manifest, answer).residue(place) == b""
    assert MemoryIndex(info, manifest).residue(place) == b""


@pytest.mark.parametrize("change", ["bit", "longer", "empty", "gone"])
def test_the_same_model(change, tmp_path):  # type: ignore[no-untyped-def]
    root = golden("v1-seal-model", tmp_path)
    keys, file = KEY.dataset(Release.open(root).dataset_id), root / ".ripguard/model.bin"
    data = file.read_bytes()
    changed = {"bit": bytes([data[0] ^ 1]) + data[1:], "longer": data + b"x", "empty": b""}
    file.unlink() if change == "gone" else file.write_bytes(changed[change])
    disk, memory, _ = (outcome(lambda index=index: index.model(keys)) for index in both(root))
    assert disk == memory
    assert disk[0] is Damaged


def proven(index: Index, ring: KeyRing) -> Any:
    prover = index.opened_by(ring)
    return prover and prover.proof(b"clean", b"")


def test_which_rings_open_a_release(tmp_path):  # type: ignore[no-untyped-def]
    """The owner's key, its own, one of a unit; not another owner's, another release's, nor that of a unit there."""
    root = golden("v1-ranked", tmp_path)
    for index in both(root):
        keys = KEY.dataset(index.dataset_id)
        wanted = keys.proof(b"clean", b"")
        assert proven(index, KEY) == proven(index, keys) == wanted
        assert [index.units_of(ring) for ring in (KEY, keys, keys.unit(1))] == [None, None, {1}]
        assert index.opened_by(keys.unit(0)) is None
        for ring, said in (
            (OTHER, "was protected with key"), (OTHER.dataset(index.dataset_id), "was protected with key"),
            (OTHER.dataset(index.dataset_id).unit(0), "was protected with key"),
            (KEY.dataset(b"another!"), f"opens the release {b'another!'.hex()} alone"),
            (KEY.dataset(b"another!").unit(0), "opens no image of"), (keys.unit(2), "opens no image of"),
        ):  # fmt: skip
            with pytest.raises(WrongKey, match=said) as caught:
                index.opened_by(ring)
            assert caught.value.hint
        others = (KEY.dataset(b"another!"), KEY.dataset(b"another!").unit(0), keys.unit(2))
        assert [index.units_of(ring) for ring in others] == [frozenset()] * 3


def test_a_ring_of_somebody_elses_making():
    """Whatever gives the keys of some units is a ring: it is asked for nothing else."""

    class Two:
        key_id = KEY.id

        def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
            if unit == 0:
                return KEY.image_keys(dataset_id, unit, index)
            raise WrongKey("not that one")

    index = in_memory(VECTORS / "releases/v1-ranked")
    assert index.units_of(Two()) == {0}
    assert index.opened_by(Two()) is None


def test_proof_and_signature(tmp_path):  # type: ignore[no-untyped-def]
    """What only the whole key can check it does check; a signature is checked whatever the ring is."""
    root = golden("v1-ranked", tmp_path)
    honest = info_of(root)
    unit = KEY.dataset(bytes.fromhex(honest["dataset_id"])).unit(0)
    write_info(root, honest | {"labels": ["x"]})
    for index in both(root):
        for ring in (KEY, KEY.dataset(index.dataset_id)):
            with pytest.raises(Damaged, match="changed after publishing"):
                index.opened_by(ring)
        assert index.opened_by(unit) is None  # cannot know
    write_info(root, honest)
    sign(root)
    assert [index.check_signature(FINGERPRINT) for index in both(root)] == [FINGERPRINT] * 3
    signed = info_of(root)
    other = SigningKey.generate()
    broken = signed["signature"] | {"value": other.sign(signed_part(signed)).hex()}
    assert SIGNER.public != other.public
    write_info(root, signed | {"signature": broken})
    for index in both(root):
        for ring in (KEY, KEY.dataset(index.dataset_id), unit):
            with pytest.raises(SignatureInvalid):
                index.opened_by(ring)


def test_nothing_is_kept_of_the_rows_but_their_bytes():
    """The bytes that were given are those that are read later."""
    root = VECTORS / "releases/ranked"
    index = in_memory(root)
    line = (root / ".ripguard/manifest.jsonl").read_bytes().splitlines()[3]
    assert index.rows[3] == json.loads(line)


def test_a_container_from_bytes(made):  # type: ignore[no-untyped-def]
    """A release of format v2 from the bytes of its file, or of its parts: as from the folder."""
    data = (made.root / "release.ripguard").read_bytes()
    disk, name = Release.open(made.root), str(made.root)
    keys = KEY.dataset(disk.dataset_id)
    for index in (MemoryIndex.of_container(data, name), in_memory(made.root), in_memory(made.root, ranges=True)):
        assert (index.name, index.info, index.version) == (disk.name, disk.info, 2)
        assert list(index.rows) == list(disk.rows)
        assert index.private(keys) == disk.private(keys)
        assert index.private(keys)["source"] == "my own source"
        assert index.original(0, keys) == disk.original(0, keys) == (made.source / "names.csv").read_bytes()
        assert index.original(1, keys) is None
        for row in disk.rows:
            assert index.residue(row["residue"]) == disk.residue(row["residue"])
            for ring in (KEY, keys, keys.unit(row["unit"])):
                source = index.source_path(row, ring)
                assert source == disk.source_path(row, ring)
                assert (made.source / source).exists()
            with pytest.raises(WrongKey):
                index.source_path(row, keys.unit(1 - row["unit"]))
        assert index.residue(["none.bin", 0, 1]) == b""
    assert any(disk.source_path(row, KEY) != row["path"] for row in disk.rows)


CONTAINERS: dict[str, Callable[[Path], None]] = {
    "magic": lambda root: whole(root, lambda data: b"x" + data[1:]),
    "cut": lambda root: whole(root, lambda data: data[:-1]),
    "longer": lambda root: whole(root, lambda data: data + b"x"),
    "no manifest": lambda root: put(root, "manifest.jsonl", None),
    "no release.json": lambda root: put(root, "release.json", None),
    "rows": lambda root: put(root, "manifest.jsonl", lambda data: data.replace(b'"unit":0', b'"unit":7')),
    "field": lambda root: write_info(root, {k: v for k, v in info_of(root).items() if k != "parts"}),
    "codec": lambda root: write_info(root, info_of(root) | {"codec": "bmp"}),
    "format": lambda root: write_info(root, info_of(root) | {"format": "ripguard/v9"}),
}  # fmt: skip


def whole(root: Path, change: Callable[[bytes], bytes]) -> None:
    file = root / "release.ripguard"
    file.write_bytes(change(file.read_bytes()))


@pytest.mark.parametrize("how", CONTAINERS)
def test_the_same_refusals_of_containers(how, made):  # type: ignore[no-untyped-def]
    CONTAINERS[how](made.root)
    refusal = outcome(lambda: Release.open(made.root))
    assert refusal[0] is (NotProtected if how in ("format", "codec") else Damaged)
    data = (made.root / "release.ripguard").read_bytes()
    assert outcome(lambda: MemoryIndex.of_container(data, str(made.root))) == refusal


def test_rings_that_open_no_names(made):  # type: ignore[no-untyped-def]
    """A ring of somebody else's making has the keys of images alone: images keep their published paths."""

    class Plain:
        key_id = KEY.id

        def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
            return KEY.image_keys(dataset_id, unit, index)

    release = Release.open(made.root)
    assert all(release.source_path(row, Plain()) == row["path"] for row in release.rows)
