"""Two outcomes only: exact, or refused with a code and a sentence. Wrong key, damage, not protected: three errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import call, flip_bit, good, refused
from metadata import info_of, part, put, residue_names, write_info
from PIL import Image, ImageFilter

from ripguard.crypto.keys import Key
from ripguard.release.record import CONTAINER


def test_wrong_keys_leave_nothing(world, tmp_path):  # type: ignore[no-untyped-def]
    """A random key, one bit off, another release's key: exit 4, told by the key id, no output."""
    number = int.from_bytes(Key.read(world.key).secret, "big")
    for name, key in (("random", Key.generate()), ("one bit off", Key((number ^ 1).to_bytes(32, "big")))):
        key.write(tmp_path / name)
        message = refused(4, "restore", world.release, tmp_path / "out", "--key-file", tmp_path / name)
        assert key.id.hex() in message
        assert Key.read(world.key).id.hex() in message
        assert not (tmp_path / "out").exists()
        refused(4, "verify", world.release, "--key-file", tmp_path / name)
        image = world.release / "train/cup/0.png"
        loose = Path(shutil.copy(image, tmp_path / "loose.png"))
        refused(4, "restore", loose, tmp_path / "out", "--key-file", tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["loose.png", "one bit off", "random"]


def test_three_errors(world, copy, tmp_path):  # type: ignore[no-untyped-def]
    """Damaged where the manifest knows the image; else not protected, or in need of its release."""
    flip_bit(copy / "train/cup/0.png")
    refused(5, "restore", copy / "train/cup/0.png", tmp_path / "out", "--key-file", world.key)
    plain = world.source / "train/cup/0.png"
    refused(6, "restore", plain, tmp_path / "out", "--key-file", world.key)
    refused(6, "inspect", plain)
    loose = shutil.copy(world.release / "train/cup/1.png", tmp_path / "x.png")
    refused(12, "restore", loose, tmp_path / "out", "--key-file", world.key)
    refused(6, "restore", tmp_path / "nowhere", tmp_path / "out", "--key-file", world.key)
    refused(6, "verify", world.source)
    assert not (tmp_path / "out").exists()


def test_one_damaged_image_does_not_stop_the_others(world, copy, tmp_path):  # type: ignore[no-untyped-def]
    """The good ones come back, the bad one is listed and left out, exit 5."""
    flip_bit(copy / "train/cup/0.png")
    code, out, _ = call("restore", copy, tmp_path / "out", "--key-file", world.key, "--json")
    result = json.loads(out)
    assert (code, result["restored"]) == (5, 29)
    assert [Path(r["path"]).name for r in result["refused"]] == ["0.png"]
    assert not (tmp_path / "out/train/cup/0.png").exists()


@pytest.mark.parametrize("edit", ["jpeg", "resize", "crop", "blur", "flip", "rotate", "posterise", "gamma"])
def test_lossy_edits_are_refused(world, tmp_path, edit):  # type: ignore[no-untyped-def]
    """No edit of the samples restores to anything, loose or in place."""
    image = Image.open(world.release / "train/cup/0.png")
    edits = {
        "resize": lambda: image.resize((64, 64)).resize((32, 32)),
        "crop": lambda: image.crop((0, 0, 31, 32)),
        "blur": lambda: image.filter(ImageFilter.GaussianBlur(0.7)),
        "flip": lambda: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "rotate": lambda: image.rotate(90),
        "posterise": lambda: image.point(lambda v: v & 0xF0),
        "gamma": lambda: image.point(lambda v: int(255 * (v / 255) ** 0.9)),
    }
    for quality in (100, 90, 10) if edit == "jpeg" else (0,):
        loose = tmp_path / ("x.jpg" if edit == "jpeg" else "x.png")
        if edit == "jpeg":
            image.save(loose, quality=quality, subsampling=0)
        else:
            edits[edit]().save(loose)
        code, _, err = call("restore", loose, tmp_path / "out", "--key-file", world.key, "--release", world.release)
        assert code in (5, 6), err
        assert not (tmp_path / "out").exists()


def test_every_truncation_is_refused(world, tmp_path):  # type: ignore[no-untyped-def]
    """The file of a protected image cut at any length."""
    from ripguard.release.manifest import Release
    from ripguard.release.restorer import Restorer

    restorer = Restorer(Key.read(world.key), Release.open(world.release))
    data = (world.release / "train/cup/0.png").read_bytes()
    outcomes = restorer.restore([("", data[:length]) for length in range(0, len(data), 3)])
    assert all(one.error is not None and one.clean is None for one in outcomes)


def test_verify_lists_exactly(world, copy):  # type: ignore[no-untyped-def]
    """Swapped, missing, extra, changed, renamed and re-encoded images, annotations and residue: each on its list."""
    train = copy / "train"
    (train / "cup/0.png").rename(copy / "t")
    (train / "face/0.png").rename(train / "cup/0.png")
    (copy / "t").rename(train / "face/0.png")
    (train / "cup/1.png").unlink()
    (train / "cup/2.png").rename(train / "cup/new.png")
    flip_bit(train / "cup/3.png")
    Image.open(train / "cup/4.png").save(train / "cup/4.png", compress_level=0)
    (copy / "labels.csv").write_text("other")
    code, out, _ = call("verify", copy, "--json")
    report = json.loads(out)
    assert code == 10
    assert report["swapped"] == ["train/cup/0.png", "train/face/0.png"]
    assert report["missing"] == ["train/cup/1.png"]
    assert report["renamed"] == ["train/cup/2.png → train/cup/new.png"]
    assert report["extra"] == []
    assert report["changed"] == ["train/cup/3.png"]
    assert report["reencoded"] == ["train/cup/4.png"]
    assert report["annotations"] == ["labels.csv"]
    code, out, _ = call("verify", copy, "--json", "--key-file", world.key)
    assert (code, json.loads(out)["restored"]) == (10, 25)


def test_swapped_images_are_not_restored_under_wrong_names(world, copy, tmp_path):  # type: ignore[no-untyped-def]
    """Exchanging two files would exchange their labels: both are refused."""
    a, b, t = copy / "train/cup/0.png", copy / "train/face/0.png", copy / "t"
    a.rename(t), b.rename(a), t.rename(b)
    code, out, _ = call("restore", copy, tmp_path / "out", "--key-file", world.key, "--json")
    assert (code, len(json.loads(out)["refused"])) == (5, 2)


def test_damaged_residue(world, copy, tmp_path):  # type: ignore[no-untyped-def]
    """A flipped byte in a residue shard: verify names the shard, its image is refused."""
    shard = residue_names(copy)[0]
    put(copy, shard, lambda data: data[:5] + bytes([data[5] ^ 1]) + data[6:])
    code, out, _ = call("verify", copy, "--json")
    assert (code, json.loads(out)["residue"]) == (10, [shard.removeprefix("residue/")])
    code, out, _ = call("restore", copy, tmp_path / "out", "--key-file", world.key, "--json")
    assert (code, json.loads(out)["restored"]) == (5, 29)


def test_edited_manifest_and_release(world, copy, tmp_path):  # type: ignore[no-untyped-def]
    """The manifest is bound to release.json, and that to key and signature."""
    manifest, release = part(copy, "manifest.jsonl"), part(copy, "release.json")
    put(copy, "manifest.jsonl", manifest.replace(b"train/cup/0.png", b"train/face/9.png"))
    refused(5, "verify", copy)
    put(copy, "manifest.jsonl", manifest)
    put(copy, "release.json", release.replace(b'"cup"', b'"dog"'))
    refused(5, "restore", copy, tmp_path / "out", "--key-file", world.key)
    refused(11, "verify", copy)
    put(copy, "release.json", release.replace(b"ripguard/v2", b"ripguard/v9"))
    refused(6, "verify", copy)
    put(copy, "release.json", release.replace(b'"codec": "png"', b'"codec": "jxl"'))
    assert "this ripguard reads png" in refused(6, "verify", copy)
    put(copy, "release.json", release[:100])
    refused(5, "inspect", copy)


def test_parts_of_two_releases_do_not_mix(world, tmp_path):  # type: ignore[no-untyped-def]
    """An older manifest, residue or release.json under newer images, and the other way round: refused, both ways."""
    second = tmp_path / "second"
    world.protect(second, "--seed", "1", "--restart")
    for name in ("manifest.jsonl", "release.json", "residue/000000.bin", "names/3", "private", CONTAINER):
        for number, (base, other) in enumerate(((world.release, second), (second, world.release))):
            mixed = Path(shutil.copytree(base, tmp_path / f"{name.replace('/', '-')}-{number}"))
            if name == CONTAINER:
                shutil.copyfile(other / name, mixed / name)
            else:
                put(mixed, name, part(other, name))
            if name == "private":  # restoring does not read it
                assert call("inspect", mixed, "--key-file", world.key)[0] == 5
                assert call("verify", mixed)[0] == 10
                continue
            code, _, said = call("restore", mixed, tmp_path / "out", "--key-file", world.key)
            assert code in (5, 12), (name, code, said)
            if name not in ("residue/000000.bin", "names/3"):  # these cost the images of their shard or unit
                same = ["tiny.png"] if name == CONTAINER else []  # it carries nothing, and is the same in both
                assert [path.name for path in (tmp_path / "out").rglob("*.png")] == same
            assert call("verify", mixed)[0] in (5, 10)
            shutil.rmtree(tmp_path / "out", ignore_errors=True)


def test_signer(world, copy, tmp_path):  # type: ignore[no-untyped-def]
    """verify --signer F: right, wrong, and unsigned."""
    signer = good("verify", world.release)["signer"]
    good("verify", world.release, "--signer", signer)
    refused(11, "verify", world.release, "--signer", "ripguard-signer-somebodyelse")
    info = info_of(copy)
    del info["signature"]
    write_info(copy, info)
    assert good("verify", copy)["signer"] is None
    refused(11, "verify", copy, "--signer", signer)


def test_outputs_in_the_way(world, tmp_path):  # type: ignore[no-untyped-def]
    """An existing output, the source itself, a folder in it or around it, by any spelling: exit 8, nothing touched."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("x")
    link = tmp_path / "link"
    link.symlink_to(world.source)
    more = ("--key-file", world.key, "--perturb", "none")
    places = (
        tmp_path / "full",
        world.source,
        world.source / "x",
        world.source / ".." / "source",
        link / "y",
        world.root,
    )
    for out in places:
        refused(8, "protect", world.source, out, *more)
        refused(8, "restore", world.release, world.release / "z", "--key-file", world.key)
    assert (tmp_path / "full/x").read_text() == "x"


def test_keys_in_the_wrong_place(world, tmp_path):  # type: ignore[no-untyped-def]
    """A key inside source or output, readable by others, missing, or not a key: exit 7."""
    source = Path(shutil.copytree(world.source, tmp_path / "source"))
    shutil.copy(world.key, source / "k.txt")
    (source / "k.txt").chmod(0o600)
    refused(7, "protect", source, tmp_path / "out", "--key-file", source / "k.txt", "--perturb", "none")
    readable = Path(shutil.copy(world.key, tmp_path / "k"))
    readable.chmod(0o644)
    refused(7, "restore", world.release, tmp_path / "out", "--key-file", readable)
    refused(7, "restore", world.release, tmp_path / "out", "--key-file", tmp_path / "none")
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "junk").chmod(0o600)
    refused(7, "restore", world.release, tmp_path / "out", "--key-file", tmp_path / "junk")
    refused(2, "restore", world.release, tmp_path / "out")


def test_sources_that_cannot_be_kept(world, tmp_path):  # type: ignore[no-untyped-def]
    """Images of other kinds, links, unknown files, a release, an empty folder: exit 3 by name, before any work."""
    more = (tmp_path / "out", "--key-file", world.key, "--perturb", "none")
    for number, spoil in enumerate(("page", "link", "unknown", "empty", "layers")):
        source = tmp_path / str(number)
        (source / "a").mkdir(parents=True)
        if spoil != "empty":
            shutil.copy(world.source / "train/cup/0.png", source / "a/0.png")
        if spoil == "page":
            (source / "a/bad.png").write_text("<html>not found</html>")
        elif spoil == "link":
            (source / "a/bad.png").symlink_to(world.source / "train/cup/0.png")
        elif spoil == "unknown":
            np.save(source / "a/bad.npy", np.zeros(3))
        elif spoil == "layers":
            (source / "a/bad.psd").write_bytes(b"8BPS")
        message = refused(3, "protect", source, *more)
        assert "bad" in message or spoil == "empty"
    refused(3, "protect", world.release, *more)
    refused(3, "protect", tmp_path / "nowhere", *more)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / ".out.ripguard-partial").exists()


def test_wrong_options(world, tmp_path):  # type: ignore[no-untyped-def]
    """Names that do not exist: exit 2, and the message lists those that do."""
    for wrong in (
        ("--scheme", "x"), ("--perturb", "x"), ("--target", "x"), ("--layer", "x", "--perturb", "fsp"),
        ("--pairing", "x"), ("--cells", "3"), ("--size", "99"), ("--eps", "2"), ("--device", "x"),
    ):  # fmt: skip
        message = refused(2, "protect", world.source, tmp_path / "out", "--key-file", world.key, *wrong)
        assert "expected" in message


def test_options_without_effect(world, tmp_path):  # type: ignore[no-untyped-def]
    """An option that the perturbation has no use for is refused, not passed over."""
    out = ("protect", world.source, tmp_path / "out", "--key-file", world.key)
    for perturb, option in (
        ("marks", ("--steps", "3")), ("marks", ("--surrogates", "2")), ("marks", ("--through", "jpeg")),
        ("tap", ("--no-sink",)), ("lsp", ("--cells", "2")), ("tap", ("--layer", "stage3")), ("lsp", ("--eps", "0.05")),
        ("lsp", ("--surrogate-share", "0.5")), ("noise", ("--target", "opposite")),
        ("marks", ("--coarse",)), ("em", ("--surrogate-epochs", "2")), ("em", ("--surrogate", "x")),
        ("layered", ("--layer", "stage3")),
    ):  # fmt: skip
        message = refused(2, *out, "--perturb", perturb, *option)
        assert " is an option of" in message
        assert message.splitlines()[0].endswith(f"this is --perturb {perturb}")
    message = refused(2, *out, "--perturb", "tap", "--surrogate", "x", "--surrogates", "2")
    assert "--ensemble-size and --surrogate-epochs would change nothing" in message
    assert not (tmp_path / "out").exists()
