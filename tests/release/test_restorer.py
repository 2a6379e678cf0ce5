"""Restoring named bytes: what comes of them is what comes of files, with the owner's key and with less, and no file is
opened.
"""

from __future__ import annotations

import builtins
import hashlib
import io
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import flip_bit, tree_digest
from metadata import contained
from PIL import Image, ImageFile
from releases import FINGERPRINT, KEY, OTHER, RELEASES, VECTORS, files_of, golden, in_memory, info_of, sign, write_info
from vector_cases import CASES, arrange, fields

from ripguard.crypto.keys import DatasetKeys, Key, UnitKeys
from ripguard.errors import Damaged, NeedsRelease, RipguardError, SignatureInvalid, WrongKey
from ripguard.executor import Local
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.release.batches import in_batches, restore_files, split
from ripguard.release.index import MemoryIndex
from ripguard.release.manifest import Release
from ripguard.release.record import CONTAINER, META
from ripguard.release.restore import Restored, restore
from ripguard.release.restorer import RestoredImage, Restorer, read_header
from ripguard.release.verify import verify
from ripguard.release.worker import Opening
from ripguard.train.protected import ProtectedDataset

ANY = "any"  # signer


def dataset_keys(root: Path) -> DatasetKeys:
    return KEY.dataset(bytes.fromhex(info_of(root)["dataset_id"]))


def unit_keys(root: Path, label: str) -> UnitKeys:
    (unit,) = (i for i, one in enumerate(info_of(root)["units"]) if one["label"] == label)
    return dataset_keys(root).unit(unit)


def comes_back(one: RestoredImage) -> bytes:
    """Bytes of the file that `restore` would write."""
    assert one.error is None
    assert one.clean is not None
    return one.file[1] if one.file else png_bytes(one.clean)


def told(one: RestoredImage) -> tuple[str, int, str, str] | bytes:
    if one.error is None:
        return comes_back(one)
    return one.error.code, one.error.exit_code, one.error.args[0], one.error.hint


def refusal(error: RipguardError) -> tuple[str, int, str, str]:
    return error.code, error.exit_code, error.args[0], error.hint


def on_disk(image: Path, out: Path, key: Key, release: Path | None) -> tuple[str, int, str, str] | bytes:
    """What `restore` makes of one image: the file that it writes, or why not."""
    try:
        restore([image], out, key, release)
    except RipguardError as error:
        return refusal(error)
    (made,) = (path for path in out.rglob("*") if path.is_file())
    return made.read_bytes()


def from_bytes(image: Path, name: str, key: Key, release: Path | None) -> tuple[str, int, str, str] | bytes:
    """The same of its bytes."""
    try:
        index = in_memory(release) if release and not contained(release) else None
        if release and contained(release):
            index = MemoryIndex.of_container((release / CONTAINER).read_bytes(), str(release))
        restorer = Restorer(key, index)
    except RipguardError as error:
        return refusal(error)
    (one,) = restorer.restore_each([name], [image.read_bytes()], [str(image)])
    return told(one)


@pytest.mark.parametrize("name", RELEASES)
def test_vectors_end_as_on_disk(name, tmp_path):  # type: ignore[no-untyped-def]
    """Every vector of a golden release: the same bytes, or the same code, exit code, sentence and hint."""
    if "jxl" in name:
        pytest.importorskip("pillow_jxl", reason="needs the extra jxl")
    cases = [case for case in CASES if fields(case)["release"] == [name]]
    assert cases
    for case in cases:
        read, place = fields(case), tmp_path / case.stem
        place.mkdir()
        image, key_file = arrange(read, place)
        if not image.exists() or "names" in case.stem or read.get("remove") == [CONTAINER]:
            continue  # names are opened where files are written; without the container, its path is what is missing
        key, loose = Key.read(key_file), "loose" in read
        given = VECTORS / "releases" / name if loose and read["expect"][0] != "needs-release" else None
        disk = on_disk(image, place / "out", key, given)
        inside = "" if loose else read["picture"][0]
        assert from_bytes(image, inside, key, given if loose else place / "release") == disk, case.stem
        shutil.rmtree(place)


