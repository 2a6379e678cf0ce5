"""Users without a home or a name in the system, folders that cannot be written, keys whose mode cannot be changed.

As in containers, on clusters and with mounted secrets.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import call, crop, good, refused, tree_digest

from ripguard.crypto.keys import Key
from ripguard.errors import KeyFileError
from ripguard.images.encoding import png_bytes
from ripguard.train.protected import ProtectedDataset

STRANGER = 12345  # a user without an entry in the system's list
CAN_BECOME = bool(shutil.which("setpriv")) and hasattr(os, "geteuid") and os.geteuid() == 0
as_stranger = pytest.mark.skipif(not CAN_BECOME, reason="needs root and setpriv, to become a user who is not listed")
# the capability lets that user read the interpreter, which may lie in a private folder
BECOME = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
BECOME += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]

SCRIPT = """
import json, sys

def temporary(event, arguments):  # working folders are beside the output, not among temporary files
    if event.startswith("tempfile.mk") and not str(arguments[0]).startswith(sys.argv[2]):
        print("temporary", arguments[0], flush=True)

sys.addaudithook(temporary)
from ripguard.cli import main

for words in json.loads(sys.argv[1]):
    print("exit", main(words), words[0], flush=True)
"""


@pytest.fixture
def own(tmp_path) -> Iterator[Path]:  # type: ignore[no-untyped-def]
    """A folder of that user: a source of six images, keys, and a home that cannot be written."""
    place = tmp_path / "own"
    for index in range(6):
        image = place / "source" / "ab"[index % 2] / f"{index}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(png_bytes(crop(index)))
    good("keygen", "--out", place / "k")
    (place / "locked" / ".cache" / "ripguard").mkdir(parents=True)
    for path in [place, *place.rglob("*")]:
        os.chown(path, STRANGER, STRANGER)
    for path in [place / "locked", *(place / "locked").rglob("*")]:
        path.chmod(0o555)
    shared = Path(tempfile.gettempdir()) / f"ripguard-{STRANGER}"
    known = shared.exists()
    yield place
    if not known:
        shutil.rmtree(shared, ignore_errors=True)


def stranger(own: Path, variables: dict[str, str], *commands: tuple[str | Path, ...]) -> tuple[list[str], list[str]]:
    """Lines of both streams of commands that this user runs one after another, with these variables alone."""
    words = json.dumps([[str(word) for word in command] for command in commands])
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"} | variables
    command = [*BECOME, sys.executable, "-c", SCRIPT, words, str(own)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.splitlines()


def codes(lines: list[str]) -> list[int]:
    return [int(line.split()[1]) for line in lines if line.startswith("exit ")]


WORLDS = {
    "empty": {"TMPDIR": "/nonexistent"},
    "home that cannot be written": {"HOME": "{own}/locked", "TMPDIR": "{own}/locked"},
    "root": {"HOME": "/"},
    "missing home": {"HOME": "/nonexistent"},
    "another's home": {"HOME": "/root", "USER": "u"},
}
SLOW = {"root", "missing home", "another's home"}


@as_stranger
@pytest.mark.parametrize(
    "world", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in WORLDS]
)
def test_a_user_without_a_home(world, own):  # type: ignore[no-untyped-def]
    """Everything works, and nothing is printed but what ripguard prints."""
    variables = {name: value.format(own=own) for name, value in WORLDS[world].items()}
    out, back, key = own / "out", own / "back", ("--key-file", own / "k", "--workers", "1")
    told, errors = stranger(
        own, variables,
        ("protect", own / "source", out, *key),
        ("restore", out, back, *key),
        ("verify", out, *key, "--source", own / "source"),
        ("report", out, "--source", own / "source", "--restored", back, "--grid", own / "grid.png", "--workers", "1"),
        ("data", "list"),
    )  # fmt: skip
    assert codes(told) == [0] * 5, errors
    assert [line for line in errors if not line.startswith(("ripguard: ", "  "))] == []
    assert [line for line in told if line.startswith("temporary")] == []
    assert tree_digest(back) == tree_digest(own / "source")
    assert (own / "grid.png").exists()


@as_stranger
def test_a_cache_that_cannot_be_written(own):  # type: ignore[no-untyped-def]
    """What needs it names the variable; what is only faster with it works."""
    light = ("--key-file", own / "k", "--workers", "1", "-q")
    tap = ("--perturb", "tap", "--surrogate-epochs", "1", "--attack-steps", "1")
    told, errors = stranger(
        own, {"RIPGUARD_CACHE": f"{own}/locked/.cache/ripguard"},
        ("protect", "photos", own / "a", *light, "--limit", "20"),
        ("protect", own / "source", own / "b", *light, *tap),
        ("protect", own / "source", own / "c", *light, "--scheme", "balanced"),
    )  # fmt: skip
    assert codes(told) == [9, 9, 0]
    assert sum("set RIPGUARD_CACHE" in line for line in errors) == 2
    assert not any("Traceback" in line for line in errors)
    assert sorted(path.name for path in own.iterdir()) == ["c", "k", "k.sign", "k.signers", "locked", "source"]


@pytest.fixture
def mounted(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A release, its source, and a key file that everybody can read, as on a mount whose modes are fixed.

    Each command of the test gets the key on standard input.
    """
    for index in range(6):
        image = tmp_path / "source" / "ab"[index % 2] / f"{index}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(png_bytes(crop(index)))
    good("keygen", "--out", tmp_path / "k")
    (tmp_path / "k").chmod(0o644)
    monkeypatch.delenv("RIPGUARD_KEY_FILE", raising=False)
    text = (tmp_path / "k").read_bytes()

    def piped(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        return call(*words, "--key-file", "-")

    return tmp_path, piped


def test_a_key_on_standard_input(mounted, monkeypatch):  # type: ignore[no-untyped-def]
    """It works for every command, with several workers too; the refusal of the file says so."""
    place, piped = mounted
    source, out = place / "source", place / "out"
    assert f"--key-file - < {place}/k" in refused(7, "protect", source, out, "--key-file", place / "k")
    signed = ("--sign-key", place / "k.sign")
    trained = ("--protocol", "smoke", "--epochs", "1", "--out", place / "m.pt")
    for words in (
        ("protect", source, out, "--perturb", "none", "--workers", "1", *signed),
        ("restore", out, place / "back", "--workers", "2", "--signer", "any"),
        ("verify", out, "--workers", "1", "--source", source, "--signer", "any"),
        ("inspect", out),
        ("report", out, "--source", source, "--workers", "1"),
        ("train", out, *trained, "--signer", "any"),
        ("gc", out),
    ):
        code, _, errors = piped(*words)
        assert code == 0, (words[0], errors)
    assert tree_digest(place / "back") == tree_digest(source)
    (place / "k").chmod(0o600)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((place / "k.sign").read_bytes())))
    monkeypatch.chdir(source)  # "-" is no file there
    key = ("--key-file", place / "k", "--sign-key", "-", "--workers", "1")
    assert good("protect", source, place / "signed", "--perturb", "none", *key)["signer"]
    assert "holds one key, not two" in piped("protect", source, place / "two", "--sign-key", "-")[2]
    code, _, errors = piped("evaluate", out, "--source", source, "--workers", "1")  # it reads the key before the images
    assert (code, "too few" in errors) == (3, True)


