"""gc removes litter of killed runs and nothing else."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest
from helpers import call, good, make_source, refused, tree_digest
from releases import KEY, golden


@pytest.fixture
def release(tmp_path):  # type: ignore[no-untyped-def]
    good("keygen", "--out", tmp_path / "k")
    good("protect", make_source(tmp_path / "s"), tmp_path / "r", "--key-file", tmp_path / "k", "--perturb", "none")
    return tmp_path / "r"


def test_a_clean_release_has_no_litter(release):  # type: ignore[no-untyped-def]
    """Nothing found, nothing changed."""
    before = tree_digest(release, times=True)
    assert good("gc", release, "--unfinished")["files"] == []
    assert tree_digest(release, times=True) == before


def old(place: Path) -> tuple[Path, Path]:
    """A release of format v1, and its key file."""
    KEY.write(place / "old.key")
    return golden("v1-ranked", place), place / "old.key"


@pytest.mark.parametrize("version", [1, 2])
def test_litter_goes_and_images_stay(version, tmp_path, request):  # type: ignore[no-untyped-def]
    """Temporary files are moved aside, of old releases residue that nothing names and unknown meta files too; a
    stranger's image stays.
    """
    release, key = old(tmp_path) if version == 1 else (request.getfixturevalue("release"), tmp_path / "k")
    before, meta, images = tree_digest(release), release / ".ripguard", next(release.rglob("*.png")).parent
    litter = [images / ".0123456789abcdef.4711.tmp", release / ".0123456789abcdef.12.tmp"]
    if version == 1:
        litter += [meta / "residue/999999.bin", meta / "residue/.0123456789abcdef.12.tmp", meta / "release.json.bak"]
    for path in litter:
        path.write_bytes(b"left behind")
    strangers = [images / "stranger.png", images / ".notes.1.tmp"]
    if version == 2:
        meta.mkdir()
        strangers.append(meta / "release.json.bak")
    for path in strangers:
        path.write_bytes(b"not ours")
    code, out, _ = call("verify", release, "--json")
    report = json.loads(out)
    assert code == 10
    inside = [path.relative_to(release).as_posix() for path in litter if ".ripguard" in path.parts]
    assert report["unlisted"] == sorted(inside)
    others = {path.relative_to(release).as_posix() for path in (*litter, *strangers)}
    assert {*report["extra"], *report["litter"]} == others - set(inside)
    listed = good("gc", release, "--dry-run", "--key-file", key)
    assert {row["path"] for row in listed["files"]} == {str(path) for path in litter}
    assert all(path.exists() for path in litter)
    done = good("gc", release, "--key-file", key)
    assert done["bytes"] == 11 * len(litter)
    aside = tmp_path / f".{release.name}.ripguard-removed-1"
    assert {row["moved_to"] for row in done["files"]} == {str(aside / path.relative_to(release)) for path in litter}
    assert sorted(tree_digest(aside)) == sorted(path.relative_to(release).as_posix() for path in litter)
    for path in strangers:
        path.unlink()
    assert tree_digest(release) == before
    assert good("verify", release, "--key-file", key)["ok"]


def test_unfinished_runs_go_only_on_request(release, tmp_path):  # type: ignore[no-untyped-def]
    """One that could be continued is kept, one that is running is never touched; a stranger's folder is no release."""
    partial = tmp_path / ".new.ripguard-partial"
    (partial / "release").mkdir(parents=True)
    (partial / "lock").touch()
    assert good("gc", tmp_path / "new")["files"] == []
    with open(partial / "lock") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another ripguard" in refused(8, "gc", tmp_path / "new", "--unfinished")
    assert partial.is_dir()
    assert good("gc", tmp_path / "new", "--unfinished")["files"][0]["kind"] == "unfinished"
    assert not partial.exists()
    assert "neither a release" in refused(6, "gc", tmp_path / "s")