def spoil(root: Path) -> None:
    """Much that can befall the images of a release."""
    a, b = root / "train/a", root / "train/b"
    flip_bit(a / "rgb.png", 300, 6)
    (b / "flat.png").write_bytes((b / "flat.png").read_bytes()[:-30])
    (a / "odd.png").rename(b / "was odd.png")
    (b / "saturated.png").write_bytes((VECTORS / "releases/in-place/train/b/saturated.png").read_bytes())
    (a / "note.txt").write_text("no image")
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(a / "other.png")
    image = read_image(b / "tiny.png")
    Image.fromarray(np.tile(image[:1, :1], (200, 200, 1)).squeeze()).save(b / "tiny.png")


@pytest.mark.parametrize("name", ["ranked", "v1-seal", "v1-seal-model", "v1-tinted", "lossy"])
def test_a_spoilt_release_ends_as_on_disk(name, tmp_path):  # type: ignore[no-untyped-def]
    """All of it in one batch: what comes back is the same, what is refused is refused in the same words."""
    root, out = golden(name, tmp_path), tmp_path / "out"
    spoil(root)
    result = restore([root], out, KEY)
    files = {place: data for place, data in files_of(root).items() if place.endswith(".png")}
    what = [str(root / place) for place in files]
    found = Restorer(KEY, in_memory(root)).restore_each(list(files), list(files.values()), what)
    refused = {one["path"]: (one["code"], one["message"]) for one in result.refused if Path(one["path"]).exists()}
    assert {one.what: (one.error.code, one.error.args[0]) for one in found if one.error} == refused
    assert len(refused) >= 4
    back = {one.home: comes_back(one) for one in found if one.error is None}
    assert back == files_of(out)
    assert "train/a/odd.png" in back  # whose name was changed


@pytest.mark.parametrize("name", RELEASES)
@pytest.mark.parametrize("ranges", [False, True])
def test_no_file_is_opened(name, ranges, monkeypatch):  # type: ignore[no-untyped-def]
    """Record, residue, model and images are bytes."""
    if "jxl" in name:
        pytest.importorskip("pillow_jxl", reason="needs the extra jxl")
    root = VECTORS / "releases" / name
    clean = {line.split()[0]: line.split()[1:] for line in root.with_suffix(".clean").read_text().splitlines()}
    index, batch = in_memory(root, ranges), list(files_of(root).items())
    Restorer(KEY, index).restore(batch)  # what is imported at its first use is

    def closed(*given: Any, **more: Any) -> Any:
        raise AssertionError(f"a file is looked for: {given}")

    with monkeypatch.context() as patch:
        for module, function in (
            (builtins, "open"), (io, "open"), (io, "FileIO"), (os, "open"), (os, "stat"), (os, "lstat"),
            (os, "scandir"), (os, "listdir"),
        ):  # fmt: skip
            patch.setattr(module, function, closed)
        with pytest.raises(AssertionError, match="is looked for"):
            (root / META / "release.json").read_bytes()
        found = Restorer(KEY, index).restore(batch)
    assert [one.error for one in found] == [None] * len(clean)
    assert [one.home for one in found] == [place for place, _ in batch]
    for one in found:
        assert one.clean is not None
        if name != "lossy":
            digest, file = clean[one.home]
            header = "{} {} {}\n".format(*one.clean.shape).encode()
            assert hashlib.sha256(header + one.clean.tobytes()).hexdigest() == digest
            assert one.file is None or hashlib.sha256(one.file[1]).hexdigest() == file


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "scipy", "skimage", "matplotlib"):
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Blocked())
from pathlib import Path

import ripguard.release.restorer
from ripguard.crypto.keys import Key
from ripguard.release.index import MemoryIndex
from ripguard.release.restorer import Restorer

