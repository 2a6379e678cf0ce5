"""Write the golden releases and the vectors beside this file. Run once for each version of the format:

    python tests/vectors/make.py

Existing files are never overwritten: what was published must restore for ever. Remove a file to make it anew.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image, ImageFilter

from ripguard.codecs.interlaced import networks
from ripguard.crypto.keyfile import PREFIX, encode_secret
from ripguard.crypto.keys import Key
from ripguard.data.registry import open_source
from ripguard.hide import lsb
from ripguard.hide.header import Header
from ripguard.hide.mrit.transform import LENGTH
from ripguard.hide.seal.method import LENGTH as SEAL_LENGTH
from ripguard.hide.seal.method import places_of
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.perturb.base import Perturbation
from ripguard.release.manifest import Release
from ripguard.release.plan import make_plan
from ripguard.release.protect import protect
from ripguard.release.record import CONTAINER, META
from ripguard.schemes import SCHEMES
from ripguard.schemes.base import Run
from ripguard.schemes.two_axis import TwoSteps
from ripguard.store.container import Part, pieces, slices

HERE = Path(__file__).resolve().parent
KEYS = {
    "right": bytes(range(32)),
    "other": bytes(range(1, 33)),
    "one-bit-off": bytes([1, *range(1, 32)]),
}


class Noise(Perturbation):
    """Carriers that differ from the clean image by up to 20 levels, from each image's own seed."""

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        noise = [np.random.default_rng(int(s)).integers(-20, 21, one.shape) for s, one in zip(seeds, clean)]
        return np.clip(clean.astype(int) + np.stack(noise), 0, 255).astype(np.uint8)


def crop(index: int, height: int, width: int) -> np.ndarray:
    """uint8 ``[height, width, 3]`` of a photograph."""
    photograph = (skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee())[index % 3]
    y, x = (37 * index) % (photograph.shape[0] - height), (53 * index) % (photograph.shape[1] - width)
    return np.ascontiguousarray(photograph[y : y + height, x : x + width])


def source(place: Path, jpeg: bool, tiny: int = 3) -> Path:
    """Two classes; RGB, gray, odd, tiny (of so many channels), flat and saturated images, or JPEG files."""
    images = {
        "a/rgb": crop(1, 24, 24), "a/grey": crop(2, 24, 24)[:, :, :1], "a/odd": crop(3, 13, 21),
        "b/tiny": crop(4, 3, 2)[:, :, :tiny], "b/flat": np.full((24, 24, 3), 200, np.uint8),
        "b/saturated": (crop(5, 24, 24) > 120).astype(np.uint8) * 255,
    }  # fmt: skip
    for name, image in images.items():
        path = place / "train" / f"{name}.{'jpg' if jpeg else 'png'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not jpeg:
            path.write_bytes(png_bytes(image))
        elif name in ("a/rgb", "a/grey"):
            Image.fromarray(image.squeeze()).save(path, quality=90)
    return place


RELEASES = {
    "in-place": ({"pairing": "in-place"}, {}),
    "sd-rank": ({"pairing": "sd-rank", "step": 4}, {}),
    "sd-classes": ({"pairing": "sd-classes", "size": 4, "overflow": 8, "tile": 1024}, {}),
    "assignment": ({"pairing": "assignment", "size": 3}, {}),
    "ranked": ({"pairing": "ranked"}, {}),
    "byte-exact": ({"pairing": "ranked"}, {"byte_exact": True}),
    "lossy": ({"pairing": "ranked"}, {"lossy": True}),
    # the ones above are of format v0, these of v1
    "v1-ranked": ({"pairing": "ranked"}, {}),
    "v1-seal": ({"scheme": "seal", "allow_residue": True}, {}),
    "v1-seal-file": ({"scheme": "seal", "coders": ("file",), "allow_residue": True}, {"byte_exact": True}),
    "v1-seal-xz": ({"scheme": "seal", "coders": ("xz",), "allow_residue": True}, {}),
    "v1-seal-jxl": ({"scheme": "seal", "coders": ("jxl",), "planes": 8, "allow_residue": True}, {}),
    "v1-tinted": ({"pairing": "ranked", "tint": True}, {}),
    "v1-seal-tinted": ({"scheme": "seal", "allow_residue": True, "tint": True}, {}),
    "v1-seal-model": ({"scheme": "seal", "coders": ("interlaced",), "planes": 8, "allow_residue": True}, {}),
    "v2-ranked": ({"pairing": "ranked"}, {}),
    "v2-byte-exact": ({"pairing": "ranked"}, {"byte_exact": True}),
    "v2-seal": ({"scheme": "seal", "allow_residue": True}, {}),
    "v2-seal-file": ({"scheme": "seal", "coders": ("file",), "allow_residue": True}, {"byte_exact": True}),
    "v2-tinted": ({"pairing": "ranked", "tint": True}, {}),
    "v2-seal-tinted": ({"scheme": "seal", "allow_residue": True, "tint": True}, {}),
    "v2-seal-model": ({"scheme": "seal", "coders": ("interlaced",), "planes": 8, "allow_residue": True}, {}),
    "v2-rdh": ({"scheme": "rdh", "size": 4}, {}),
    "v2-rit": ({"scheme": "rit", "size": 4, "layers": 3}, {}),
    "v2-rdh-file": ({"scheme": "rdh", "size": 4}, {"byte_exact": True}),
    "v2-rdh-tinted": ({"scheme": "rdh", "size": 8, "tint": True}, {}),
    "v2-rit-tinted": ({"scheme": "rit", "size": 8, "layers": 3, "tint": True}, {}),
}
REVERSIBLE = {"v2-rdh": 39, "v2-rit": 42}  # bytes of the header


