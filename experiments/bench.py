"""How fast, beside what one would use instead, in the same run.  Claim: mRIT costs a few times what PNG costs.

    python experiments/bench.py photos                        # what `make bench` runs: a few minutes
    python experiments/bench.py cifar10 --record bench        # all parts
    python experiments/bench.py cifar10 --only memory         # codec, png, files, peers, memory, epoch; others stay

Rates are images a second, the median of repeats, whole passes over the same images in memory, the derivation of
their keys included; `cores` says how many processes did it at once. Whole commands are timed once, with their start.
Carriers are the clean images with ±18 levels, as a perturbation of 0.07 leaves them.
Hardware: an idle machine; rates on a busy one mean nothing.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ripguard.benchmark.record import environment, go_on_with, write_record
from ripguard.crypto.keys import ImageKeys, Key
from ripguard.data.image_set import load
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.hide.base import Hidden, Hiding, Identity
from ripguard.hide.mrit.method import MRIT, MRITParams
from ripguard.hide.seal.method import Seal
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.numbers import above_zero, positive

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("codec", "png", "files", "peers", "memory", "epoch")
BATCH = 256
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="Output: a table, a record."
    )
    parser.add_argument("source", nargs="?", default="photos")
    parser.add_argument("--count", type=positive, default=1024, help="images for the rates (default 1024)")
    parser.add_argument("--files", type=positive, default=2000, help="images for whole commands (default 2000)")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--sizes", type=positive, nargs="*", default=[1000, 6000], help="images for the memory part")
    parser.add_argument("--seconds", type=above_zero, default=3.0, help="least seconds a measurement takes")
    parser.add_argument("--record", metavar="NAME", help="write build/records/<date>_<NAME>/")
    options = parser.parse_args()
    items = [item for item in open_source(options.source).items if item.split == "train"][: options.count]
    clean = load(items, note="reading").images
    record: dict[str, Any] = {"name": f"bench {options.source}"}
    record |= {"command": "python experiments/bench.py " + shlex.join(sys.argv[1:])} | environment()
    record |= {"dataset": options.source, "protocol": "bench", "scheme": "mrit", "rows": []}
    commit, folder = record["commit"], Path()
    if options.record:
        folder, record = go_on_with(
            ROOT / "build" / "records", options.record, record, ("name", "hardware", "versions")
        )
    for part in options.only:
        new = []
        for row in globals()[part](clean, options):
            new.append(row | {"part": part, "commit": commit})
            print(told(row), flush=True)
        rows = [row for row in record["rows"] if row["part"] != part] + new
        record["rows"] = sorted(rows, key=lambda row: PARTS.index(row["part"]))
        if options.record:
            write_record(folder, record)


def told(row: Row) -> str:
    number = f"{row['rate']:>10,.0f}/s" if "rate" in row else f"{row['value']:>10,.2f} {row['unit']}"
    return f"{number}  {row['what']}" + (f" ({row['cores']} cores)" if row.get("cores", 1) > 1 else "")


def rate(function: Callable[[], object], images: int, seconds: float) -> float:
    """Images a second: median over at least three repeats that together take at least ``seconds``."""
    return rates([function], images, seconds)[0]


def rates(functions: Sequence[Callable[[], object]], images: int, seconds: float) -> list[float]:
    """Rates of several functions that take turns: what slows the machine down for a while slows each of them down."""
    took: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()  # tables and caches are made once
    while len(took[0]) < 3 or sum(took[0]) < seconds:
        for function, own in zip(functions, took):
            start = time.perf_counter()
            function()
            own.append(time.perf_counter() - start)
    return [images / statistics.median(own) for own in took]


def measured(what: str, value: float, images: int, cores: int = 1, **more: Any) -> Row:
    return {"what": what, "rate": round(value, 1), "pictures": images, "cores": cores} | more


# --- the codec alone: arrays in, arrays out -------------------------------------------------------------------------


def carriers(clean: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).choice([-18, 18], clean.shape)
    return np.clip(clean.astype(int) + noise, 0, 255).astype(np.uint8)


def identities(count: int) -> tuple[list[Identity], list[ImageKeys]]:
    key = Key(bytes(range(32)))  # measures only; nothing is published
    unit = key.dataset(bytes(8)).unit(0)
    return [Identity(key.id, bytes(8), 0, i) for i in range(count)], [unit.image(i) for i in range(count)]


def together(barrier: Any) -> None:
    """Start of a process: what it meets the others at, so that all are measured at once."""
    global _barrier
    _barrier = barrier


_barrier: Any = None


def hide_all(method: Hiding, clean: np.ndarray, carrier: np.ndarray) -> list[Hidden]:
    who, keys = identities(len(clean))
    parts = [slice(i, i + BATCH) for i in range(0, len(clean), BATCH)]
    return [one for p in parts for one in method.hide(clean[p], carrier[p], who[p], keys[p])]


def reveal_all(method: Hiding, hidden: list[Hidden]) -> list[Any]:
    found, keys = [], identities(len(hidden))[1]
    for i in range(0, len(hidden), BATCH):
        part = hidden[i : i + BATCH]
        images = np.stack([one.image for one in part])
        headers, residues = [one.header for one in part], [one.residue for one in part]
        found += method.reveal(images, headers, residues, keys[i : i + BATCH])
    return found


def codec_rates(method: Hiding, clean: np.ndarray, seconds: float) -> tuple[float, float]:
    """Rates of hiding and restoring in this process."""
    carrier = carriers(clean)
    hidden = hide_all(method, clean, carrier)
    back = reveal_all(method, hidden)
    assert all(np.array_equal(one, image) for one, image in zip(back, clean))
    if _barrier:
        _barrier.wait(600)
    hiding = rate(lambda: hide_all(method, clean, carrier), len(clean), seconds)
    if _barrier:
        _barrier.wait(600)
    return hiding, rate(lambda: reveal_all(method, hidden), len(clean), seconds)


def codec(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    from ripguard.codecs.interlaced import fit, networks

    mrit = MRIT.hiding(MRITParams(), clean.shape[1:])
    model = networks.pack(fit.fit(clean, fit.Settings(steps=20)))  # how well it fits does not change how fast it is
    cases: list[tuple[str, Hiding, str]] = [
        ("mrit", mrit, "cryptography"),
        ("mrit", mrit, "pycryptodome"),
        ("seal with WebP", Seal(8, ("webp",)), "cryptography"),
        ("seal with the small-image coder", Seal(8, ("interlaced",), model), "cryptography"),
    ]
    rows: list[Row] = []
    for name, method, backend in cases:
        os.environ["RIPGUARD_CRYPTO"] = backend  # read when a process first seals: each measurement is its own process
        for cores in sorted({1, os.cpu_count() or 1}):
            context = get_context("spawn")
            with ProcessPoolExecutor(cores, context, together, (context.Barrier(cores),)) as pool:
                found = list(pool.map(codec_rates, [method] * cores, [clean] * cores, [options.seconds] * cores))
            for what, values in zip(("hide", "restore"), zip(*found)):
                title = f"{name}: {what}, {backend}"
                alone = [row["rate"] for row in rows if row["what"] == title]
                rows.append(measured(title, sum(values), len(clean), cores))
                rows += [{"what": f"{title}: on {cores} cores, times one", "value": round(sum(values) / one, 2),
                          "unit": "×"} for one in alone]  # fmt: skip
    del os.environ["RIPGUARD_CRYPTO"]
    return rows


# --- what everybody pays: PNG ---------------------------------------------------------------------------------------


def png(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    mrit = MRIT.hiding(MRITParams(), clean.shape[1:])
    published = [one.image for one in hide_all(mrit, clean, carriers(clean))]
    rows = []
    for name, images in (("clean", list(clean)), ("protected", published)):
        data = [png_bytes(one) for one in images]
        encode = rate(lambda images=images: [png_bytes(one) for one in images], len(clean), options.seconds)  # type: ignore[misc]
        decode = rate(lambda data=data: [read_image(one) for one in data], len(clean), options.seconds)  # type: ignore[misc]
        rows += [
            measured(f"PNG encode, {name} images", encode, len(clean), bytes=sum(map(len, data)) // len(data)),
            measured(f"PNG decode with ripguard's checks, {name} images", decode, len(clean)),
        ]
    return rows


# --- whole commands: files in, files out ----------------------------------------------------------------------------


def ripguard(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "ripguard", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def release_of(source: Path | str, place: Path, count: int) -> tuple[Path, Path]:
    """A release of ``count`` images without a perturbation, and its key file."""
    key, out = place / "k", place / "release"
    ripguard("keygen", "--out", key)
    ripguard("protect", str(source), out, "--key-file", key, "--perturb", "none", "--limit", str(count))
    return out, key


def files(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    """Restoring a release to a folder, beside decoding and encoding the same files with Pillow; whole commands."""
    from ripguard.release.restore import restore

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        out, key_file = release_of(options.source, place, options.count)
        key, published = Key.read(key_file), sorted(out.rglob("*.png"))

        def again() -> None:
            shutil.rmtree(place / "back", ignore_errors=True)
            restore([out], place / "back", key)

        def plain() -> None:
            shutil.rmtree(place / "copy", ignore_errors=True)
            for path in published:
                target = place / "copy" / path.relative_to(out)
                target.parent.mkdir(parents=True, exist_ok=True)
                Image.open(path).save(target, compress_level=6)

        restored, copied = rates([again, plain], len(published), options.seconds)
        rows.append(measured("restore, file to file", restored, len(published)))
        rows.append(measured("PNG decode + encode of the same files, plain Pillow", copied, len(published)))
        rows.append(
            {
                "what": "restoring takes as long as decode + encode, times",
                "value": round(copied / restored, 2),
                "unit": "×",
            }
        )
    return rows + [row for cores in sorted({1, os.cpu_count() or 1}) for row in commands(options, cores)]


def commands(options: argparse.Namespace, cores: int) -> list[Row]:
    """`ripguard protect` (without a perturbation) and `ripguard restore` of many images, start and all."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        key, out, back = (Path(folder) / name for name in ("k", "out", "back"))
        ripguard("keygen", "--out", key)
        limit = ["--limit", str(options.files), "--perturb", "none"]
        for verb, start in (("protect", [options.source, out, *limit]), ("restore", [out, back])):
            begun = time.perf_counter()
            ripguard(verb, *start, "--key-file", key, "--workers", str(cores))
            took = time.perf_counter() - begun
            count = sum(1 for _ in out.rglob("*.png"))
            rows.append(measured(f"ripguard {verb}, the whole command", count / took, count, cores))
    return rows