root = Path(sys.argv[1])
meta = root / ".ripguard"
shards = {path.name: path.read_bytes() for path in (meta / "residue").iterdir()}
names = sorted(path.relative_to(root).as_posix() for path in root.glob("train/*/*.png"))
batch = [(name, (root / name).read_bytes()) for name in names]
whole = ((meta / name).read_bytes() for name in ("release.json", "manifest.jsonl"))
index = MemoryIndex(*whole, shards, (meta / "model.bin").read_bytes())
restorer = Restorer(Key(bytes(range(32))), index)
restorer.restore(batch)
closed = []

def watch(event, arguments):
    if closed and event in ("open", "os.listdir", "os.scandir", "socket.connect", "subprocess.Popen"):
        raise AssertionError(f"{event} {arguments}")

sys.addaudithook(watch)
closed.append(True)
found = restorer.restore(batch)
loose = restorer.restore([("", data) for _, data in batch])
closed.clear()
assert all(one.error is None for one in found + loose), [one.error for one in found]
print(len(found))
"""


def test_heavy_libraries_and_files_are_not_touched():
    """In a process where importing torch, SciPy, scikit-image or matplotlib fails, and whose audit hook sees every file
    that any library opens.
    """
    root = VECTORS / "releases/v1-seal-model"
    done = subprocess.run([sys.executable, "-c", BLOCKED, root], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "6"), done.stderr


def test_names_and_loose_ones():
    """Without a name it is known by its samples, or by its own header; messages call it by its name, or an image."""
    root = VECTORS / "releases/v1-seal"
    files, index = files_of(root), in_memory(root)
    flat, rgb = files["train/b/flat.png"], files["train/a/rgb.png"]
    wanted = [comes_back(one) for one in Restorer(KEY, index).restore(list(files.items()))]
    loose = Restorer(KEY, index).restore([("", data) for data in files.values()])
    assert [(comes_back(one), one.home) for one in loose] == list(zip(wanted, files))
    alone = Restorer(KEY).restore([("", flat), ("x/y.png", rgb), ("", files["train/b/tiny.png"])])
    expected = dict(zip(files, wanted))
    assert [comes_back(one) for one in alone[:2]] == [expected["train/b/flat.png"], expected["train/a/rgb.png"]]
    assert str(alone[2].error).startswith("image: not a protected image")
    swapped = Restorer(KEY, index).restore([("train/b/flat.png", rgb), ("train/a/rgb.png", b"x")])
    assert [told(one)[2] for one in swapped] == [
        "train/b/flat.png: another image of the release has this name",
        "train/a/rgb.png: its file is damaged",
    ]
    assert Restorer(KEY).restore([]) == []


def test_original_files_have_names():
    """That of the row; of a loose one without a name its kind alone is known."""
    root = VECTORS / "releases/v1-seal-file"
    files = files_of(root)
    for names, index, wanted in (
        (list(files), in_memory(root), ["grey.jpg", "rgb.jpg"]), (["", ""], None, ["", "image.jpg"]),
    ):  # fmt: skip
        found = Restorer(KEY, index).restore(list(zip(names, files.values())))
        assert [one.file[0] if one.file else "" for one in found] == wanted


def test_only_bytes_are_taken(tmp_path):  # type: ignore[no-untyped-def]
    """A text would be the path of a file of whoever runs this."""
    path = shutil.copy(VECTORS / "releases/v1-seal/train/b/flat.png", tmp_path)
    for wrong in (str(path), Path(path), bytearray(Path(path).read_bytes())):
        with pytest.raises(TypeError, match="expected bytes, got"):
            Restorer(KEY).restore([("", wrong)])


def test_another_size_is_refused_before_it_is_decoded(monkeypatch):  # type: ignore[no-untyped-def]
    """Fifty million pixels in the place of 24×24: a batch is as large as the release says."""
    buffer = io.BytesIO()
    Image.new("RGB", (7000, 7000)).save(buffer, "PNG", compress_level=1)
    index = in_memory(VECTORS / "releases/ranked")

    decoded, real = [], ImageFile.ImageFile.load

    def counted(self: Any) -> Any:
        decoded.append(self.size)
        return real(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", counted)
    (one,) = Restorer(KEY, index).restore([("train/a/rgb.png", buffer.getvalue())])
    assert isinstance(one.error, Damaged)
    assert decoded == []
    Restorer(KEY, index).restore([("", buffer.getvalue())])  # of a loose one nobody knows the size
    assert set(decoded) == {(7000, 7000)}


@pytest.mark.parametrize("name", ["", "train/a/rgb.png"])
def test_bytes_are_bounded_as_files_are(name, monkeypatch):  # type: ignore[no-untyped-def]
    """More of them than an image has, and no beginning of one."""
    root = VECTORS / "releases/ranked"
    release, path = Release.open(root), root / "train/a/rgb.png"
    monkeypatch.setattr("ripguard.images.refusals.max_bytes", lambda: 100)
    monkeypatch.setattr("ripguard.images.gate.Image.open", None)  # nothing is given to a decoder
    (disk,) = restore_files(Restorer(KEY, release), [path], [name])
    (memory,) = Restorer(KEY, release).restore_each([name], [path.read_bytes()], [str(path)])
    assert told(memory) == told(disk)
    assert ("damaged" if name else "more bytes than an image of") in told(disk)[2]
    (other,) = Restorer(KEY, release).restore_each([name], [b"GIF89a"], ["x"])
    assert ("damaged" if name else "not a readable") in told(other)[2]


def test_files_are_held_one_at_a_time():
    """The bytes of a batch may be many times as large as its images."""
    alive = []

    class Held(bytes):
        def __del__(self) -> None:
            alive.pop()

    files = files_of(VECTORS / "releases/ranked")

    def read() -> Iterator[bytes]:
        for data in files.values():
            assert not alive, "another file is still held"
            alive.append(1)
            yield Held(data)

    index = in_memory(VECTORS / "releases/ranked")
    found = Restorer(KEY, index).restore_each(list(files), read(), list(files))
    assert [one.error for one in found] == [None] * 6


def test_batches_of_bytes_are_those_of_files():
    """Bounded in number and samples, by what the release or the file says."""
    root = VECTORS / "releases/ranked"
    release, files = Release.open(root), files_of(root)
    paths, many = [root / name for name in files], 100
    for names, index in ((list(files), release), ([""] * 6, release), ([""] * 6, None)):
        by_path = in_batches(paths * many, names * many, index)
        assert by_path == in_batches(list(files.values()) * many, names * many, index)
        assert sum(by_path) == 600
        assert by_path[0] == 256
    large = io.BytesIO()
    Image.new("L", (1000, 1000)).save(large, "PNG")
    assert in_batches([large.getvalue()] * 3, [""] * 3, None) == [1, 1, 1]
    assert in_batches([b"", b"x"], ["", ""], None) == [2]
    assert split([1, 2, 3], [1, 2]) == [[1], [2, 3]]


# --- with less than the owner's key


@pytest.mark.parametrize("name", ["ranked", "v1-seal", "v1-seal-model", "byte-exact"])
def test_with_the_key_of_the_release(name, tmp_path):  # type: ignore[no-untyped-def]
    """All of it, as with the owner's; nothing of another release."""
    root = VECTORS / "releases" / name
    keys = dataset_keys(root)
    result = restore([root], tmp_path / "a", keys)
    assert (result.units, result.refused) == (None, [])
    restore([root], tmp_path / "b", KEY)
    assert tree_digest(tmp_path / "a") == tree_digest(tmp_path / "b")
    report = verify(root, keys)
    assert (report.ok, report.restored) == (True, report.images)
    for wrong in (KEY.dataset(b"another!"), OTHER.dataset(keys.dataset_id)):
        with pytest.raises(WrongKey):
            restore([root], tmp_path / "no", wrong)
        with pytest.raises(WrongKey):
            verify(root, wrong)
    assert not (tmp_path / "no").exists()
    other = VECTORS / "releases/v1-ranked/train/a/rgb.png"
    (one,) = Restorer(keys).restore([("", (VECTORS / "releases/lossy/train/a/rgb.png").read_bytes())])
    assert isinstance(one.error, WrongKey)
    assert f"opens the release {keys.dataset_id.hex()} alone" in one.error.args[0]
    assert isinstance(Restorer(keys, in_memory(root)).restore([("", other.read_bytes())])[0].error, NeedsRelease)