def test_a_key_as_text(mounted):  # type: ignore[no-untyped-def]
    """For ProtectedDataset: the key itself, or standard input, which is read once."""
    place, piped = mounted
    assert piped("protect", place / "source", place / "out", "--perturb", "none", "--workers", "1")[0] == 0
    with pytest.raises(KeyFileError, match=r"Key\.from_text"):
        ProtectedDataset(place / "out", place / "k")
    key = Key.from_text((place / "k").read_text())
    assert key.file is None
    found = ProtectedDataset(place / "out", key, signer="any")
    sys.stdin = io.TextIOWrapper(io.BytesIO((place / "k").read_bytes()))  # the fixture puts the old one back
    again = ProtectedDataset(place / "out", "-", signer="any")
    assert [label for _, label in found] == [label for _, label in again]
    with pytest.raises(KeyFileError, match="the text is not a key file"):
        Key.from_text("not a key")


@pytest.mark.slow
def test_a_key_as_text_in_spawned_workers(mounted):  # type: ignore[no-untyped-def]
    """They get the key itself: there is no file that they could read."""
    import numpy as np
    from torch.utils.data import DataLoader

    place, piped = mounted
    assert piped("protect", place / "source", place / "out", "--perturb", "none", "--workers", "1")[0] == 0
    data = ProtectedDataset(place / "out", Key.from_text((place / "k").read_text()), signer="any", form="tensor")
    (place / "k").unlink()
    batches = list(DataLoader(data, batch_size=3, num_workers=2, multiprocessing_context="spawn"))
    loaded = np.concatenate([images.numpy() for images, _ in batches])
    assert np.array_equal(loaded, np.stack([data[index][0].numpy() for index in range(len(data))]))