# --- peers: what one would take instead -----------------------------------------------------------------------------


def bit_by_bit(image: np.ndarray, payload: bytes) -> np.ndarray:
    """Low bits replaced one Python step a bit, as the LSB package does that the paper cites (LSB-Steganography)."""
    width, channels = image.shape[1:]
    result, x, y, c = image.copy(), 0, 0, 0
    for byte in payload:
        for place in range(7, -1, -1):
            value = list(result[y, x])
            value[c] = value[c] & 254 | byte >> place & 1
            result[y, x] = tuple(value)
            c += 1
            if c == channels:
                c, x = 0, x + 1
                if x == width:
                    x, y = 0, y + 1
    return result


def peers(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    few = clean[:64]
    payload, text = os.urandom(few[0].size // 8), "x" * (few[0].size // 8 - 8)  # about one full bit-plane
    raw, fernet, gcm = [one.tobytes() for one in clean], Fernet(Fernet.generate_key()), AESGCM(os.urandom(32))
    nonces = [i.to_bytes(12, "big") for i in range(len(raw))]
    lost, gone = "no cipher; the clean image is lost", "no image any more"
    cases: list[tuple[str, str, int, Callable[[], object]]] = [
        ("LSB replacement bit by bit, one plane", lost, len(few), lambda: [bit_by_bit(one, payload) for one in few]),
        ("Fernet of the samples", gone, len(raw), lambda: [fernet.encrypt(one) for one in raw]),
        ("AES-256-GCM of the samples", gone, len(raw), lambda: [gcm.encrypt(n, x, b"") for n, x in zip(nonces, raw)]),
    ]
    try:
        from stegano import lsb

        def stegano() -> list[object]:
            return [lsb.hide(Image.fromarray(one), text) for one in few]  # type: ignore[arg-type]

        cases.append(("Stegano, one plane", lost, len(few), stegano))
    except ImportError:
        # it wants an older Pillow than ours, so it is no dependency of any kind
        print("left out: pip install --no-deps stegano crayons piexif opencv-python-headless", file=sys.stderr)
    return [measured(what, rate(run, count, options.seconds), count, note=note) for what, note, count, run in cases]


# --- memory -----------------------------------------------------------------------------------------------------------

PEAK = """
import sys
from ripguard.cli import main
code = main(sys.argv[1:])
# not getrusage: that counts what the process had been before it became this program
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1], file=sys.stderr)
sys.exit(code)
"""


def memory(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    """Peak resident memory of one worker, for several numbers of images."""
    rows = []
    for count in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            key, out, back = (Path(folder) / name for name in ("k", "out", "back"))
            ripguard("keygen", "--out", key)
            limit = ["--limit", str(count), "--perturb", "none"]
            for what, start in (
                ("protect", ["protect", options.source, str(out), *limit]),
                ("restore", ["restore", str(out), str(back)]),
            ):
                command = [sys.executable, "-c", PEAK, *start, "--key-file", str(key), "--workers", "1"]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                peak = int(done.stderr.split()[-1]) / 1024  # KiB
                rows.append({"what": f"peak memory, {what}", "value": round(peak, 1), "unit": "MiB", "pictures": count})
    return rows


# --- an epoch with images restored on the fly -----------------------------------------------------------------------


def epoch(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    """Loading only, and training the CIFAR-stem ResNet-18, from clean PNGs and from a release with its key."""
    import torch
    import torch.nn.functional as F
    from torch.utils.data import DataLoader

    from ripguard._torchvision import torchvision
    from ripguard.precision import fast_math
    from ripguard.train.models import build
    from ripguard.train.protected import ProtectedDataset

    cores = os.cpu_count() or 1
    torch.set_num_threads(cores)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        release, key = release_of(options.source, Path(folder), options.count)
        back = Path(folder) / "back"
        ripguard("restore", release, back, "--key-file", key)
        pil_to_tensor = importlib.import_module("torchvision.transforms.v2.functional").pil_to_tensor
        own = next(split for split in ("train", "test") if (back / split).is_dir())
        sets = {
            "clean PNGs": torchvision.datasets.ImageFolder(str(back / own), transform=pil_to_tensor),
            "the release with its key": ProtectedDataset(release, key, own, form="tensor"),
        }
        side = clean.shape[1]
        model = build("resnet18", len(sets["clean PNGs"].classes), side).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = torch.optim.SGD(model.parameters(), 0.01)

        def one_epoch(data: Any, train: bool) -> None:
            for x, y in DataLoader(data, 128, shuffle=True, drop_last=True):
                if train:
                    with fast_math("cpu"):
                        told = model((x.float() / 255).contiguous(memory_format=torch.channels_last))
                    loss = F.cross_entropy(told.float(), y)
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()

        count = len(sets["clean PNGs"]) // 128 * 128
        for train in (False, True):
            runs = [functools.partial(one_epoch, data, train) for data in sets.values()]
            found = rates(runs, count, (10 if train else 1) * options.seconds)  # the two differ by little
            for name, value in zip(sets, found):
                what = f"{'training' if train else 'loading'} from {name}"
                rows.append(measured(what, value, count, cores if train else 1))
        title = "an epoch with restoration on the fly takes longer by"
        rows.append({"what": title, "value": round(100 * (found[0] / found[1] - 1), 2), "unit": "%"})
    return rows


if __name__ == "__main__":
    with refusals_printed():
        main()
