"""Wheel and sdist of this checkout, and bare environments into which the wheel is installed.

An environment has nothing but an interpreter, pip, and what was installed: no variable of the caller, and no way to
the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from _run import ROOT

PYTHONS = ("python3.11", "python3.12", "python3.13")
OF_CALLER = ("PYTHON", "RIPGUARD_", "VIRTUAL_ENV")  # beginnings of variables
KINDS = ("restore", "protect", "full")
CONSTRAINTS = ROOT / "constraints.txt"


def built(place: Path, isolated: bool = True) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from the sdist, with ``python -m build``.

    The checkout is copied first: building leaves folders in a source, and takes up those that an older one left.

    Args:
        place: folder to make; isolated: whether pip gets the build backend, or the one of this process is taken.

    Returns:
        Paths of the sdist and the wheel.
    """
    source = place / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    alone = [] if isolated else ["--no-isolation"]
    run(sys.executable, "-m", "build", *alone, "--outdir", place / "dist", source)
    (sdist,), (wheel,) = ((place / "dist").glob(pattern) for pattern in ("*.tar.gz", "*.whl"))
    return sdist, wheel


@dataclass(frozen=True)
class Environment:
    """A bare environment.

    Attributes:
        place: its folder.
        python: its interpreter's version, ``3.11``.
        empty: bytes that it took before anything was installed.
    """

    place: Path
    python: str
    empty: int

    @property
    def programs(self) -> Path:
        return self.place / ("Scripts" if os.name == "nt" else "bin")

    def pip(self, *words: str | Path) -> str:
        """Run its pip, with the pinned versions. Returns standard output."""
        constraints = ["-c", str(CONSTRAINTS)] if words[0] == "install" else []
        return run(self.programs / "python", "-m", "pip", "--disable-pip-version-check", *words, *constraints).stdout

    def ripguard(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run its `ripguard`, with a cache of its own."""
        return run(self.programs / "ripguard", *words, check=check, RIPGUARD_CACHE=str(self.place / "cache"))

    def bytes_added(self) -> int:
        """Bytes of the files that were installed."""
        return size(self.place) - self.empty

    def packages(self) -> dict[str, str]:
        """Name → version of what is installed, without what was there before."""
        lines = self.pip("list", "--format", "freeze", "--exclude", "pip", "--exclude", "setuptools").splitlines()
        return dict(line.split("==", 1) for line in lines if "==" in line)


def environment(python: str, place: Path) -> Environment:
    """An empty environment of an interpreter."""
    run(python, "-m", "venv", place)
    version = run(place / "bin" / "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").stdout.strip()
    return Environment(place, version, size(place))


def install(own: Environment, kind: str, wheel: Path, any_torch: bool = False) -> None:
    """Install the wheel as ``docs/how-to/install.md`` says.

    Args:
        kind: one of :data:`KINDS`.
        any_torch: take the build of torch that the index gives for what torchvision asks, instead of the pinned one.
    """
    if kind == "full":
        if not any_torch:  # first, as in the Makefile
            own.pip("install", "-q", "torch")
        own.pip("install", "-q", wheel)
    else:
        own.pip("install", "-q", "-r", ROOT / "requirements" / f"{kind}.txt")
        own.pip("install", "-q", "--no-deps", wheel)


def available(names: tuple[str, ...] = PYTHONS) -> list[str]:
    """The interpreters that run, and can make environments."""
    return [name for name in names if _runs(name)]


def _runs(name: str) -> bool:
    try:
        return run(name, "-c", "import venv, ensurepip", check=False).returncode == 0
    except OSError:
        return False


def run(*words: str | Path, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program outside the checkout, without the caller's variables for Python and ripguard.

    Raises:
        RuntimeError: it failed; the message has what it printed.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(OF_CALLER)} | more
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, env=own, cwd=os.path.abspath(os.sep))
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def size(place: Path) -> int:
    """Bytes of all files below a folder; links count nothing."""
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink())