def some_model() -> bytes:
    """A model file of the small-image coder with random weights: a bad predictor, and as good a test as any."""
    draw, predictors = np.random.default_rng(0), {}
    for place in networks.places(3):
        sizes = networks.shapes(3, 4, *place[1:])
        weights = [draw.integers(-64, 64, size).astype(np.float32) for size in sizes]
        predictors[place] = networks.Predictor(weights, [np.zeros((size[0], 1), np.float32) for size in sizes])
    return networks.pack(networks.Model(3, 4, predictors))


def make_release(name: str) -> None:
    options, flags = RELEASES[name]
    with tempfile.TemporaryDirectory() as place:
        tree = source(Path(place) / "source", flags.get("byte_exact", False), 1 if options.get("tint") else 3)
        own = {name: value for name, value in options.items() if name != "scheme"}
        scheme = SCHEMES[options.get("scheme", "mrit")].with_options(own)
        plan = make_plan(open_source(str(tree)), scheme, **flags)
        out = HERE / "releases" / name
        model = some_model() if name.endswith("seal-model") else b""
        noisy = functools.partial(TwoSteps, plan.scheme, Noise(plan.scheme.perturb), Run(lossy=plan.lossy, model=model))
        protect(plan, noisy, Key(KEYS["right"]), out, model=model)
        lines = []
        for item in sorted(tree.rglob("*.*")):
            image = read_image(item)
            at = item.relative_to(tree).with_suffix(".png").as_posix()
            lines.append(f"{at} {samples(image)} {hashlib.sha256(item.read_bytes()).hexdigest()}\n")
        (HERE / "releases" / f"{name}.clean").write_text("".join(lines))


def carried(image: np.ndarray, length: int) -> bytes:
    """The first bytes that stand in the low bits of one image: its header, where ``length`` is that."""
    return lsb.read(image[None], np.array([length]))[0]


def samples(image: np.ndarray) -> str:
    """SHA-256 of ``height width channels`` in ASCII, a newline, and the samples in raster order, channels last."""
    return hashlib.sha256("{} {} {}\n".format(*image.shape).encode() + image.tobytes()).hexdigest()


@dataclass
class Vector:
    """One file: a golden release, what is done to it, which image is asked for with which key, and the outcome."""

    name: str
    about: str
    expect: str
    release: str = "ranked"
    image: str = "train/a/rgb.png"
    key: str = "right"
    put: tuple[tuple[str, bytes], ...] = ()
    remove: tuple[str, ...] = ()
    loose: bool = False

    def text(self) -> str:
        lines = [f"about: {self.about}", f"expect: {self.expect}", f"release: {self.release}", f"key: {self.key}"]
        lines += [f"remove: {path}" for path in self.remove]
        lines += [f"put: {path} {base64.b64encode(data).decode()}" for path, data in self.put]
        lines += [f"{'loose' if self.loose else 'picture'}: {self.image}"]
        return "\n".join(lines) + "\n"


@functools.cache
def release(name: str) -> Release:
    return Release.open(HERE / "releases" / name)


def row_of(name: str, path: str) -> dict[str, Any]:
    row = release(name).rows.at(path)
    assert row
    return row


def published(name: str = "ranked", path: str = "train/a/rgb.png") -> np.ndarray:
    return read_image(HERE / "releases" / name / path)


def flipped(sample: int, bit: int, name: str = "ranked", path: str = "train/a/rgb.png") -> bytes:
    """The image's file with one bit of one sample changed."""
    image = published(name, path).copy()
    image.reshape(-1)[sample] ^= np.uint8(1 << bit)
    return png_bytes(image)


def with_header(
    offset: int, value: bytes, name: str = "ranked", length: int = LENGTH, path: str = "train/a/rgb.png"
) -> bytes:
    """The image's file with header bytes replaced."""
    image = published(name, path)
    header = bytearray(carried(image, length))
    header[offset : offset + len(value)] = value
    return png_bytes(lsb.replace(image[None], [bytes(header)])[0][0])