@pytest.mark.parametrize("name", ["ranked", "v1-seal", "v1-tinted", "lossy"])
@pytest.mark.parametrize("label", ["a", "b"])
def test_with_the_key_of_a_unit(name, label, tmp_path):  # type: ignore[no-untyped-def]
    """The images of that unit, as if they alone had been asked for, from the folder of all and from bytes."""
    root = VECTORS / "releases" / name
    keys = unit_keys(root, label)
    result = restore([root], tmp_path / "a", keys, signer=ANY)
    assert (result.units, result.refused, result.restored, result.checked) == ([f"train/{label}"], [], 3, True)
    restore([root], tmp_path / "b", KEY, only=f"train/{label}/*")
    assert tree_digest(tmp_path / "a") == tree_digest(tmp_path / "b")
    files = files_of(root)
    for one, place in zip(Restorer(keys, in_memory(root)).restore(list(files.items())), files):
        if place.startswith(f"train/{label}/"):
            assert comes_back(one) == (tmp_path / "a" / place).read_bytes()
        else:
            assert isinstance(one.error, WrongKey)
            assert one.error.args[0].startswith(f"{place}: wrong key: this one opens unit {keys.unit} of its release")
            assert "owner" in one.error.hint


def test_which_images_the_key_of_a_unit_asks_for(tmp_path):  # type: ignore[no-untyped-def]
    """Of a folder its own; a file that is named is tried; only of its own the absence is told."""
    root = golden("v1-ranked", tmp_path)
    keys, out = unit_keys(root, "a"), tmp_path / "out"

    def names(result: Restored) -> list[tuple[str, str]]:
        return [(Path(one["path"]).name, one["code"]) for one in result.refused]

    def with_it(*paths: Path, **more: Any) -> Restored:
        shutil.rmtree(out, ignore_errors=True)
        return restore(list(paths), out, keys, signer=ANY, **more)

    with pytest.raises(WrongKey, match=r"opens train/a of .* no image of that was selected") as caught:
        with_it(root / "train/b")
    assert "owner" in caught.value.hint
    with pytest.raises(WrongKey, match=r"flat\.png: wrong key: this one opens unit 0"):
        with_it(root / "train/b/flat.png")
    both = with_it(root / "train/a", root / "train/b/flat.png")
    assert (both.restored, names(both)) == (3, [("flat.png", "wrong-key")])
    assert with_it(root, only="train/*/rgb.png").restored == 1
    assert with_it(root, loose=True).restored == 3
    (root / "train/b/flat.png").unlink()
    (root / "train/b/tiny.png").unlink()
    (root / "train/b/tiny.png").symlink_to("saturated.png")
    assert with_it(root).refused == []
    (root / "train/a/odd.png").unlink()
    assert names(with_it(root)) == [("odd.png", "verify-failed")]
    (root / "train/b/saturated.png").rename(root / "train/b/x.png")  # whose it is, only its samples say
    (root / "train/a/rgb.png").rename(root / "train/b/y.png")
    moved = with_it(root)
    assert [place for _, place in moved.moved] == ["train/a/rgb.png"]
    assert names(moved) == [("x.png", "wrong-key"), ("odd.png", "verify-failed")]


