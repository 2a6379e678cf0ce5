"""`ripguard serve` in a process of its own, used by the commands of `ripguard platform`."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import call, good
from releases import KEY
from vector_cases import VECTORS

from ripguard.errors import UsageError
from ripguard.platform.serving import Serving
from ripguard.release.manifest import Release

RELEASE = VECTORS / "releases" / "v2-ranked"


def start(folder: Path) -> tuple[subprocess.Popen, dict]:  # type: ignore[type-arg]
    command = [sys.executable, "-m", "ripguard", "serve", "--data", folder, "--port", "0", "--workers", "1", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return process, json.loads(process.stdout.readline())  # type: ignore[union-attr]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[dict]:  # type: ignore[type-arg]
    process, about = start(tmp_path / "platform")
    yield about
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM), err
    assert "rgd_" not in out + err


def test_from_a_new_platform_to_clean_images(served, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("RIPGUARD_SERVER", served["address"])
    assert os.stat(served["token_file"]).st_mode & 0o777 == 0o600
    KEY.write(tmp_path / "k")
    admin, owner, profile = ("--token-file", served["token_file"]), tmp_path / "owner", tmp_path / "profile"
    good("platform", "account", "anna", "owner", "--out", owner, *admin)
    assert owner.stat().st_mode & 0o777 == 0o600
    mine = ("--token-file", owner)
    done = good("platform", "deposit", RELEASE, "--dataset", "photos", "--key-file", tmp_path / "k", *mine)
    assert done["new"]
    assert not good("platform", "deposit", RELEASE, "--dataset", "photos", "--key-file", tmp_path / "k", *mine)["new"]
    code, out, _ = call("platform", "restore", RELEASE, tmp_path / "x", "--dataset", done["dataset"], *admin, "--json")
    assert (code, json.loads(out)["error"]) == (15, "absent")
    good("platform", "grant", "photos", "lab", "--days", "2", "--invite", "--out", profile, *mine)
    found = good("platform", "restore", RELEASE, tmp_path / "clean", "--profile", profile)
    release = Release.open(RELEASE)
    assert (found["restored"], found["refused"]) == (len(release.rows), [])
    written = {hashlib.sha256(one.read_bytes()).hexdigest() for one in (tmp_path / "clean").rglob("*") if one.is_file()}
    good("restore", RELEASE, tmp_path / "back", "--key-file", tmp_path / "k")
    wanted = {
        hashlib.sha256((tmp_path / "back" / release.source_path(row, KEY)).read_bytes()).hexdigest()
        for row in release.rows
    }
    assert written == wanted
    code, out, _ = call("platform", "restore", RELEASE, tmp_path / "clean", "--profile", profile, "--json")
    assert (code, json.loads(out)["error"]) == (8, "output-refused")


def test_a_public_address_needs_a_proxy():
    with pytest.raises(UsageError, match="unencrypted"):
        Serving(host="0.0.0.0")
    assert Serving(host="0.0.0.0", behind_tls_proxy=True).host
