"""Any tree of files goes in and comes back byte for byte; a killed run goes on."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest
from helpers import refused, start, tree_digest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaults import KEY, OTHER, back, large_source, make_tree, read_tree, small_source, small_vault

from ripguard import api
from ripguard.data.registry import open_source
from ripguard.errors import InputRefused, KeyFileError, OutputRefused, UsageError
from ripguard.files import walk
from ripguard.vault import Passphrase, Vault
from ripguard.vault.encrypt import encrypt
from ripguard.vault.places import CHUNK, LEAST
from ripguard.vault.plan import make_plan
from ripguard.vault.shard import commit_of

PART = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=12).filter(
    lambda text: text not in (".", "..")
)
LONG = st.sampled_from(["n" * 255, "ü" * 127, "a" * 200 + ".png"])
PATHS = st.lists(st.one_of(PART, LONG), min_size=1, max_size=4).map("/".join)
SIZES = st.one_of(st.just(0), st.integers(1, 300), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK]))
TREES = st.dictionaries(PATHS, SIZES, min_size=1, max_size=8)


def consistent(names: set[str]) -> bool:
    """Whether no file is the folder of another one, and no path is too long."""
    return all("/".join(name.split("/")[:n]) not in names for name in names for n in range(1, name.count("/") + 1))


@settings(max_examples=15)
@given(TREES.filter(lambda tree: consistent(set(tree))), st.integers(0, 1000))
def test_trees_come_back(tree, seed):  # type: ignore[no-untyped-def]
    """Empty files, any names, nested folders, files of several shards; in parts, too."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        files = {name: (str((name, seed)).encode() * (size // 3 + 1))[:size] for name, size in tree.items()}
        source = make_tree(place / "s", files)
        made = small_vault(source, place / "v")
        assert (made.files, made.bytes) == (len(files), sum(tree.values()))
        assert back(place / "v", place / "o") == files
        with Vault(place / "v", KEY) as vault:
            for name, data in files.items():
                assert vault.read(name) == data
                assert vault.read_range(name, seed, 70_000) == data[seed : seed + 70_000]


def test_names_that_are_no_text(tmp_path):  # type: ignore[no-untyped-def]
    """Linux allows any bytes."""
    os.makedirs(tmp_path / "s")
    try:
        with open(os.fsencode(tmp_path / "s") + b"/\xff\xfe.txt", "wb") as file:
            file.write(b"x")
    except OSError:
        pytest.skip("this file system has only names that are text")
    small_vault(tmp_path / "s", tmp_path / "v")
    assert back(tmp_path / "v", tmp_path / "o") == {os.fsdecode(b"\xff\xfe.txt"): b"x"}


def test_nothing_readable_is_left(tmp_path):  # type: ignore[no-untyped-def]
    """No name, label or content, and shards of one size but for the last one, which has a padded length."""
    source = large_source(tmp_path / "source-name")
    (source / "train/cat/very-secret-name.txt").write_text("very secret content" * 9)
    made = small_vault(source, tmp_path / "v")
    data = b"".join(read_tree(tmp_path / "v").values())
    for word in (b"secret", b"source-name", b"train", b"large.bin", b"\x89PNG\r\n"):
        assert word not in data
    sizes = [path.stat().st_size for path in sorted((tmp_path / "v/data").iterdir())]
    assert len(sizes) == made.shards > 2
    assert set(sizes[:-1]) == {LEAST}
    other = small_vault(source, tmp_path / "v2")
    assert other.digest != made.digest
    assert other.vault_id != made.vault_id


def test_several_processes(tmp_path):  # type: ignore[no-untyped-def]
    source = large_source(tmp_path / "s")
    made = api.vault_encrypt(source, tmp_path / "v", KEY, shard_size=1, workers=2)
    assert made.units == 7  # type: ignore[union-attr]
    report = api.vault_verify(tmp_path / "v", KEY, source=source, workers=2)
    assert report.ok
    assert report.equal == made.files  # type: ignore[union-attr]
    api.vault_decrypt(tmp_path / "v", tmp_path / "o", KEY, workers=2)
    assert tree_digest(tmp_path / "o") == tree_digest(source)


