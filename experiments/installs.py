"""Measure what an installation takes on disk, and run what it is for.

    python experiments/installs.py --record installs                          # every Python that is found
    python experiments/installs.py --only full --python python3.12 --any-torch --record installs

Builds the sdist and the wheel of this checkout, makes a bare environment for each Python and installation, and installs
the wheel as docs/how-to/install.md says. Each environment restores a release and verifies it against its source; those
that can, protect; the full one trains a model. Sizes are bytes of installed files, without pip.

`restore` and `protect` have the libraries of requirements/; `full` is `pip install .`. torch has small builds, and
large ones with the libraries of CUDA; with --any-torch, pip chooses one when it installs the wheel.

Hardware: any; a network, for the package index.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import _environments
import numpy as np
from _environments import KINDS, PYTHONS, Environment
from _run import begin, parser

from ripguard import api
from ripguard.errors import UsageError, refusals_printed
from ripguard.images.decoding import read_image

IMAGES = 60
SCHEMES = ("mrit", "balanced")


def main() -> None:
    arguments = parser(__doc__, source=False)
    arguments.add_argument("--only", nargs="*", choices=KINDS, default=list(KINDS))
    arguments.add_argument("--python", nargs="*", default=list(PYTHONS), help=f"default: {' '.join(PYTHONS)}")
    arguments.add_argument("--any-torch", action="store_true", help="the build of torch that pip chooses")
    options = arguments.parse_args()
    pythons = _environments.available(tuple(options.python))
    if not pythons:
        raise UsageError(f"none of {', '.join(options.python)} runs", "name one with --python")
    run = begin(options, "install", dataset="photos")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _, wheel = _environments.built(place / "built")
        made = Releases(place / "made")
        for python in pythons:
            for kind in options.only:
                with tempfile.TemporaryDirectory(dir=place) as bare:
                    own = _environments.environment(python, Path(bare) / "environment")
                    _environments.install(own, kind, wheel, options.any_torch)
                    row = measured(own, kind, made)
                run.add(row)
                print(row, flush=True)


class Releases:
    """Releases of photographs that this checkout makes, and their source and key.

    Attributes:
        source, key: paths; published: scheme → path.
    """

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self.source, self.key = place / "source", place / "k"
        api.export("photos", self.source)
        api.keygen(self.key)
        self.published = {name: place / name for name in SCHEMES}
        for name, out in self.published.items():
            api.protect(self.source, out, self.key, scheme=name, limit=IMAGES, workers=1)


def measured(own: Environment, kind: str, made: Releases) -> dict[str, Any]:
    """Size and number of packages of an installation, and how many images of how many came back exactly in it."""
    packages, taken = own.packages(), own.bytes_added()
    releases = dict(made.published)
    for name in SCHEMES if kind != "restore" else ():
        releases[f"own {name}"] = out = own.place / f"own-{name}"
        own.ripguard("protect", made.source, out, "--key-file", made.key, "--scheme", name, "--limit", str(IMAGES))
    equal = sum(restored(own, release, made) for release in releases.values())
    if kind == "full":
        smoke = ("--protocol", "smoke", "--epochs", "1")
        own.ripguard("train", made.published["mrit"], "--key-file", made.key, *smoke)
    row = {"install": kind, "python": own.python, "bytes": taken, "packages": len(packages) - 1}
    row |= {"images": IMAGES * len(releases), "restored_equal": equal}
    return row | ({"torch": packages["torch"]} if "torch" in packages else {})


def restored(own: Environment, release: Path, made: Releases) -> int:
    """Verify and restore a release in an environment; the number of images that equal their source here."""
    back = own.place / f"back-{release.name}-{len(list(own.place.glob('back-*')))}"
    own.ripguard("verify", release, "--key-file", made.key, "--source", made.source, "--signer", "any")
    own.ripguard("restore", release, back, "--key-file", made.key, "--signer", "any")
    paths = [path.relative_to(back) for path in back.rglob("*.png")]
    return sum(np.array_equal(read_image(back / path), read_image(made.source / path)) for path in paths)


if __name__ == "__main__":
    with refusals_printed():
        main()