def test_units_of_other_releases(tmp_path):  # type: ignore[no-untyped-def]
    """Refused before any work, also where both are of one owner."""
    root, other = VECTORS / "releases/v1-ranked", VECTORS / "releases/v1-seal"
    with pytest.raises(WrongKey, match="opens no image of"):
        restore([root], tmp_path / "out", unit_keys(other, "a"), signer=ANY)
    with pytest.raises(WrongKey):
        Restorer(unit_keys(other, "a"), in_memory(root))
    stranger = OTHER.dataset(dataset_keys(root).dataset_id).unit(0)
    with pytest.raises(WrongKey, match="was protected with key"):
        restore([root], tmp_path / "out", stranger, signer=ANY)
    (one,) = Restorer(unit_keys(other, "a")).restore([("", files_of(root)["train/a/rgb.png"])])
    assert isinstance(one.error, WrongKey | NeedsRelease)
    assert not (tmp_path / "out").exists()


def test_below_a_release_that_has_nothing_to_do_with_it(tmp_path):  # type: ignore[no-untyped-def]
    """Loose images in a folder inside somebody's release come back with any ring that opens them."""
    root, loose = golden("v1-ranked", tmp_path), VECTORS / "releases/v1-seal"
    (root / "mine").mkdir()
    shutil.copy(loose / "train/b/flat.png", root / "mine/x.png")
    for number, ring in enumerate((KEY, dataset_keys(loose), unit_keys(loose, "b"))):
        result = restore([root / "mine"], tmp_path / str(number), ring)
        assert (result.restored, result.checked, result.units) == (1, False, None)


