"""kill -9, then the same command again: the release of an undisturbed run, byte for byte."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from helpers import good, refused, start, tree_digest

from ripguard.images.encoding import png_bytes


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """A source whose images have twelve shapes, so that there are twelve shards."""
    from helpers import crop

    for label in ("a", "b"):
        for side in range(20, 32):
            place = tmp_path / "source" / label
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{side}.png").write_bytes(png_bytes(crop(side, side, 32)))
    return tmp_path / "source"


def test_killed_runs_are_continued(shapes, tmp_path):  # type: ignore[no-untyped-def]
    """Killed after 0, 1, 4 and 9 shards; a finished shard that rotted meanwhile is done again."""
    key, out = tmp_path / "k", tmp_path / "out"
    good("keygen", "--out", key)
    command = ("protect", shapes, out, "--key-file", key, "--perturb", "none", "--workers", "1")
    good(*command)
    wanted = tree_digest(out)
    shutil.rmtree(out)
    commits = tmp_path / ".out.ripguard-partial" / "commits"
    for stop_after in (0, 1, 4, 9):
        for _ in range(20):  # it may end before it can be killed
            process = start(*command)
            while process.poll() is None and len(list(commits.glob("*.json"))) < stop_after:
                time.sleep(0.001)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if not out.exists():
                break
            shutil.rmtree(out)
        assert process.returncode == -signal.SIGKILL
        if stop_after == 4:  # rot in finished work
            image = next((commits.parent / "release").rglob("*.png"))
            residue = max((commits.parent / "residue").glob("*.bin"))
            for path in (image, residue):
                path.write_bytes(path.read_bytes()[:-1] + b"x")
    good(*command)
    assert tree_digest(out) == wanted
    assert sorted(p.name for p in tmp_path.iterdir()) == ["k", "k.sign", "k.signers", "out", "source"]


def test_temporary_files_of_a_killed_run_go(shapes, tmp_path):  # type: ignore[no-untyped-def]
    """Wherever they are in the working folder: beside plan.json, among the commits, the residue, the images."""
    key, out = tmp_path / "k", tmp_path / "out"
    good("keygen", "--out", key)
    for place in ("", "commits", "residue", "release/a"):
        (tmp_path / ".out.ripguard-partial" / place).mkdir(parents=True, exist_ok=True, mode=0o700)
        (tmp_path / ".out.ripguard-partial" / place / ".0123456789abcdef.4711.tmp").write_bytes(b"half")
    good("protect", shapes, out, "--key-file", key, "--perturb", "none", "--workers", "1")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["k", "k.sign", "k.signers", "out", "source"]
    assert not list(out.rglob("*.tmp"))


def test_another_plan_does_not_continue(shapes, tmp_path):  # type: ignore[no-untyped-def]
    """An unfinished run with other settings is kept until --restart says otherwise."""
    key, out = tmp_path / "k", tmp_path / "out"
    good("keygen", "--out", key)
    partial = tmp_path / ".out.ripguard-partial"
    partial.mkdir()
    (partial / "plan.json").write_text("{}")
    command = ("protect", shapes, out, "--key-file", key, "--perturb", "none", "--workers", "1")
    assert "--restart" in refused(8, *command)
    assert not out.exists()
    good(*command, "--restart")
    assert out.exists()


def test_two_runs_on_one_output(shapes, tmp_path):  # type: ignore[no-untyped-def]
    """The second is told, the first goes on."""
    import fcntl

    key, out = tmp_path / "k", tmp_path / "out"
    good("keygen", "--out", key)
    partial = tmp_path / ".out.ripguard-partial"
    partial.mkdir()
    with open(partial / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        command = ("protect", shapes, out, "--key-file", key, "--perturb", "none", "--workers", "1")
        assert "another ripguard" in refused(8, *command)


def test_a_source_that_changes_is_noticed(shapes, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """An image that is no longer what the plan saw: refused, nothing published."""
    from ripguard.crypto.keys import Key
    from ripguard.data.registry import open_source
    from ripguard.errors import InputRefused
    from ripguard.release.plan import make_plan
    from ripguard.release.prepare import prepare
    from ripguard.release.protect import protect
    from ripguard.schemes import SCHEMES

    scheme = SCHEMES["mrit"].with_options({"perturb": "none"})
    plan = make_plan(open_source(str(shapes)), scheme)
    (shapes / "a/20.png").write_bytes((shapes / "b/20.png").read_bytes()[:-3])
    with pytest.raises(InputRefused, match="changed while"):
        protect(plan, prepare(plan), Key.generate(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_published_that_does_not_restore(shapes, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A byte that changes between writing and publishing ends the run: the check reads the file, not the memory."""
    from ripguard.crypto.keys import Key
    from ripguard.data.registry import open_source
    from ripguard.errors import RipguardError
    from ripguard.release import shard
    from ripguard.release.plan import make_plan
    from ripguard.release.prepare import prepare
    from ripguard.schemes import SCHEMES
    from ripguard.store.together import Together

    plan = make_plan(open_source(str(shapes)), SCHEMES["mrit"].with_options({"perturb": "none"}))
    keys = Key.generate().dataset(b"12345678")
    job = shard.Job(plan, keys, prepare(plan)(), tmp_path / "tree", tmp_path / "work")
    honest = Together.write

    def rotten(self: Together, path: Path, data: bytes) -> None:
        honest(self, path, data)
        if path.suffix == ".bin":
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    monkeypatch.setattr(Together, "write", rotten)
    with pytest.raises(RipguardError, match="nothing is published"):
        shard.run_shard(job, 0)
    assert not shard.committed(job, 0)
    assert not (tmp_path / "work/commits").exists()
