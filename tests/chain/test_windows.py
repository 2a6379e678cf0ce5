"""Windows, as far as another system can show it: what it lacks is taken away (systems/sitecustomize.py).

No Windows machine was used. See docs/reference/systems.md.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import crop, good, refused, tree_digest

from ripguard import systems
from ripguard.images.encoding import png_bytes

ROOT = Path(__file__).resolve().parents[2]
ONE_PLACE = "systems.py"
MODULES = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog", "posix"}
NAMES = {
    "os": {
        "chown", "fchdir", "fchmod", "fchown", "fork", "getegid", "geteuid", "getgid", "getgroups", "getloadavg",
        "getuid", "killpg", "lchown", "link", "mkfifo", "mknod", "pread", "pwrite", "sched_getaffinity", "statvfs",
        "sync", "uname", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "name",
    },
    "select": {"poll", "epoll"},
    "signal": {"SIGPIPE", "SIGHUP", "SIGALRM", "SIGKILL", "SIGUSR1", "alarm"},
}  # fmt: skip

SCRIPT = """
import json, sys
from ripguard.cli import main

for words in json.loads(sys.argv[1]):
    code = main(words)
    print("exit", code, words[0], flush=True)
    if code:
        sys.exit(code)
"""


def on_windows(*commands: tuple[str | Path, ...]) -> subprocess.CompletedProcess:
    """Commands one after another in a process that has only what Windows has, as have its workers."""
    words = json.dumps([[str(word) for word in command] for command in commands])
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent / "systems"), str(ROOT)]),
        "PYTHONWARNDEFAULTENCODING": "1", "RIPGUARD_TEST_PACKAGE": str(ROOT / "ripguard"),
    }  # fmt: skip
    return subprocess.run([sys.executable, "-c", SCRIPT, words], capture_output=True, text=True, env=env)


@pytest.fixture
def source(tmp_path):  # type: ignore[no-untyped-def]
    for index in range(6):
        place = tmp_path / "source" / "ab"[index % 2] / f"{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png_bytes(crop(index)))
    (tmp_path / "source" / "labels.csv").write_bytes(b"path,label\r\na/0.png,a\r\n")  # its line ends stay
    return tmp_path / "source"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc, which Linux has")
def test_from_key_to_restored_images(source, tmp_path):  # type: ignore[no-untyped-def]
    """Every command, with workers, gives what it gives elsewhere, and leaves nothing behind."""
    key, out, back = tmp_path / "k", tmp_path / "out", tmp_path / "back"
    keyed = ("--key-file", key, "--workers", "2")
    done = on_windows(
        ("keygen", "--out", key),
        ("check", source),
        ("protect", source, out, *keyed, "--perturb", "marks", "--preserve-files"),
        ("inspect", out, "--key-file", key),
        ("verify", out, *keyed, "--source", source),
        ("restore", out, back, *keyed),
        ("report", out, "--source", source, "--restored", back, "--grid", tmp_path / "grid.png"),
        ("gc", out, "--key-file", key, "--unfinished"),
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stdout + done.stderr
    assert done.stdout.count("exit 0") == 8
    assert tree_digest(back) == tree_digest(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "back", "grid.png", "k", "k.sign", "k.signers", "out", "source",
    ]  # fmt: skip
    good("protect", source, tmp_path / "here", *keyed, "--perturb", "marks", "--preserve-files")
    assert tree_digest(tmp_path / "here") == tree_digest(out)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc, which Linux has")
def test_an_unfinished_run_and_mistakes(source, tmp_path):  # type: ignore[no-untyped-def]
    """What was left is continued or removed; an output that exists is refused."""
    key, out = tmp_path / "k", tmp_path / "out"
    protect = ("protect", source, out, "--key-file", key, "--perturb", "none", "--workers", "1")
    good("keygen", "--out", key)
    (tmp_path / ".out.ripguard-partial" / "commits").mkdir(parents=True)
    done = on_windows(("gc", out, "--unfinished"), protect, protect)
    assert (done.returncode, "Traceback" in done.stderr) == (8, False), done.stdout + done.stderr
    assert done.stdout.count("exit 0") == 2
    assert "exists and is not an empty folder" in done.stderr
    assert not (tmp_path / ".out.ripguard-partial").exists()


def test_names_that_windows_cannot_hold(source, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A release from another system: what can be written is restored, the rest is listed."""
    for name in ("aux.png", "what?.png"):
        (source / "a" / name).write_bytes(png_bytes(crop(len(name))))
    good("keygen", "--out", tmp_path / "k")
    keyed = ("--key-file", tmp_path / "k", "--workers", "1")
    good("protect", source, tmp_path / "out", *keyed, "--perturb", "none")
    (source / "b" / "c:x.png").write_bytes(png_bytes(crop(99)))
    good("protect", source, tmp_path / "colon", *keyed, "--perturb", "none")
    monkeypatch.setattr(systems, "WINDOWS", True)
    told = refused(5, "restore", tmp_path / "out", tmp_path / "back", *keyed)
    assert "2 files were refused" in told
    assert len(list((tmp_path / "back").rglob("*.png"))) == 6
    refused(5, "restore", tmp_path / "colon", tmp_path / "other", *keyed)
    assert not (tmp_path / "other").exists()


def _uses(tree: ast.AST) -> list[str]:
    """Names that Windows lacks: of imported modules, and attributes of the others."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if one.name in MODULES]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            taken = NAMES.get(node.module or "", set())
            found += [one.name for one in node.names if node.module in MODULES or one.name in taken]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found += [node.attr] * (node.attr in NAMES.get(node.value.id, ()))
    return found


def _without_encoding(tree: ast.AST) -> list[int]:
    """Lines of calls that would read or write text in the encoding of the machine, which on Windows is not UTF-8."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("read_text", "write_text")
        and len(node.args) < (1 if node.func.attr == "read_text" else 2)
        and not any(word.arg == "encoding" for word in node.keywords)
    ]


def test_names_that_windows_lacks_are_in_one_module():
    found, texts = {}, {}
    for path in sorted((ROOT / "ripguard").rglob("*.py")):
        name, tree = path.relative_to(ROOT / "ripguard").as_posix(), ast.parse(path.read_text("utf-8"))
        if uses := _uses(tree):
            found[name] = uses
        if lines := _without_encoding(tree):
            texts[name] = lines
    assert list(found) == [ONE_PLACE]
    assert texts == {}