def test_loose_images_of_a_unit():
    """What carries itself needs nothing but that key."""
    root = VECTORS / "releases/v1-seal"
    files, keys = files_of(root), unit_keys(root, "b")
    mine, theirs = Restorer(keys).restore([("", files["train/b/flat.png"]), ("", files["train/a/rgb.png"])])
    assert mine.error is None
    assert "opens unit 1 of its release alone, not unit 0" in str(theirs.error)


def test_the_model_opens_with_the_key_of_the_release(tmp_path):  # type: ignore[no-untyped-def]
    """An image that is written with it does not come back with the key of its unit alone, and that is said."""
    root = VECTORS / "releases/v1-seal-model"
    names = {name: read_image(root / name) for name in files_of(root)}
    needs = {str(root / name) for name, one in names.items() if one.size > 400 and read_header(one).needs_model}
    assert needs
    paths = [root / name for name in names]
    for label in "ab":
        found = restore_files(Restorer(unit_keys(root, label), Release.open(root)), paths, list(names))
        mine = [one for one in found if f"/train/{label}/" in one.what]
        assert {one.what for one in mine if one.error} == {path for path in needs if f"/train/{label}/" in path}
        for one in mine:
            if one.error:
                assert isinstance(one.error, WrongKey)
                assert "the codec model of its release, which the key of a unit does not open" in one.error.args[0]
                assert "whole release" in one.error.hint


