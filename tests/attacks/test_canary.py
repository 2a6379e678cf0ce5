"""A canary key: while every verb runs, with workers, and after it, 8 bytes of it are nowhere but in its file."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import environment, good, make_source

from ripguard.crypto.keys import Key
from ripguard.crypto.signing import SigningKey

linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc, which Linux has")


def needles(secret: bytes, line: str) -> list[bytes]:
    """Every 8 bytes of a secret as they are and in hexadecimal digits; base64; every 16 characters of its line."""
    windows = [secret[i : i + 8] for i in range(len(secret) - 7)]
    body = line.rsplit("-", 1)[1].encode()
    told = [body[i : i + 16] for i in range(len(body) - 15)]
    return [*windows, *(w.hex().encode() for w in windows), base64.b64encode(secret)[:20], *told]


def processes(root: int) -> list[int]:
    """A process and all that it has started."""
    try:
        found = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    except OSError:
        return []
    return [root, *(pid for child in found for pid in processes(int(child)))]


def below(root: Path) -> list[str]:
    """Files of a tree that somebody else changes meanwhile."""
    return [os.path.join(here, name) for here, _, names in os.walk(root) for name in names]


def working_folders(world: Path) -> list[Path]:
    return [world / name for name in os.listdir(world) if name.endswith(".ripguard-partial")]


def read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:  # gone meanwhile
        return b""


@linux
@pytest.mark.parametrize("passphrase", [False, True])
def test_no_verb_shows_the_key(passphrase, tmp_path):  # type: ignore[no-untyped-def]
    """Argument lists, environments, temporary files, cache, working folder, outputs, and what is printed."""
    source, keys, world = make_source(tmp_path / "source"), tmp_path / "keys", tmp_path / "world"
    for place in (keys, world / "tmp", world / "cache"):
        place.mkdir(parents=True)
    key, out = keys / "k", world / "out"
    env = environment(TMPDIR=str(world / "tmp"), RIPGUARD_CACHE=str(world / "cache"))
    if passphrase:
        (keys / "p").write_text("correct horse battery staple")
        (keys / "p").chmod(0o600)
        os.environ["RIPGUARD_PASSPHRASE_FILE"] = env["RIPGUARD_PASSPHRASE_FILE"] = str(keys / "p")
    try:
        good("keygen", "--out", key, *(["--passphrase"] if passphrase else []))
        hidden = [
            needle
            for secret, file in ((Key.read(key).secret, key), (SigningKey.read(f"{key}.sign").seed, f"{key}.sign"))
            for needle in needles(secret, Path(file).read_text().splitlines()[-1])
        ]
    finally:
        os.environ.pop("RIPGUARD_PASSPHRASE_FILE", None)
    hidden += [b"correct horse"]
    with_key = ("--key-file", str(key))
    commands = [
        (
            "protect",
            str(source),
            str(out),
            *with_key,
            "--surrogate-epochs",
            "1",
            "--scheme",
            "mrit-tap",
            "--steps",
            "1",
        ),
        ("protect", str(source), str(world / "seal"), *with_key, "--scheme", "seal", "--allow-residue"),
        ("verify", str(out), *with_key, "--against", str(source)),
        ("restore", str(out), str(world / "back"), *with_key),
        ("report", str(out), "--against", str(source), "--restored", str(world / "back")),
        ("train", str(out), *with_key, "--out", str(world / "net.pt"), "--protocol", "smoke", "--epochs", "1"),
        ("vault", "encrypt", str(source), str(world / "vault"), *with_key),
        ("vault", "decrypt", str(world / "vault"), str(world / "vault-back"), *with_key),
        ("inspect", str(out)),
        ("gc", str(out)),
        ("restore", str(source), str(world / "no"), *with_key),  # refused
    ]
    for command in commands:
        workers = ("--workers", "2") if command[0] in ("protect", "verify", "restore", "report") else ()
        process = subprocess.Popen(
            [sys.executable, "-m", "ripguard", *command, *workers],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
        )  # fmt: skip
        looked = 0
        while process.poll() is None:
            for pid in processes(process.pid):
                shown = read(f"/proc/{pid}/cmdline") + read(f"/proc/{pid}/environ")
                assert not any(needle in shown for needle in hidden), command[0]
                looked += 1
            for path in [*below(world / "tmp"), *(p for place in working_folders(world) for p in below(place))]:
                held = read(path)
                assert not any(needle in held for needle in hidden), (command[0], path)
            time.sleep(0.01)
        printed = process.communicate()[0]
        assert looked
        assert process.returncode == (6 if command[1] == str(source) and command[0] == "restore" else 0), printed
        assert not any(needle in printed for needle in hidden), command[0]
    files = [path for path in world.rglob("*") if path.is_file()]
    assert len(files) > 90
    for path in files:
        held = path.read_bytes()
        assert not any(needle in held for needle in hidden), path
