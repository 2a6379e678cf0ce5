"""A folder that cannot be listed is refused or named, on protecting and on restoring; never left out with exit 0."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from helpers import call, refused, tree_digest
from test_one_takes_all import deep

from ripguard import files

# an ordinary user may not list what has no permissions; root may, unless it gives these capabilities up
AS_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
able = pytest.mark.skipif(bool(AS_USER) and not shutil.which("setpriv"), reason="needs setpriv, or not to be root")


def run(*words):  # type: ignore[no-untyped-def]
    command = [*AS_USER, sys.executable, "-m", "ripguard", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@able
def test_a_class_folder_without_permissions(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    key = ("--key-file", field.key, "--workers", "1")
    source = shutil.copytree(field.source, tmp_path / "source")
    release = copied()
    for folder in (source / "train/cup", release / "train/cup"):
        folder.chmod(0)
    try:
        code, _, err = run("protect", source, tmp_path / "out", *key, "--perturb", "none")
        assert code == 3
        assert "train/cup: cannot be listed: Permission denied" in err
        assert not (tmp_path / "out").exists()
        code, said, _ = run("restore", release, tmp_path / "back", *key, "--json")
        found = json.loads(said)
        assert (code, found["restored"]) == (9, 13)
        assert "cannot be listed" in found["refused"][0]["message"]
        assert sum(one["code"] == "verify-failed" for one in found["refused"]) == 3
        code, said, _ = run("verify", release, "--json")
        report = json.loads(said)
        assert (code, report["unreadable"], len(report["missing"])) == (10, ["train/cup/"], 3)
    finally:
        for folder in (source / "train/cup", release / "train/cup"):
            folder.chmod(0o755)


@able
def test_files_without_permissions(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """An image and a residue file that may not be read: not damaged, exit 9."""
    key, release = ("--key-file", field.key, "--workers", "1"), field.old("v1-ranked", tmp_path)
    for name in ("train/a/odd.png", ".ripguard/residue/000003.bin"):
        (release / name).chmod(0)
    code, said, _ = run("restore", release, tmp_path / "back", *key, "--json")
    assert code == 9
    assert {one["code"] for one in json.loads(said)["refused"]} == {"storage"}
    code, said, _ = run("verify", release, "--json")
    assert (code, json.loads(said)["changed"], json.loads(said)["residue"]) == (10, [], [])


def test_a_path_that_is_too_long(field, tmp_path):  # type: ignore[no-untyped-def]
    source = shutil.copytree(field.source, tmp_path / "source")
    try:
        deep(source / "train/cat")
        message = refused(3, "protect", source, tmp_path / "out", "--key-file", field.key, "--perturb", "none")
    finally:
        subprocess.run(["rm", "-rf", str(source)], check=True)
    assert "cannot be listed: File name too long" in message


@pytest.mark.parametrize("number", [2, 3, 5, 8])
def test_any_error_while_listing(number, field, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """The n-th folder gives EIO, as on a failing disk or a stale mount: refused, or missing and named."""
    import errno

    real, seen = os.scandir, []

    def failing(path="."):  # type: ignore[no-untyped-def]
        seen.append(path)
        if len(seen) == number:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return real(path)

    key = ("--key-file", field.key, "--workers", "1")
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "scandir", failing)
        assert "cannot be listed" in refused(3, "protect", field.source, tmp_path / "out", *key, "--perturb", "none")
        seen.clear()
        code, said, err = call("restore", field.release("mrit"), tmp_path / "back", *key, "--json")
    assert "Traceback" not in err
    found = json.loads(said)
    assert code == 9, said
    assert "cannot be listed" in found["refused"][0]["message"]
    back = tree_digest(tmp_path / "back")
    wanted = tree_digest(field.restored("mrit"))
    assert back.items() <= wanted.items()
    lost = len(wanted) - len(back) - ("labels.csv" not in back)
    assert sum(one["code"] == "verify-failed" for one in found["refused"]) == lost
