"""Another user of the machine: folders made in advance, links planted in them, files exchanged during a run."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import threading
import time
from pathlib import Path

import pytest
from helpers import call, good, refused, tree_digest
from releases import VECTORS

from ripguard.errors import StorageError
from ripguard.release import protect as protecting
from ripguard.release import restore as restoring

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
STRANGER = 12345


def commands(field, out):  # type: ignore[no-untyped-def]
    key = ("--key-file", field.key)
    return (
        ("restore", field.release("mrit"), out, *key),
        ("protect", field.source, out, *key, "--perturb", "none", "--workers", "1"),
    )


@root_only
def test_a_working_folder_of_another_user(field, tmp_path):  # type: ignore[no-untyped-def]
    out, partial = tmp_path / "out", tmp_path / ".out.ripguard-partial"
    for words in commands(field, out):
        partial.mkdir()
        os.chown(partial, STRANGER, STRANGER)
        partial.chmod(0o777)
        assert "belongs to another user" in refused(8, *words)
        assert not out.exists()
        assert not list(partial.iterdir())
        partial.rmdir()


@pytest.mark.parametrize("name", ["lock", "release", "restored", "originals", "commits", "plan.json"])
def test_links_in_a_working_folder(name, field, tmp_path):  # type: ignore[no-untyped-def]
    """Nothing is written, made or removed where they lead."""
    out, partial, aside = tmp_path / "out", tmp_path / ".out.ripguard-partial", tmp_path / "aside"
    aside.mkdir()
    (aside / "precious.txt").write_text("p")
    (aside / ".x.tmp").write_text("looks like litter")
    before = tree_digest(aside)
    target = aside / "new" if name in ("lock", "plan.json") else aside
    for words in (*commands(field, out), ("gc", out, "--unfinished")):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        (partial / name).symlink_to(target)
        assert "is a link" in refused(8, *words)
        assert tree_digest(aside) == before
        assert not os.path.lexists(out)


def test_working_folders_are_private(field, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Made for the user alone, and tightened where one is older; what is published has the usual mode."""
    seen = []
    real = protecting.complete, restoring._run

    def look(function):  # type: ignore[no-untyped-def]
        def looking(*arguments):  # type: ignore[no-untyped-def]
            seen.append(stat.S_IMODE((tmp_path / ".out.ripguard-partial").stat().st_mode))
            return function(*arguments)

        return looking

    monkeypatch.setattr(protecting, "complete", look(real[0]))
    monkeypatch.setattr(restoring, "_run", look(real[1]))
    for older in (False, True):
        for words in commands(field, tmp_path / "out"):
            if older:
                (tmp_path / ".out.ripguard-partial").mkdir()
                (tmp_path / ".out.ripguard-partial").chmod(0o777)
            assert call(*words)[0] == 0
            usual = 0o777 & ~_umask()
            assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == usual
            shutil.rmtree(tmp_path / "out")
    assert seen == [0o700] * 4


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("what", ["image", "residue", "gone"])
def test_exchanged_after_it_was_checked(what, field, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """All is hashed once more when the manifest is written; the same command then makes it anew."""
    words, real = commands(field, tmp_path / "out")[1], protecting._run

    def exchange(*arguments):  # type: ignore[no-untyped-def]
        found = real(*arguments)
        work = tmp_path / ".out.ripguard-partial"
        victim = max(work.glob("residue/*.bin" if what == "residue" else "release/train/cat/*.png"))
        victim.unlink() if what == "gone" else victim.write_bytes(victim.read_bytes()[:-1] + b"x")
        return found

    monkeypatch.setattr(protecting, "_run", exchange)
    assert "changed after it was checked" in refused(9, *words)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(protecting, "_run", real)
    assert call(*words)[0] == 0
    assert tree_digest(tmp_path / "out") == tree_digest(field.release("mrit"))


@pytest.mark.parametrize("end", ["appeared", "mount point", "storage", "interrupted"])
def test_no_clean_image_stays_behind(end, field, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """However a restoration ends, its working folder does not keep what it restored."""
    out, real = tmp_path / "out", restoring.copy_annotations

    def disturbed(*arguments):  # type: ignore[no-untyped-def]
        assert list((tmp_path / ".out.ripguard-partial").rglob("*.png"))
        if end == "appeared":
            out.mkdir()
            (out / "x").touch()
        elif end == "mount point":
            monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == out)
        elif end == "storage":
            raise StorageError("no more")
        else:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(restoring, "copy_annotations", disturbed)
    code, _, _ = call(*commands(field, out)[0])
    assert code == {"storage": 9, "interrupted": 130}.get(end, 8)
    assert not os.path.lexists(tmp_path / ".out.ripguard-partial")


def test_a_mount_point_is_refused_at_the_start(field, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Nothing can be renamed to it, which was found out at the very end."""
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == out)
    monkeypatch.setattr(protecting, "_run", None)
    for words in commands(field, out):
        assert "is a mount point" in refused(8, *words)


def test_files_that_vanish_before_the_end(field, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Somebody else removes a restored image before the tree gets its name."""
    real = restoring.copy_annotations

    def remove(asked, tree, *rest):  # type: ignore[no-untyped-def]
        next(tree.rglob("*.png")).unlink()
        (tree / "labels.csv").unlink(missing_ok=True)
        asked.folders.clear()
        return real(asked, tree, *rest)

    monkeypatch.setattr(restoring, "copy_annotations", remove)
    assert "vanished" in refused(9, *commands(field, tmp_path / "out")[0])
    assert not (tmp_path / "out").exists()


@root_only
@pytest.mark.parametrize("version", [1, 2])
def test_a_planted_record_in_a_shared_folder(version, field, tmp_path):  # type: ignore[no-untyped-def]
    """A stranger's metadata above other people's files: keys and loose images below it are not part of anything."""
    shared = tmp_path / "shared"
    shared.mkdir()
    if version == 1:
        shutil.copytree(VECTORS / "releases/v1-seal/.ripguard", shared / ".ripguard")
    else:
        shutil.copy(field.release("sealbytes") / "release.ripguard", shared)
    for place in shared.rglob("*"):
        os.chown(place, STRANGER, STRANGER)
    mine = shared / "me"
    (mine / "loose").mkdir(parents=True)
    for place in (mine, mine / "loose"):
        os.chown(place, STRANGER + 1, STRANGER + 1)
    shutil.copy(field.release("sealbytes") / "train/cat/0.png", mine / "loose")
    os.chown(mine / "loose/0.png", STRANGER + 1, STRANGER + 1)
    for name in ("k", "k9"):
        with contextlib.suppress(FileExistsError):
            good("keygen", "--out", mine / name)
    found = good("restore", mine / "loose", tmp_path / "out", "--key-file", field.key)
    assert (found["restored"], found["checked"]) == (1, False)
    assert good("inspect", mine / "loose/0.png")["known_to_release"] == "no release around"


def test_a_release_above_that_knows_nothing_of_it(field, tmp_path):  # type: ignore[no-untyped-def]
    """Images of another release in a folder of a release: told to be strangers, or restored as loose ones."""
    outer = Path(shutil.copytree(field.release("mrit"), tmp_path / "outer"))
    loose = outer / "mine"
    loose.mkdir()
    shutil.copy(field.release("sealbytes") / "train/cat/0.png", loose)
    found = good("restore", loose, tmp_path / "out", "--key-file", field.key)
    assert (found["restored"], found["checked"]) == (1, False)
    code, said, _ = call("restore", outer, tmp_path / "all", "--key-file", field.key, "--json")
    assert (code, [one["code"] for one in json.loads(said)["refused"]]) == (12, ["needs-release"])


def test_two_restorations_into_one_output(field, tmp_path):  # type: ignore[no-untyped-def]
    """The lock is of the file that stands there: one that was removed meanwhile holds nothing."""
    from ripguard.errors import OutputRefused
    from ripguard.store.atomic import lock

    place = tmp_path / "work" / "lock"
    inside, order = threading.Event(), list[str]()

    def late() -> None:
        with contextlib.suppress(OutputRefused), lock(place):
            order.append("late")

    import fcntl

    honest, first = fcntl.flock, threading.Event()

    def slow(handle, how):  # type: ignore[no-untyped-def]
        if threading.current_thread() is not threading.main_thread() and not first.is_set():
            first.set()
            inside.wait(10)  # the file was opened; its holder removes it now, and another makes a new one
        return honest(handle, how)

    patch = pytest.MonkeyPatch()
    patch.setattr(fcntl, "flock", slow)  # filelock calls it
    try:
        with lock(place):
            thread = threading.Thread(target=late)
            thread.start()
            assert first.wait(10)
            place.unlink()
        with lock(place):
            order.append("second")
            inside.set()
            time.sleep(0.3)
            thread.join(10)
            assert order == ["second"]
    finally:
        patch.undo()
    assert not thread.is_alive()
