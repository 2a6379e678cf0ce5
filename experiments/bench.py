"""Measure speed and memory, beside PNG and other tools in the same run.

    python experiments/bench.py photos                        # as `make bench` runs it: a few minutes
    python experiments/bench.py cifar10 --record bench        # all parts
    python experiments/bench.py cifar10 --only memory         # one of PARTS; others stay

A rate is in images a second: the median of repeats over the same images in memory. It includes the derivation of keys.
`cores` is the number of processes that ran at once. Whole commands are timed once, with their start. `sizes`: whole
commands at 32×32, 64×64, 0.8 and 12 megapixels beside PNG decode + encode of the same files. `starts`: start-up.
`profile`: the stages of protecting and restoring, in percent of their processor time.
Carriers are the clean images with ±18 levels, as a perturbation of 0.07 leaves them. Expected: mRIT costs a few times
what PNG costs.

Hardware: an idle machine; rates on a busy one are not comparable.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _run import begin, parser, scheme_named
from bench_profile import profile
from bench_rates import Row, codec, measured, peers, png, rates
from bench_sizes import PLAIN, RUN, costs, sizes, starts
from PIL import Image

from ripguard.crypto.keys import Key
from ripguard.data.image_set import load
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.numbers import above_zero, positive

PARTS = ("codec", "png", "files", "peers", "memory", "epoch", "sizes", "starts", "profile")


def main() -> None:
    arguments = parser(__doc__, source=False)
    arguments.add_argument("source", nargs="?", default="photos")
    arguments.add_argument("--count", type=positive, default=1024, help="images for the rates (default 1024)")
    arguments.add_argument("--files", type=positive, default=2000, help="images for whole commands (default 2000)")
    arguments.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    arguments.add_argument("--sizes", type=positive, nargs="*", default=[1000, 6000], help="images for the memory part")
    arguments.add_argument("--seconds", type=above_zero, default=3.0, help="least seconds a measurement takes")
    options = arguments.parse_args()
    items = [item for item in open_source(options.source).items if item.split == "train"][: options.count]
    clean = load(items, note="reading").images
    run = begin(options, "bench", dataset=options.source, scheme=scheme_named("mrit"))
    for part in options.only:
        for row in ALL[part](clean, options):
            run.add(row | {"part": part})
            print(in_words(row), flush=True)


def in_words(row: Row) -> str:
    number = f"{row['rate']:>10,.0f}/s" if "rate" in row else f"{row['value']:>10,.2f} {row['unit']}"
    return f"{number}  {row['what']}" + (f" ({row['cores']} cores)" if row.get("cores", 1) > 1 else "")


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
            used, took, _ = costs(RUN, verb, *map(str, start), "--key-file", key, "--workers", str(cores), "-q")
            count = sum(1 for _ in out.rglob("*.png"))
            rows.append(measured(f"ripguard {verb}, the whole command", count / took, count, cores))
            rows.append(measured(f"ripguard {verb}, the whole command, of processor time", count / used, count, cores))
        used, took, _ = costs(PLAIN, out, Path(folder) / "copy")
        what = "PNG decode + encode of the same files, plain Pillow, a process of its own"
        beside = f"{cores} worker{'s' * (cores > 1)}"
        rows.append(measured(what, count / took, count, beside=beside))
        rows.append(measured(f"{what}, of processor time", count / used, count, beside=beside))
    return rows


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
                rows.append({"what": f"peak memory, {what}", "value": round(peak, 1), "unit": "MiB", "images": count})
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
                        logits = model((x.float() / 255).contiguous(memory_format=torch.channels_last))
                    loss = F.cross_entropy(logits.float(), y)
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


ALL: dict[str, Callable[[np.ndarray, argparse.Namespace], list[Row]]] = {
    "codec": codec, "png": png, "files": files, "peers": peers, "memory": memory, "epoch": epoch,
    "sizes": sizes, "starts": starts, "profile": profile,
}  # fmt: skip


if __name__ == "__main__":
    with refusals_printed():
        main()