def saved(kind: str, image: np.ndarray | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    pil = Image.fromarray((published() if image is None else image).squeeze())
    pil.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def edited(kind: str, name: str = "ranked") -> np.ndarray:
    """The image after an edit that loses something."""
    image = Image.fromarray(published(name))
    match kind:
        case "crop":
            image = image.crop((1, 0, 24, 24))
        case "resize there and back":
            image = image.resize((48, 48)).resize((24, 24))
        case "blur":
            image = image.filter(ImageFilter.GaussianBlur(1))
        case "mirror":
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        case "quarter turn":
            image = image.transpose(Image.Transpose.ROTATE_90)
        case "grey":
            image = image.convert("L").convert("RGB")
        case "posterise":
            image = Image.fromarray(published(name) & 0xF8)
        case "gamma":
            image = Image.fromarray((255 * (published(name) / 255) ** 0.9).astype(np.uint8))
    return np.asarray(image)


def exact() -> Iterator[Vector]:
    """Positive ones: images of the golden releases, and what loses nothing. (All of them: ``*.clean``.)"""
    for name in RELEASES:
        wanted = "lossy" if name == "lossy" else "exact"
        for path in (row["path"] for row in release(name).rows if name == "ranked" or row["path"] == "train/a/rgb.png"):
            yield Vector(f"golden-{name}-{Path(path).stem}", f"as published: {path}", wanted, name, path)
    own = "train/a/rgb.png"
    for kind in ("BMP", "TIFF", "PPM"):
        yield Vector(f"loose-{kind.lower()}", f"a lossless copy as {kind}", "exact",
                     put=(("x." + kind.lower(), saved(kind)),), image="x." + kind.lower(), loose=True)  # fmt: skip
    yield Vector("loose-webp", "a lossless copy as WebP", "exact", put=(("x.webp", saved("WEBP", lossless=True)),),
                 image="x.webp", loose=True)  # fmt: skip
    yield Vector(
        "png-level", "the same samples, compressed otherwise", "exact", put=((own, saved("PNG", compress_level=1)),)
    )
    yield Vector("png-text", "a text chunk was added", "exact", put=((own, with_text()),))
    yield Vector(
        "png-garbage", "bytes behind the end of the file", "exact", put=((own, png_bytes(published()) + b"x"),)
    )
    yield Vector("renamed", "a loose copy under another name", "exact", put=(("train/z.png", png_bytes(published())),),
                 image="train/z.png")  # fmt: skip


def with_text() -> bytes:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", "hello")
    return saved("PNG", pnginfo=info)


def changed_samples() -> Iterator[Vector]:
    own, image = "train/a/rgb.png", published()
    header = row_of("ranked", own)
    length = Header.unpack(carried(image, LENGTH)).length
    payload = 8 * (LENGTH + length)
    places = {"header": 8 * LENGTH // 2, "tag": 8 * LENGTH + 3, "sealed": 8 * LENGTH + 200, "last": payload - 1}
    for name, position in places.items():
        sample, plane = position % image.size, position // image.size
        yield Vector(
            f"flip-{name}", f"one bit of the payload flipped: {name}", "damaged", put=((own, flipped(sample, plane)),)
        )
    for plane in range(max(header["planes"], 2), 8):
        for sample in (0, image.size - 1):
            about = f"bit {plane} of sample {sample} flipped, outside the payload"
            yield Vector(f"flip-plane{plane}-{sample}", about, "damaged", put=((own, flipped(sample, plane)),))
    for name in ("in-place", "sd-rank", "sd-classes", "assignment", "byte-exact"):
        about = f"one high bit flipped in an image of {name}"
        yield Vector(f"flip-{name}", about, "damaged", name, put=((own, flipped(777, 6, name)),))
    for path in ("train/b/tiny.png", "train/b/flat.png", "train/a/grey.png"):
        about = f"one high bit flipped in {path}"
        yield Vector(f"flip-{Path(path).stem}", about, "damaged", image=path, put=((path, flipped(5, 7, path=path)),))
    for kind in ("crop", "resize there and back", "blur", "mirror", "quarter turn", "grey", "posterise", "gamma"):
        yield Vector(f"edit-{kind.replace(' ', '-')}", kind, "damaged", put=((own, png_bytes(edited(kind))),))
        yield Vector(f"edit-{kind.replace(' ', '-')}-loose", f"{kind}, without the release", "refused",
                     put=(("x.png", png_bytes(edited(kind))),), image="x.png", loose=True)  # fmt: skip
    for quality in (10, 50, 95, 100):
        data = saved("JPEG", quality=quality, subsampling=0)
        yield Vector(f"jpeg-{quality}", f"JPEG, quality {quality}", "damaged", put=((own, data),))
    yield Vector("webp-lossy", "lossy WebP", "damaged", put=((own, saved("WEBP", quality=100)),))


def headers() -> Iterator[Vector]:
    """Loose images whose header claims something else; none may be restored."""
    claims = {
        "magic": (0, b"RG"), "version": (2, b"\1"), "version-255": (2, b"\xff"), "method": (3, b"\2"),
        "unit": (20, b"\0\1"), "index": (22, b"\0\0\0\1"), "planes-0": (26, b"\0"), "planes-5": (26, b"\5"),
        "planes-15": (26, b"\x0f"), "inline": (26, b"\x12"), "lossy": (26, b"\x22"), "both": (26, b"\x32"),
        "reserved-flag": (26, b"\x42"), "length-0": (27, b"\0\0\0"), "length-17": (27, b"\0\0\x11"),
        "length-huge": (27, b"\xff\xff\xff"), "size-0": (30, b"\0"), "size-1": (30, b"\1"), "size-33": (30, b"\x21"),
        "step-0": (31, b"\0"), "step-9": (31, b"\x09"), "step-129": (31, b"\x81"), "overflow-65": (32, b"\x41"),
        "overflow-1": (32, b"\1"), "pairing-5": (33, b"\5"), "pairing-0": (33, b"\0"), "tile-0": (34, b"\0\0"),
        "tile-1": (34, b"\0\1"), "tile-1025": (34, b"\x04\x01"),
    }  # fmt: skip
    for name, (offset, value) in claims.items():
        yield Vector(f"header-{name}", f"header bytes {offset}… are {value.hex()}", "refused",
                     put=(("x.png", with_header(offset, value)),), image="x.png", loose=True)  # fmt: skip
    yield Vector("header-dataset", "the header names another dataset", "needs-release",
                 put=(("train/x.png", with_header(12, b"\xff")),), image="train/x.png")  # fmt: skip
    yield Vector("header-key", "the header names another key", "wrong-key", put=(("x.png", with_header(4, b"\xff")),),
                 image="x.png", loose=True)  # fmt: skip


def files() -> Iterator[Vector]:
    own, data = "train/a/rgb.png", png_bytes(published())
    for length in (0, 1, 8, 33, len(data) // 2, len(data) - 13, len(data) - 1):
        yield Vector(f"cut-{length}", f"the first {length} bytes of the file", "damaged", put=((own, data[:length]),))
    yield Vector("cut-loose", "half a file, without the release", "input-refused",
                 put=(("x.png", data[: len(data) // 2]),), image="x.png", loose=True)  # fmt: skip
    yield Vector("rgba", "an alpha channel was added", "damaged", put=((own, alpha()),))
    yield Vector("palette", "reduced to a palette", "damaged", put=((own, palette()),))
    yield Vector("text-file", "not an image at all", "damaged", put=((own, b"hello\n"),))
    yield Vector("clean", "an image that was never protected", "not-protected",
                 put=(("x.png", png_bytes(crop(9, 24, 24))),), image="x.png", loose=True)  # fmt: skip
    yield Vector("swapped", "another image of the release stands under this name", "damaged",
                 put=((own, png_bytes(published(path="train/b/saturated.png"))),))  # fmt: skip
    yield Vector("foreign", "an image of another release of the same owner", "needs-release",
                 put=(("train/x.png", png_bytes(published("sd-rank"))),), image="train/x.png")  # fmt: skip
    yield Vector("transplant", "the low bits of another image of the same shape", "refused",
                 put=(("x.png", png_bytes(transplant())),), image="x.png", loose=True)  # fmt: skip
    for key, outcome in (("other", "wrong-key"), ("one-bit-off", "wrong-key")):
        yield Vector(f"key-{key}", f"asked for with the key {key}", outcome, key=key)
        yield Vector(f"key-{key}-loose", f"a loose copy, asked for with the key {key}", outcome, key=key,
                     put=(("x.png", data),), image="x.png", loose=True)  # fmt: skip


def alpha() -> bytes:
    image = published()
    return saved("PNG", np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]))


def palette() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(published()).quantize(16).save(buffer, "PNG")
    return buffer.getvalue()


def transplant() -> np.ndarray:
    to, of = published(path="train/b/saturated.png"), published()
    return (to & 0xFC) | (of & 0x03)


def meta() -> Iterator[Vector]:
    """Residue, manifest and release.json changed."""
    folder = HERE / "releases" / "ranked" / META
    info, rows = json.loads((folder / "release.json").read_text()), release("ranked").rows
    row = row_of("ranked", "train/a/rgb.png")
    shard, start, length = row["residue"]
    at, blob = f"{META}/residue/{shard}", (folder / "residue" / shard).read_bytes()

    def residue(name: str, about: str, data: bytes, **more: str) -> Vector:
        return Vector(f"residue-{name}", about, "damaged", put=((at, data),), **more)  # type: ignore[arg-type]

    for name, offset in (("tag", start), ("middle", start + length // 2), ("last", start + length - 1)):
        changed = bytearray(blob)
        changed[offset] ^= 1
        yield residue(name, f"one bit of the residue flipped: {name}", bytes(changed))
    yield residue("cut", "the residue is cut off inside the record", blob[: start + length - 1])
    yield residue("empty", "an empty residue shard", b"")
    yield residue("shifted", "a byte was put before the residue", b"\0" + blob)
    yield Vector("residue-missing", "the residue shard is gone", "damaged", remove=(at,))
    yield Vector("residue-other", "the shard of another release", "damaged", put=((at, other_shard(shard)),))

    manifest = f"{META}/manifest.jsonl"

    def lines(**changes: object) -> bytes:
        new = [dict(one, **changes) if one == row else one for one in rows]
        assert new != list(rows)
        return b"".join(json.dumps(one, sort_keys=True, separators=(",", ":")).encode() + b"\n" for one in new)

    for name, changes in (
        ("unit", {"unit": 1 - row["unit"]}), ("index", {"index": row["index"] + 1}), ("clean", {"clean": "00" * 32}),
        ("residue", {"residue": [shard, start + 1, length]}), ("path", {"path": "train/a/other.png"}),
    ):  # fmt: skip
        yield Vector(
            f"manifest-{name}",
            f"the manifest's {name} of the image was changed",
            "damaged",
            put=((manifest, lines(**changes)),),
        )
    doubled = b"".join(json.dumps(one, sort_keys=True, separators=(",", ":")).encode() + b"\n" for one in [*rows, row])
    fitting = json.dumps(info | {"manifest": hashlib.sha256(doubled).hexdigest(), "pictures": len(rows) + 1}).encode()
    yield Vector("manifest-doubled", "two rows about one image, and a release.json that fits them", "damaged",
                 put=((manifest, doubled), (f"{META}/release.json", fitting)))  # fmt: skip
    for name, about, value in (
        ("deep", "lists in lists, 985 deep, in a field that nobody knows", "[" * 985 + "]" * 985),
        ("not-a-number", "NaN in a field that nobody knows", "NaN"),
    ):
        data = json.dumps(info)[:-1] + f', "x": {value}' + "}"
        yield Vector(f"release-{name}", about, "damaged", put=((f"{META}/release.json", data.encode()),))
    yield Vector("manifest-empty", "an empty manifest", "damaged", put=((manifest, b""),))
    yield Vector("manifest-missing", "no manifest", "damaged", remove=(manifest,))
    for name, changes in (
        ("dataset", {"dataset_id": "00" * 8}), ("count", {"pictures": 7}), ("labels", {"labels": ["b", "a"]}),
        ("proof", {"proof": "00" * 32}), ("exact", {"exact": "bytes"}), ("source", {"source": "another"}),
    ):  # fmt: skip
        data = json.dumps(info | changes).encode()
        yield Vector(
            f"release-{name}", f"release.json: {name} was changed", "damaged", put=((f"{META}/release.json", data),)
        )
    data = json.dumps(info | {"format": "ripguard/v999"}).encode()
    yield Vector("release-format", "a format of the future", "not-protected", put=((f"{META}/release.json", data),))
    data = json.dumps(info | {"key_id": "00" * 8}).encode()
    yield Vector("release-key", "release.json names another key", "wrong-key", put=((f"{META}/release.json", data),))
    for name, data in (("garbage", b"\xff\xfe"), ("list", b"[]"), ("empty", b"{}")):
        yield Vector(f"release-{name}", f"release.json is {name}", "damaged", put=((f"{META}/release.json", data),))
    forged = lines(residue=[f"../../{shard}", start, length])
    forged_info = json.dumps(info | {"manifest": hashlib.sha256(forged).hexdigest()}).encode()
    yield Vector("release-forged", "manifest and its digest changed together, by somebody without the key", "damaged",
                 put=((manifest, forged), (f"{META}/release.json", forged_info)))  # fmt: skip
    yield Vector("byte-exact-residue", "the sealed file bytes are damaged", "damaged", "byte-exact",
                 put=(byte_exact_damage(),))  # fmt: skip


def sealed() -> Iterator[Vector]:
    """Scheme `seal`: payload bits refused, all others free; model and residue guarded."""
    own, name = "train/a/rgb.png", "v1-seal"
    image, bits = published(name, own), payload_bits(name, own)
    free = png_bytes(image & ~(np.uint8(255) << bits) | np.uint8(0x55) & np.uint8(255) << bits)
    yield Vector("seal-free-bits", "every bit that carries no payload was changed", "exact", name, put=((own, free),))
    yield Vector("seal-free-bits-loose", "the same, without the release", "exact", name, image="x.png", loose=True,
                 put=(("x.png", free),))  # fmt: skip
    flat = bits.ravel()
    for sample in (0, 100, 319, 320, 700, image.size - 1):
        for bit in sorted({0, int(flat[sample]) - 1, 7}):
            inside = bit < flat[sample]
            about = f"bit {bit} of sample {sample} flipped, {'payload' if inside else 'no payload'}"
            yield Vector(f"seal-flip-{sample}-{bit}", about, "refused" if inside else "exact", name,
                         put=(("x.png", flipped(sample, bit, name, own)),), image="x.png", loose=True)  # fmt: skip
    data = png_bytes(image)
    yield Vector("seal-loose", "a loose copy under another name", "exact", name, put=(("x.png", data),),
                 image="x.png", loose=True)  # fmt: skip
    for kind in ("crop", "resize there and back", "blur", "mirror", "quarter turn", "grey", "gamma"):
        yield Vector(f"seal-edit-{kind.replace(' ', '-')}", kind, "refused", name, image="x.png", loose=True,
                     put=(("x.png", png_bytes(edited(kind, name))),))  # fmt: skip
    for quality in (50, 100):
        yield Vector(f"seal-jpeg-{quality}", f"JPEG, quality {quality}", "damaged", name,
                     put=((own, saved("JPEG", image, quality=quality, subsampling=0)),))  # fmt: skip
    yield Vector("seal-key", "asked for with another key", "wrong-key", name, key="other")
    claims = {
        "version-0": (2, b"\0"), "method": (3, b"\1"), "unit": (20, b"\0\1"), "index": (22, b"\0\0\0\1"),
        "planes-0": (26, b"\0"), "planes-9": (26, b"\x19"), "not-inline": (26, b"\5"), "lossy": (26, b"\x35"),
        "length-0": (27, b"\0\0\0"), "length-huge": (27, b"\xff\xff\xff"), "coder-0": (30, b"\0"),
        "coder-6": (30, b"\6"), "coder-model": (30, b"\4"), "length-high": (31, b"\1"), "no-cells": (32, b"\0" * 8),
        "all-cells": (32, b"\xff" * 8),
    }  # fmt: skip
    for claim, (offset, value) in claims.items():
        data = with_header(offset, value, name, SEAL_LENGTH)
        yield Vector(f"seal-header-{claim}", f"header bytes {offset}… are {value.hex()}", "refused", name,
                     put=(("x.png", data),), image="x.png", loose=True)  # fmt: skip
    for path in ("train/a/grey.png", "train/a/odd.png", "train/b/tiny.png"):
        yield Vector(f"seal-{Path(path).stem}", f"as published: {path}", "exact", name, path)
    shard = f"{META}/residue/{row_of(name, 'train/b/tiny.png')['residue'][0]}"
    yield Vector("seal-residue", "the residue of an image too small for its record is empty", "damaged", name,
                 "train/b/tiny.png", put=((shard, b""),))  # fmt: skip
    for name in ("v1-seal-xz", "v1-seal-jxl"):
        inside = int(np.flatnonzero(payload_bits(name, own).ravel()[700:])[0]) + 700
        coder = name.rsplit("-", 1)[1]
        yield Vector(f"seal-{coder}-flip", f"bit 0 of sample {inside} flipped, payload", "refused", name,
                     put=(("x.png", flipped(inside, 0, name, own)),), image="x.png", loose=True)  # fmt: skip
        yield Vector(f"seal-{coder}-coder", "its header names another coder", "refused", name, image="x.png",
                     put=(("x.png", with_header(30, b"\2", name, SEAL_LENGTH)),), loose=True)  # fmt: skip
        yield Vector(f"seal-{coder}-key", "asked for with another key", "wrong-key", name, key="other")
    name = "v1-seal-model"
    model = (HERE / "releases" / name / META / "model.bin").read_bytes()
    changed = bytes([*model[:99], model[99] ^ 1, *model[100:]])
    at, needs = f"{META}/model.bin", "train/b/flat.png"
    # these two ask for an image that does without the model: see README, "two cases of before"
    yield Vector("model-flip", "one bit of the sealed model flipped", "damaged", name, put=((at, changed),))
    yield Vector("model-missing", "the model is gone", "damaged", name, remove=(at,))
    yield Vector("model-flip-needed", "one bit of the model that the image needs flipped", "damaged", name, needs,
                 put=((at, changed),))  # fmt: skip
    yield Vector("model-missing-needed", "the model that the image needs is gone", "damaged", name, needs,
                 remove=(at,))  # fmt: skip
    yield Vector("model-flip-unneeded", "one bit of the sealed model flipped, which this image does without", "exact",
                 name, put=((at, changed),))  # fmt: skip
    yield Vector("model-needed", "a loose image that only its release's model can read", "exact", name,
                 put=(("x.png", png_bytes(published(name))),), image="x.png", loose=True)  # fmt: skip


def reversible() -> Iterator[Vector]:
    """Schemes `rdh` and `rit`: every changed bit refused, wherever it is; header and residue guarded."""
    own = "train/a/rgb.png"
    for name, length in REVERSIBLE.items():
        image = published(name)
        for sample in (0, 100, 8 * length - 1, 8 * length, 700, image.size - 1):
            for bit in (0, 3, 7):
                yield Vector(f"{name}-flip-{sample}-{bit}", f"bit {bit} of sample {sample} flipped", "refused", name,
                             put=(("x.png", flipped(sample, bit, name, own)),), image="x.png", loose=True)  # fmt: skip
        for kind in ("crop", "resize there and back", "mirror", "quarter turn", "grey", "gamma"):
            yield Vector(f"{name}-edit-{kind.replace(' ', '-')}", kind, "refused", name, image="x.png", loose=True,
                         put=(("x.png", png_bytes(edited(kind, name))),))  # fmt: skip
        yield Vector(f"{name}-jpeg-100", "JPEG, quality 100", "damaged", name,
                     put=((own, saved("JPEG", image, quality=100, subsampling=0)),))  # fmt: skip
        yield Vector(f"{name}-loose", "a loose copy under another name", "exact", name, image="x.png", loose=True,
                     put=(("x.png", png_bytes(image)),))  # fmt: skip
        yield Vector(f"{name}-key", "asked for with another key", "wrong-key", name, key="other")
        last = length - 7
        claims = {
            "version-1": (2, b"\1"), "method": (3, b"\2"), "unit": (20, b"\0\1"), "index": (22, b"\0\0\0\1"),
            "planes-0": (26, b"\0"), "planes-2": (26, b"\x12"), "not-inline": (26, b"\1"), "lossy": (26, b"\x21"),
            "length-0": (27, b"\0\0\0"), "length-huge": (27, b"\xff\xff\xff"), "size-0": (30, b"\0"),
            "size-2": (30, b"\2"), "step-0": (31, b"\0"), "step-1": (31, b"\1"), "layers-0": (last, b"\0"),
            "layers-8": (last, b"\x08"), "layers-9": (last, b"\x09"), "cross-127": (last + 1, b"\x7f"),
            "dot-128": (last + 2, b"\x80"), "bits-0": (last + 3, b"\0" * 4), "bits-huge": (last + 3, b"\xff" * 4),
        }  # fmt: skip
        for claim, (offset, value) in claims.items():
            yield Vector(
                f"{name}-header-{claim}",
                f"header bytes {offset}… are {value.hex()}",
                "refused",
                name,
                put=(("x.png", with_header(offset, value, name, length)),),
                image="x.png",
                loose=True,
            )
        for path in (
            "train/a/grey.png",
            "train/a/odd.png",
            "train/b/tiny.png",
            "train/b/flat.png",
            "train/b/saturated.png",
        ):
            yield Vector(f"{name}-{Path(path).stem}", f"as published: {path}", "exact", name, path)
        gray = png_bytes(published(f"{name}-tinted", "train/a/grey.png")[:, :, :1])
        yield Vector(f"{name}-tinted-grey", "a gray image that was published in color", "exact", f"{name}-tinted",
                     "train/a/grey.png")  # fmt: skip
        yield Vector(f"{name}-tinted-one-channel", "only the red channel is left", "damaged", f"{name}-tinted",
                     "train/a/grey.png", put=(("train/a/grey.png", gray),))  # fmt: skip


def tinted() -> Iterator[Vector]:
    """Gray images that were published in color."""
    path = "train/a/grey.png"
    for name, length in (("v1-tinted", LENGTH), ("v1-seal-tinted", SEAL_LENGTH)):
        short, image = name.removeprefix("v1-"), published(name, path)
        had = carried(image, length)[26]
        yield Vector(f"{short}-gray", "a gray image that was published in color", "exact", name, path)
        cleared = with_header(26, bytes([had & ~0x40]), name, length, path)
        yield Vector(f"{short}-not-gray", "its header says that it was never gray", "refused", name,
                     put=(("x.png", cleared),), image="x.png", loose=True)  # fmt: skip
        colored = carried(published(name), length)[26]
        claimed = with_header(26, bytes([colored | 0x40]), name, length)
        yield Vector(f"{short}-not-colored", "the header of a colored image says that it was gray", "refused", name,
                     put=(("x.png", claimed),), image="x.png", loose=True)  # fmt: skip
        reserved = with_header(26, bytes([had | 0x80]), name, length, path)
        yield Vector(f"{short}-reserved-flag", "the reserved flag is set", "refused", name, put=(("x.png", reserved),),
                     image="x.png", loose=True)  # fmt: skip
        gray = png_bytes(np.asarray(Image.fromarray(image).convert("L"))[:, :, None])
        yield Vector(f"{short}-converted", "made gray by somebody", "damaged", name, path, put=((path, gray),))
        tiny = "train/b/tiny.png"
        yield Vector(f"{short}-tiny", "a gray image in color that is too small for a header", "exact", name, tiny)
        header = carried(image, length)
        claims = lsb.replace(published("v1-ranked", path)[None], [header])[0][0]
        yield Vector(f"{short}-claimed-by-gray", "an image of one channel with the header of one in color", "refused",
                     name, put=(("x.png", png_bytes(claims)),), image="x.png", loose=True)  # fmt: skip
        first = png_bytes(image[:, :, :1])
        yield Vector(f"{short}-one-channel", "only the red channel is left", "damaged", name, path,
                     put=((path, first),))  # fmt: skip


def version_2() -> Iterator[Vector]:
    """One visible file of metadata; gray, names, sizes and recipe below the seal."""
    own, exact_one = "train/a/rgb.png", "v2-byte-exact"
    for name in ("v2-ranked", "v2-seal"):
        length = LENGTH if name == "v2-ranked" else SEAL_LENGTH
        flags = carried(published(name), length)[26]
        for claim, offset, value in (
            ("gray", 26, bytes([flags | 0x40])), ("version-1", 2, b"\1"), ("version-3", 2, b"\3"),
            ("index", 25, b"\x77"),
        ):  # fmt: skip
            data = with_header(offset, value, name, length)
            yield Vector(f"{name}-header-{claim}", f"header bytes {offset}… are {value.hex()}", "refused", name,
                         put=(("x.png", data),), image="x.png", loose=True)  # fmt: skip
    for name in ("v2-tinted", "v2-seal-tinted"):
        yield Vector(f"{name}-grey", "a gray image that was published in color", "exact", name, "train/a/grey.png")
        gray = png_bytes(published(name, "train/a/grey.png")[:, :, :1])
        yield Vector(f"{name}-one-channel", "only the red channel is left", "damaged", name, "train/a/grey.png",
                     put=(("train/a/grey.png", gray),))  # fmt: skip
    yield Vector(
        "v2-seal-model-flat", "an image that needs the sealed model", "exact", "v2-seal-model", "train/b/flat.png"
    )

    def spoiled(name: str, about: str, data: bytes, of: str = "v2-ranked") -> Vector:
        return Vector(f"v2-{name}", about, "damaged", of, put=((CONTAINER, data),))

    whole = container("v2-ranked")
    yield spoiled("container-longer", "a byte follows the last part", whole + b"\0")
    yield spoiled("container-cut", "the last byte is missing", whole[:-1])
    yield spoiled("container-empty", "an empty file", b"")
    yield spoiled("container-magic", "another magic", b"R" + whole[1:])
    size = int.from_bytes(whole[12:20], "big")
    yield spoiled(
        "directory-longer",
        "the directory claims one byte more",
        whole[:12] + (size + 1).to_bytes(8, "big") + whole[20:],
    )
    yield spoiled(
        "directory-huge", "the directory claims 2^63 bytes", whole[:12] + (1 << 63).to_bytes(8, "big") + whole[20:]
    )
    spaces = whole[20 : 20 + size].replace(b",", b", ")
    yield spoiled("directory-spaces", "the directory is not canonical",
                  whole[:12] + len(spaces).to_bytes(8, "big") + spaces + whole[20 + size :])  # fmt: skip
    rows = json.loads(whole[20 : 20 + size])
    for name, about, wrong in (
        ("doubled", "a part is listed twice", [*rows, rows[-1]]),
        ("gap", "a part begins a byte too late", shifted(rows, 1)),
        ("overlap", "a part begins a byte too early", shifted(rows, -1)),
        ("order", "parts in another order", rows[::-1]),
        ("outside", "a name that leaves the folder", [["../x", *rows[0][1:]], *rows[1:]]),
        ("object", "no list", {"a": 1}),
    ):
        listed = json.dumps(wrong, sort_keys=True, separators=(",", ":")).encode()
        data = whole[:12] + len(listed).to_bytes(8, "big") + listed + whole[20 + size :]
        yield spoiled(f"directory-{name}", about, data)
    other = container("v2-seal")
    yield spoiled("seal-container-longer", "a byte follows the last part", other + b"\0", "v2-seal")
    yield spoiled("seal-container-cut", "the last byte is missing", other[:-1], "v2-seal")
    yield spoiled("seal-container-magic", "the magic of a later version", b"ripguard/v3" + other[11:], "v2-seal")
    for part in ("release.json", "manifest.jsonl"):
        flip = changed("v2-seal", part, 40)
        yield spoiled(f"seal-flip-{part}", f"one bit of {part} flipped", flip, "v2-seal")
    yield spoiled("other-container", "the metadata of another release", container("v2-tinted"))
    own_residue = f"residue/{row_of('v2-ranked', own)['residue'][0]}"
    for part in parts("v2-ranked"):
        if part in (own_residue, "manifest.jsonl", "release.json"):
            yield spoiled(f"without-{part.replace('/', '-')}", f"{part} is missing", changed("v2-ranked", part, None))
            yield spoiled(
                f"flip-{part.replace('/', '-')}", f"one bit of {part} flipped", changed("v2-ranked", part, 40)
            )
    file = f"residue/{row_of(exact_one, own)['bytes'][0]}"
    needing = ("v2-seal-model", "model.bin", "train/b/flat.png")
    for of, part, image in ((exact_one, "names/0", own), (exact_one, file, own), needing):
        for what, at in (("without", None), ("flip", 40)):
            about = f"{part} of {of}: " + ("missing" if at is None else "one bit flipped")
            yield Vector(f"{of}-{what}-{part.replace('/', '-')}", about, "damaged", of, image,
                         put=((CONTAINER, changed(of, part, at)),))  # fmt: skip
    yield Vector("v2-without-container", "the file of metadata is gone", "damaged", "v2-ranked", remove=(CONTAINER,))
    yield Vector("v2-seal-without-container", "a loose image that carries all", "exact", "v2-seal", image="x.png",
                 loose=True, put=(("x.png", png_bytes(published("v2-seal"))),))  # fmt: skip
    for name in ("v2-ranked", "v2-byte-exact", "v2-seal", "v2-tinted"):
        for key in ("other", "one-bit-off"):
            yield Vector(f"{name}-key-{key}", f"asked for with the key {key}", "wrong-key", name, key=key)


def shifted(rows: list[list[Any]], by: int) -> list[list[Any]]:
    """The directory with the last part moved."""
    name, offset, length = rows[-1]
    return [*rows[:-1], [name, offset + by, length]]


def container(name: str) -> bytes:
    return (HERE / "releases" / name / CONTAINER).read_bytes()


def parts(name: str) -> dict[str, bytes]:
    """The parts of a release of version 2."""
    return {part: bytes(data) for part, data in slices(container(name)).items()}


def changed(name: str, part: str, at: int | None) -> bytes:
    """The container with one bit of a part flipped, or without the part for None."""
    found = parts(name)
    if at is None:
        del found[part]
    else:
        data = bytearray(found[part])
        data[at % len(data)] ^= 1
        found[part] = bytes(data)
    return b"".join(pieces([Part.of(own, data) for own, data in found.items()]))


def payload_bits(name: str, path: str) -> np.ndarray:
    """How many low bits of each sample carry payload: uint8, shape of the image."""
    image = published(name, path)
    header = Header.unpack(carried(image, SEAL_LENGTH))
    key = Key(KEYS["right"]).dataset(header.dataset_id).unit(header.unit).image(header.index)
    where = places_of(header, image.shape, key)
    assert where is not None
    return where.bits().reshape(image.shape)


def other_shard(shard: str) -> bytes:
    return (HERE / "releases" / "sd-rank" / META / "residue" / shard).read_bytes()


def byte_exact_damage() -> tuple[str, bytes]:
    row = row_of("byte-exact", "train/a/rgb.png")
    shard, start, length = row["bytes"]
    blob = bytearray((HERE / "releases" / "byte-exact" / META / "residue" / shard).read_bytes())
    blob[start + length // 2] ^= 16
    return f"{META}/residue/{shard}", bytes(blob)


def main() -> None:
    for name in RELEASES:
        if not (HERE / "releases" / name).exists():
            (HERE / "releases").mkdir(exist_ok=True)
            make_release(name)
    keys = HERE / "keys.txt"
    if not keys.exists():
        keys.write_text("".join(f"{name} {encode_secret(PREFIX, secret)}\n" for name, secret in KEYS.items()))
    made = [
        *exact(),
        *changed_samples(),
        *headers(),
        *files(),
        *meta(),
        *sealed(),
        *tinted(),
        *version_2(),
        *reversible(),
    ]
    assert len({one.name for one in made}) == len(made)
    for one in made:
        place = HERE / "cases" / f"{one.name}.txt"
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            place.write_text(one.text())
    shutil.rmtree(HERE / "__pycache__", ignore_errors=True)
    good = sum(one.expect in ("exact", "lossy") for one in made)
    print(f"{len(made)} vectors, {good} positive")


if __name__ == "__main__":
    main()