def test_parts_of_a_dataset(tmp_path):  # type: ignore[no-untyped-def]
    """Annotations alone or images alone; the other files are left out, and comparing knows it."""
    source = small_source(tmp_path / "s")
    everything = read_tree(source)
    for only, wanted in (("annotations", {"labels.csv"}), ("images", set(everything) - {"labels.csv"})):
        made = api.vault_encrypt(source, tmp_path / only, KEY, only=only, workers=1)
        assert made.left_out == len(everything) - len(wanted)  # type: ignore[union-attr]
        assert set(back(tmp_path / only, tmp_path / f"{only}-back")) == wanted
        assert api.vault_verify(tmp_path / only, KEY, source=source, workers=1).ok


def test_refusals_come_at_once_and_leave_nothing(tmp_path):  # type: ignore[no-untyped-def]
    """Links, pipes and lost files are listed together; nothing is written."""
    source = small_source(tmp_path / "s")
    (source / "link").symlink_to("labels.csv")
    os.mkfifo(source / "pipe")
    with pytest.raises(InputRefused, match=r"2 files are refused.*not a regular file: pipe.*a link: link"):
        api.vault_encrypt(source, tmp_path / "v", KEY)
    for root, error in ((tmp_path / "none", InputRefused), (make_tree(tmp_path / "e", {}), InputRefused)):
        with pytest.raises(error):
            api.vault_encrypt(root, tmp_path / "v", KEY)
    with pytest.raises(UsageError, match="age recipient"):
        api.vault_encrypt(source, tmp_path / "v", KEY, recipients=["age1nonsense"])
    with pytest.raises(OutputRefused, match="overlaps"):
        api.vault_encrypt(source, source / "v", KEY)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e", "s"]


def test_keys_stay_outside(tmp_path):  # type: ignore[no-untyped-def]
    """In the source, the output, another vault; and as the content of a file."""
    source = small_source(tmp_path / "s")
    KEY.write(source / "k")
    with pytest.raises(KeyFileError, match="inside source or output"):
        api.vault_encrypt(source, tmp_path / "v", source / "k")
    with pytest.raises(KeyFileError, match=r"k holds a key"):
        api.vault_encrypt(source, tmp_path / "v", KEY, workers=1)
    assert not (tmp_path / "v").exists()
    shutil.move(source / "k", tmp_path / "k")
    api.vault_encrypt(source, tmp_path / "v", tmp_path / "k", restart=True, workers=1)
    shutil.copy(tmp_path / "k", tmp_path / "v/k")
    with pytest.raises(KeyFileError, match="inside the vault"):
        api.vault_decrypt(tmp_path / "v", tmp_path / "o", tmp_path / "v/k")
    with pytest.raises(KeyFileError, match="inside the vault"):
        api.keygen(tmp_path / "v/new")
    with pytest.raises(InputRefused, match="a vault already"):
        api.vault_encrypt(tmp_path / "v", tmp_path / "vv", tmp_path / "k")


def test_a_file_that_changes_meanwhile(tmp_path):  # type: ignore[no-untyped-def]
    source = small_source(tmp_path / "s")
    plan = make_plan(source, None, LEAST, "auto", None)
    (source / "labels.csv").write_text("other,size,now\n")
    with pytest.raises(InputRefused, match=r"labels\.csv: it changed meanwhile"):
        encrypt(plan, KEY, tmp_path / "v")
    assert not (tmp_path / "v").exists()


