"""A disk that is really full, and one that is really read-only: small file systems, where mounting is allowed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import good, make_source, tree_digest

MOUNT = shutil.which("unshare") and subprocess.run(
    ["unshare", "-m", "sh", "-c", 'd=$(mktemp -d) && mount -t tmpfs x "$d" && umount "$d" && rmdir "$d"'],
    capture_output=True,
)
pytestmark = pytest.mark.skipif(not MOUNT or MOUNT.returncode != 0, reason="needs the right to mount (root on Linux)")
RIPGUARD = f"'{sys.executable}' -m ripguard"


def shell(place: Path, script: str) -> str:
    """Output of a script run in ``place``, with mounts that nobody else sees and that end with it."""
    done = subprocess.run(["unshare", "-m", "sh", "-euc", script], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory):  # type: ignore[no-untyped-def]
    """Source, key, a release and its restored images, and an empty folder to mount on."""
    place = tmp_path_factory.mktemp("disk")
    make_source(place / "source")
    good("keygen", "--out", place / "k")
    good("protect", place / "source", place / "release", "--key-file", place / "k", "--perturb", "none")
    good("restore", place / "release", place / "back", "--key-file", place / "k")
    (place / "disk").mkdir()
    return place


@pytest.mark.parametrize(
    ("verb", "start", "wanted"), [("protect", "source", "release"), ("restore", "release", "back")]
)
@pytest.mark.parametrize("size", ["16k", "40k", "80k"])
def test_full_then_enlarged(verb, start, wanted, size, place):  # type: ignore[no-untyped-def]
    """Refused with one sentence and nothing at the output's place; with room the same command ends as it should."""
    own = "--perturb none" if verb == "protect" else ""
    command = f"{RIPGUARD} {verb} {start} disk/out --key-file k --workers 1 {own}"
    copy = f"{verb}-{size}"
    said = shell(
        place,
        f"mount -t tmpfs -o size={size} x disk\n"
        f"{command} && exit 1 || test $? = 9\n"
        "test ! -e disk/out\n"
        "mount -o remount,size=64m disk\n"
        f"{command}\n"
        f"cp -r disk/out {copy}; ls -A disk > {copy}.names",
    )
    assert "No space left on device" in said
    assert "Traceback" not in said
    assert tree_digest(place / copy) == tree_digest(place / wanted)
    assert (place / f"{copy}.names").read_text() == "out\n"


def test_read_only(place):  # type: ignore[no-untyped-def]
    """A read-only target is refused before any work; a read-only source is as good as any."""
    said = shell(
        place,
        "mount -t tmpfs -o size=64m x disk; mkdir disk/source; cp -r source/. disk/source; mount -o remount,ro disk\n"
        f"{RIPGUARD} protect source disk/out --key-file k --perturb none && exit 1 || test $? = 9\n"
        f"{RIPGUARD} restore release disk/out --key-file k && exit 1 || test $? = 9\n"
        f"{RIPGUARD} protect disk/source from-read-only --key-file k --perturb none",
    )
    assert said.count("Read-only file system") == 2
    assert "Traceback" not in said
    assert tree_digest(place / "from-read-only") == tree_digest(place / "release")
