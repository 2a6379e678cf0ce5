"""Attack a release: is every image either restored exactly or refused?

    python experiments/chain.py cifar10
    B=build/cifar10; python experiments/tamper.py $B/protected --key-file $B/owner.key --against cifar10 --record tamper

Input: the first images of a release on disk. Attacks on an image go to the codec directly, past the manifest, with the
true keys and residue: they test the seal. Attacks on files go through the code of `ripguard restore`. In a release of
scheme `seal` some bits carry no payload: a change of those must not change the restored image.

Hardware: one CPU core, minutes.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from _run import begin, parser
from PIL import Image, ImageFilter

from ripguard.bar import Bar
from ripguard.crypto.keys import ImageKeys, Key
from ripguard.data.registry import open_source
from ripguard.errors import RipguardError, refusals_printed
from ripguard.hide import lsb
from ripguard.hide.base import Original
from ripguard.hide.header import BadHeader, Header
from ripguard.hide.methods import reveal
from ripguard.hide.mrit.method import MRIT
from ripguard.hide.mrit.transform import LENGTH
from ripguard.hide.seal.method import places_of
from ripguard.images.decoding import read_image
from ripguard.images.rendering import render
from ripguard.numbers import positive
from ripguard.release.inspect import described
from ripguard.release.manifest import Release
from ripguard.release.restorer import Restorer, read_header
from ripguard.release.verify import sources_by_place

IMAGES = 100


class Attempts:
    """Counts outcomes of one attack: refused, restored exactly, or (never) something else."""

    def __init__(self, name: str) -> None:
        self.row: dict[str, Any] = {"attack": name, "tries": 0, "refused": 0, "exact": 0, "third": 0}

    def add(self, outcome: Any, clean: Original) -> None:
        """``clean``: the source image and its file, which some coders of `seal` bring back."""
        self.row["tries"] += 1
        kind = "third"
        if outcome is None or isinstance(outcome, RipguardError):
            kind = "refused"
        else:
            back = outcome if isinstance(outcome, Original) else Original(outcome, clean.file)
            if back.file == clean.file and np.array_equal(back.image, clean.image):  # type: ignore[arg-type]
                kind = "exact"
        self.row[kind] += 1


def open_image(image: np.ndarray, residue: bytes, key: Key, true: Header, model: bytes) -> Any:
    """What a restorer without a manifest makes of samples and residue: an image or a refusal."""
    try:
        header = read_header(image)
    except BadHeader:
        return None
    if (header.key_id, header.dataset_id) != (true.key_id, true.dataset_id):
        return None
    own = key.dataset(header.dataset_id).unit(header.unit).image(header.index)
    return reveal(image[None], [header], [residue], [own], model)[0]


def bound_bits(image: np.ndarray, header: Header, own: ImageKeys) -> np.ndarray:
    """How many low bits of each sample the seal covers, uint8 ``[samples]``: mRIT binds all, `seal` its payload."""
    where = places_of(header, image.shape, own)
    return where.bits() if where else np.full(image.size, 8, np.uint8)


def main() -> None:
    arguments = parser(__doc__, source=False)
    arguments.add_argument("release", type=Path)
    arguments.add_argument("--key-file", required=True)
    arguments.add_argument("--against", required=True, help="the source of the clean images")
    arguments.add_argument("--stride", type=positive, default=1, help="try every n-th flip, cut, key and pair only")
    options = arguments.parse_args()
    release, key, stride = Release.open(options.release), Key.read(options.key_file), options.stride
    sources = sources_by_place(release, open_source(options.against))
    restorer = Restorer(key, release)
    model = release.model(key.dataset(release.dataset_id))
    rows = [row for row in release.rows if row["planes"]][:IMAGES]
    images = [read_image(release.root / row["path"]) for row in rows]
    originals = [sources[row["path"]].read() for row in rows]
    cleans = [Original(render(data).image, data) for data in originals]
    headers, residues = [read_header(p) for p in images], [release.residue(row["residue"]) for row in rows]
    keys = [key.dataset(h.dataset_id).unit(h.unit).image(h.index) for h in headers]
    image, clean, residue, header = images[0], cleans[0], residues[0], headers[0]
    results: list[dict[str, Any]] = []

    def attack(name: str, outcomes: Iterable[tuple[Any, Original]]) -> None:
        attempts = Attempts(name)
        for outcome, wanted in Bar(outcomes, stage=name, unit="try"):
            attempts.add(outcome, wanted)
        results.append(attempts.row)
        print(attempts.row, file=sys.stderr, flush=True)

    def with_keys(own: ImageKeys) -> Any:
        return reveal(image[None], [header], [residue], [own], model)[0]

    def opened(changed: np.ndarray, residue: bytes = residue) -> Any:
        return open_image(changed, residue, key, header, model)

    # 1. the image's samples
    bound = bound_bits(image, header, keys[0])

    def flips(covered: bool) -> Iterable[tuple[Any, Original]]:
        for sample in range(0, image.size, stride):
            for bit in range(8):
                if (bit < bound[sample]) == covered:
                    changed = image.copy()
                    changed.reshape(-1)[sample] ^= np.uint8(1 << bit)
                    yield opened(changed), clean

    def noise() -> Iterable[tuple[Any, Original]]:
        keep = ((1 << bound.astype(int)) - 1).astype(np.uint8).reshape(image.shape)
        for seed in range(0, 1000, stride):
            other = np.random.default_rng(seed).integers(0, 256, image.shape).astype(np.uint8)
            yield opened(image & keep | other & ~keep), clean

    attack("every single-bit flip of one image" if bound.min() == 8 else "every flip of a payload bit", flips(True))
    if bound.min() < 8:
        attack("every flip of another bit (must be exact)", flips(False))
        attack("all bits but the payload random (must be exact)", noise())
    attack("no change (control)", [(opened(p, r), c) for p, r, c in zip(images, residues, cleans)])

    # 2. keys
    number = int.from_bytes(key.secret, "big")
    near = [Key((number ^ 1 << bit).to_bytes(32, "big")) for bit in range(0, 256, stride)]
    far = [Key(os.urandom(32)) for _ in range(0, 1000, stride)]
    for name, wrong in (("key off by one bit", near), ("random key", far)):
        made = (k.dataset(header.dataset_id).unit(header.unit).image(header.index) for k in wrong)
        attack(name, ((with_keys(own), clean) for own in made))
    other = key.dataset(b"another!").unit(header.unit).image(header.index)
    attack("same key, another dataset", [(with_keys(other), clean)])

    # 3. parts of other images
    def transplants() -> Iterable[tuple[Any, Original]]:
        for a in range(len(rows)):
            payload = lsb.read(images[a][None], np.array([LENGTH + headers[a].length]))
            for b in range(a % stride, len(rows), stride):
                if a != b and images[a].shape == images[b].shape:
                    moved, _ = lsb.replace(images[b][None], payload)
                    yield MRIT().reveal(moved, [headers[a]], [residues[a]], [keys[a]])[0], cleans[b]

    if not header.params.payload_alone:  # a sealed payload brings its own image wherever it is moved to
        attack("payload of one image in another", transplants())
    if residue:
        attack("residue of another image", ((opened(images[0], r), clean) for r in residues[1:]))
        attack("residue cut off", ((opened(image, residue[:n]), clean) for n in range(0, len(residue), stride)))

    # 4. the file, the way `ripguard restore --release` goes
    data = (release.root / rows[0]["path"]).read_bytes()

    def files(versions: Iterable[bytes]) -> Iterable[tuple[Any, Original]]:
        for version in versions:
            (one,) = restorer.restore([("", version)])
            back = Original(one.clean, one.file[1]) if one.file and one.clean is not None else one.clean
            yield (one.error if one.error else back), clean

    attack("file cut off at every length", files(data[:n] for n in range(0, len(data), stride)))
    one_bit = (data[:n] + bytes([data[n] ^ 1]) + data[n + 1 :] for n in range(0, len(data), stride))
    attack("one bit of every byte of the file", files(one_bit))
    drawn = Image.fromarray(image)
    attack("re-encoded without loss (must be exact)", files(lossless(drawn)))
    attack("lossy edit", files(lossy(drawn)))

    bad = [r for r in results if r["third"] or (r["exact"] and r["attack"] in MUST_REFUSE)]
    bad += [r for r in results if r["refused"] and "must be exact" in r["attack"]]
    run = begin(options, "tamper", dataset=options.against, scheme=described(release, key)["scheme"])
    for row in results:
        run.add(row)
    sys.exit(f"error: attacks did not end as expected, a defect: {bad}" if bad else 0)


MUST_REFUSE = (
    "every single-bit flip of one image", "every flip of a payload bit", "key off by one bit", "random key",
    "same key, another dataset",
    "payload of one image in another", "residue of another image", "residue cut off",
    "file cut off at every length", "lossy edit",
)  # fmt: skip


def encoded(image: Image.Image, kind: str, **more: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def lossless(image: Image.Image) -> list[bytes]:
    """The same samples in other files."""
    found = [encoded(image, "PNG", compress_level=level) for level in range(10)]
    found += [encoded(image, kind) for kind in ("BMP", "TIFF", "PPM")]
    return [*found, encoded(image, "WEBP", lossless=True), encoded(image, "TIFF", compression="tiff_lzw")]


def lossy(image: Image.Image) -> list[bytes]:
    """What images meet on their way: none of these keeps every sample."""
    found = [encoded(image, "JPEG", quality=q, subsampling=0) for q in range(10, 101, 10)]
    found += [encoded(image, "WEBP", quality=q) for q in (50, 90, 100)]
    w, h = image.size
    edits = [
        image.resize((2 * w, 2 * h)).resize((w, h)), image.resize((w // 2, h // 2)).resize((w, h)),
        image.crop((0, 0, w - 1, h)), image.crop((1, 1, w, h)), image.filter(ImageFilter.GaussianBlur(0.5)),
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image.rotate(90), image.convert("L").convert("RGB"),
        image.point(lambda v: v & 0xFE), image.point(lambda v: v & 0xC0), image.convert("YCbCr").convert("RGB"),
    ]  # fmt: skip
    return found + [encoded(edit, "PNG") for edit in edits]


if __name__ == "__main__":
    with refusals_printed():
        main()