def test_dry_run(tmp_path):  # type: ignore[no-untyped-def]
    source = small_source(tmp_path / "s")
    plan = api.vault_encrypt(source, tmp_path / "v", KEY, dry_run=True)
    assert plan["classes"] == ["cat", "cup", "face"]  # type: ignore[index]
    assert plan["splits"] == ["test", "train"]  # type: ignore[index]
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_killed_run_goes_on(tmp_path):  # type: ignore[no-untyped-def]
    """The same secret, the finished shards as they are, and a shard that rotted meanwhile sealed again."""
    source, key = large_source(tmp_path / "s"), tmp_path / "k"
    KEY.write(key)
    make_tree(source, {f"more/{i}": os.urandom(1 << 20) for i in range(12)})
    command = ("vault", "encrypt", source, tmp_path / "v", "--key-file", key, "--shard-size", 1, "--workers", 1)
    work = tmp_path / ".v.ripguard-partial"
    for _ in range(20):
        process = start(*command)
        while process.poll() is None and not (work / "commits/000003.json").exists():
            time.sleep(0.001)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not (tmp_path / "v").exists():
            break
        shutil.rmtree(tmp_path / "v")
    kept = (work / "vault/data/00000.shard").read_bytes()
    rotten = work / "vault/data/00001.shard"
    rotten.write_bytes(rotten.read_bytes()[:-1] + b"x")
    with pytest.raises(OutputRefused, match="unfinished run with another source, key or settings"):
        api.vault_encrypt(source, tmp_path / "v", OTHER, shard_size=1)
    done = api.vault_encrypt(source, tmp_path / "v", key, shard_size=1, workers=1)
    assert done.resumed > 0  # type: ignore[union-attr]
    assert (tmp_path / "v/data/00000.shard").read_bytes() == kept
    assert not work.exists()
    assert back(tmp_path / "v", tmp_path / "o") == read_tree(source)


def test_a_run_goes_on_with_its_own_passphrase_alone(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Another one would not open the vault that its user gets."""
    from ripguard.crypto import passphrase

    monkeypatch.setattr(passphrase.lock, "__defaults__", (passphrase.LEAST,))
    source = small_source(tmp_path / "s")
    with monkeypatch.context() as patch:
        patch.setattr("ripguard.vault.encrypt.write_body", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            api.vault_encrypt(source, tmp_path / "v", KEY, passphrase="first", workers=1)
    with pytest.raises(OutputRefused, match="with another passphrase"):
        api.vault_encrypt(source, tmp_path / "v", KEY, passphrase="second", workers=1)
    done = api.vault_encrypt(source, tmp_path / "v", KEY, passphrase="first", workers=1)
    assert done.resumed == done.files  # type: ignore[union-attr]
    assert back(tmp_path / "v", tmp_path / "o", Passphrase("first")) == read_tree(source)


def test_no_salt_comes_twice(tmp_path):  # type: ignore[no-untyped-def]
    """A shard that is written again has new keys: a source that changed in between meets no old nonce."""
    from ripguard.vault.keys import VaultKeys
    from ripguard.vault.shard import Job, write_shard

    source = make_tree(tmp_path / "s", {"a": bytes(50)})
    job = Job(make_plan(source, None, LEAST, "auto", None), VaultKeys(bytes(32), bytes(16)), tmp_path / "t", tmp_path)
    found = set[bytes]()
    for _ in range(3):
        write_shard(job, 0)
        found.add(job.shard_path(0).read_bytes()[64:130])
    assert len(found) == 3
    assert commit_of(job, 0)


@pytest.mark.slow
def test_all_of_cifar10(tmp_path):  # type: ignore[no-untyped-def]
    """60,000 files, byte for byte."""
    source = tmp_path / "s"
    assert api.export(open_source("cifar10"), source) == 60_000
    made = api.vault_encrypt(source, tmp_path / "v", KEY)
    assert made.files == 60_000  # type: ignore[union-attr]
    report = api.vault_verify(tmp_path / "v", KEY, source=source)
    assert report.ok
    assert report.equal == 60_000
    assert api.vault_decrypt(tmp_path / "v", tmp_path / "o", KEY).files == 60_000
    assert tree_digest(tmp_path / "o") == tree_digest(source)
    assert sum(1 for _ in walk(tmp_path / "v")) < 10


@pytest.mark.parametrize("verb", ["inspect", "verify", "restore"])
def test_commands_for_releases_point_to_those_for_vaults(verb, tmp_path):  # type: ignore[no-untyped-def]
    small_vault(make_tree(tmp_path / "s", {"a.txt": b"x"}), tmp_path / "v")
    (tmp_path / "k").write_text(KEY.text())
    (tmp_path / "k").chmod(0o600)
    out = [tmp_path / "out", "--key-file", tmp_path / "k"] if verb == "restore" else []
    message = refused(6, verb, tmp_path / "v", *out)
    assert "it is a vault" in message
    assert "ripguard vault" in message
    assert "ripguard vault decrypt" in refused(3, "check", tmp_path / "v")