def test_a_unit_takes_the_word_of_a_signer_who_is_named(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Its key proves nothing of the manifest: of an unsigned release, or an unknown signer's, that must be said."""
    root = golden("v1-ranked", tmp_path)
    keys, out = unit_keys(root, "a"), tmp_path / "out"
    for made in (root, sign(root)):
        with pytest.raises(SignatureInvalid, match="no signer is given"):
            restore([made], out, keys)
        with pytest.raises(SignatureInvalid, match="no signer is given"):
            ProtectedDataset(made, keys)
    assert restore([root], out, keys, signer=FINGERPRINT).signer == FINGERPRINT
    monkeypatch.setenv("RIPGUARD_SIGNER", FINGERPRINT)
    assert ProtectedDataset(root, keys).units == ["train/a"]
    monkeypatch.undo()
    write_info(root, {k: v for k, v in info_of(root).items() if k != "signature"})
    with pytest.raises(SignatureInvalid, match="is unsigned, expected"):
        restore([root], tmp_path / "no", keys, signer=FINGERPRINT)
    with pytest.raises(WrongKey, match="opens single units"):
        verify(root, keys, signer=FINGERPRINT)


def test_several_processes(tmp_path):  # type: ignore[no-untyped-def]
    """Rings travel to them."""
    root = tmp_path / "many"
    shutil.copytree(VECTORS / "releases/v1-seal", root)
    from ripguard.release import batches

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH_FILES", 2)
        result = restore([root], tmp_path / "out", unit_keys(root, "a"), signer=ANY, executor=Local(2))
    assert (result.restored, result.refused, result.units) == (3, [], ["train/a"])


def test_a_manifest_that_is_exchanged_meanwhile(tmp_path):  # type: ignore[no-untyped-def]
    """A process that opens the release for itself works on the one that was checked."""
    root = golden("v1-ranked", tmp_path)
    opening = pickle.loads(pickle.dumps(Opening(KEY, Release.open(root))))
    assert opening().with_key.prover is not None
    opening = pickle.loads(pickle.dumps(opening))
    manifest, info = root / META / "manifest.jsonl", info_of(root)
    manifest.write_bytes(b" " + manifest.read_bytes())
    write_info(root, info | {"manifest": hashlib.sha256(manifest.read_bytes()).hexdigest()})
    with pytest.raises(Damaged, match="changed while it was being read"):
        opening()


# --- training


def test_a_dataset_with_less_than_the_owners_key(tmp_path):  # type: ignore[no-untyped-def]
    """The images that the ring opens, under the class numbers of the whole release."""
    root = VECTORS / "releases/v1-ranked"
    whole = ProtectedDataset(root, KEY)
    same = ProtectedDataset(root, dataset_keys(root))
    assert (whole.names, whole.units) == (same.names, None)
    for one, other in zip(whole.images(range(6)), same.images(range(6))):
        np.testing.assert_array_equal(one, other)
    part = ProtectedDataset(root, unit_keys(root, "b"), signer=ANY)
    assert part.names == [name for name in whole.names if name.startswith("train/b/")]
    assert (part.classes, set(part.targets), part.units) == (["a", "b"], {1}, ["train/b"])
    again = pickle.loads(pickle.dumps(part))
    for one, other in zip(again.images(range(3)), whole.images(range(3, 6))):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(WrongKey):
        ProtectedDataset(root, unit_keys(VECTORS / "releases/v1-seal", "a"), signer=ANY)


def test_a_dataset_of_a_split_that_the_key_does_not_open(tmp_path):  # type: ignore[no-untyped-def]
    root = golden("v1-ranked", tmp_path)
    info = info_of(root)
    info["units"][1]["split"] = "test"
    write_info(root, info)
    keys = unit_keys(root, "a")
    with pytest.raises(WrongKey, match=r"opens train/a of .* no image of split 'test'"):
        ProtectedDataset(root, keys, split="test", signer=ANY)


def test_a_dataset_is_of_the_manifest_that_it_was_made_from(tmp_path):  # type: ignore[no-untyped-def]
    """A worker opens the release again."""
    root = golden("v1-ranked", tmp_path)
    stored = pickle.dumps(ProtectedDataset(root, unit_keys(root, "a"), signer=ANY))
    shutil.rmtree(root)
    golden("ranked", tmp_path).rename(root)
    with pytest.raises(Damaged, match="changed after this dataset was made"):
        pickle.loads(stored).images([0])


def test_equal_images_are_one_for_whoever_can_compare(made):  # type: ignore[no-untyped-def]
    """Two equal clean images look the same when published: no proof shows it any more, the restored images do."""
    loose = made.place / "x.png"
    shutil.copy(made.root / "a/same.png", loose)
    restore([loose], made.place / "out", KEY, made.root)
    np.testing.assert_array_equal(read_image(made.place / "out/x.png"), read_image(made.source / "a/same.png"))
    with pytest.raises(Damaged, match="two images of the release look the same"):
        restore([loose], made.place / "unit", made.unit("a"), made.root, signer=ANY)
