"""Somebody without the key changes a vault: each change has an error that names it, and no wrong byte comes out."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from vaults import KEY, OTHER, large_source, make_tree, read_tree, small_vault

from ripguard import api
from ripguard.crypto.backend import TAG
from ripguard.errors import Damaged, NotProtected, UsageError, VerifyFailed, WrongKey
from ripguard.vault import Passphrase, Vault
from ripguard.vault.chunks import seal_whole
from ripguard.vault.places import HEAD, LEAST, SEALED

HEADER, SUMS, INDEX = "vault.ripguard", "SHA256SUMS", "index.ripguard"


@pytest.fixture(scope="module")
def made(tmp_path_factory):  # type: ignore[no-untyped-def]
    """A source, its vault, and another vault of the same source and key: (source, vault, other)."""
    place = tmp_path_factory.mktemp("vault")
    source = large_source(place / "s")
    make_tree(source, {"train/cat/one.txt": b"1" * 100, "train/cat/two.txt": b"2" * 100})
    for name in ("v", "w"):
        small_vault(source, place / name)
        api.vault_add_recipient(place / name, KEY, OTHER, unit="train/cat")
    return source, place / "v", place / "w"


@pytest.fixture
def world(made, tmp_path):  # type: ignore[no-untyped-def]
    """A copy to spoil: (vault, other vault, files of the source)."""
    source, vault, other = made
    return Path(shutil.copytree(vault, tmp_path / "v")), other, read_tree(source)


def flip(path: Path, at: int, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


def swap(path: Path, one: int, other: int, length: int) -> None:
    data = bytearray(path.read_bytes())
    data[one : one + length], data[other : other + length] = data[other : other + length], data[one : one + length]
    path.write_bytes(data)


def header(vault: Path) -> dict:  # type: ignore[type-arg]
    return json.loads((vault / HEADER).read_bytes().split(b"\n")[1])


def write_header(vault: Path, value: dict) -> None:  # type: ignore[type-arg]
    lines = (vault / HEADER).read_bytes().split(b"\n")
    lines[1] = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    (vault / HEADER).write_bytes(b"\n".join(lines))


def shard(vault: Path, number: int) -> Path:
    return vault / f"data/{number:05d}.shard"


def exchange(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def head_of(vault: Path, number: int) -> bytes:
    return shard(vault, number).read_bytes()[:HEAD]


def exchange_with_heads(vault: Path) -> None:
    heads = [head_of(vault, number) for number in (0, 1)]
    exchange(shard(vault, 0), shard(vault, 1))
    for number, head in enumerate(heads):
        data = shard(vault, number).read_bytes()
        # the number of the place, and the salt that the content was sealed under
        shard(vault, number).write_bytes(head[:32] + data[32:HEAD] + data[HEAD:])


def place(vault: Path, name: str) -> tuple[Path, int, int]:
    """Shard file, offset and size of a file."""
    with Vault(vault, KEY) as opened:
        one = opened.find(name)
    return shard(vault, one.shard), one.offset, one.size


def swap_files(vault: Path) -> None:
    path, one, size = place(vault, "train/cat/one.txt")
    same, other, _ = place(vault, "train/cat/two.txt")
    assert path == same
    swap(path, one, other, size + TAG)


def swap_chunks(vault: Path) -> None:
    path, start, _ = place(vault, "train/large.bin")
    swap(path, start, start + SEALED, SEALED)


def cut(path: Path, by: int) -> None:
    path.write_bytes(path.read_bytes()[:-by])


def take(vault: Path, other: Path, *names: str) -> None:
    for name in names:
        shutil.copy(other / name, vault / name)


def without_stanza(vault: Path) -> None:
    value = header(vault)
    del value["recipients"][1]
    write_header(vault, value)


def with_field(name: str, change: Callable[[int], int]) -> Callable[[Path, Path], None]:
    def run(vault: Path, _: Path) -> None:
        value = header(vault)
        write_header(vault, value | {name: change(value[name])})

    return run


def other_stanza(vault: Path, other: Path) -> None:
    value = header(vault)
    value["recipients"][0] = header(other)["recipients"][0]
    write_header(vault, value)


def other_grant(vault: Path, other: Path) -> None:
    value = header(vault)
    value["recipients"][0]["grant"] = value["recipients"][1]["grant"]
    write_header(vault, value)


def linked(vault: Path, other: Path) -> None:
    shard(vault, 1).unlink()
    shard(vault, 1).symlink_to(shard(other, 1))


def edited_sums(vault: Path, _: Path) -> None:
    flip(shard(vault, 0), 5000)
    text = (vault / SUMS).read_text().splitlines()
    text[1] = "0" * 64 + text[1][64:]
    (vault / SUMS).write_text("\n".join(text) + "\n")


TAMPERED: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "epoch of the header": (with_field("epoch", lambda n: n + 1), r"vault\.ripguard was changed: its MAC does not fit"),
    "capacity in the header": (with_field("capacity", lambda n: n + 4096), "its MAC does not fit"),
    "number of shards in the header": (with_field("shards", lambda n: n - 1), "its MAC does not fit"),
    "MAC": (lambda v, _: flip(v / HEADER, -10), "its MAC does not fit|not the header of a vault"),
    "a stanza dropped": (lambda v, _: without_stanza(v), "its MAC does not fit"),
    "a stanza of another vault": (other_stanza, "the stanza of this key was changed"),
    "a grant of another recipient": (other_grant, "a stanza was changed, or moved here"),
    "header cut": (lambda v, _: cut(v / HEADER, 30), "not the header of a vault: it was cut off or changed"),
    "header empty": (lambda v, _: (v / HEADER).write_bytes(b""), "the file is empty"),
    "header of a later format": (
        lambda v, _: (v / HEADER).write_bytes((v / HEADER).read_bytes().replace(b"/v1", b"/v9", 1)),
        "has the format ripguard-vault/v9, which this ripguard does not read",
    ),
    "header of another vault": (lambda v, w: take(v, w, HEADER), r"SHA256SUMS is not the one that the header names"),
    "digests of another vault": (lambda v, w: take(v, w, SUMS), r"SHA256SUMS is not the one that the header names"),
    "digests edited with a shard": (edited_sums, r"SHA256SUMS is not the one that the header names"),
    "digests missing": (lambda v, _: (v / SUMS).unlink(), "SHA256SUMS is missing"),
    "index of another vault": (lambda v, w: take(v, w, INDEX), r"index\.ripguard belongs to another vault"),
    "all but the shards of another vault": (
        lambda v, w: take(v, w, HEADER, SUMS, INDEX), r"data/00000\.shard belongs to another vault"
    ),
    "one bit of the table": (lambda v, _: flip(v / INDEX, HEAD + 9), "the table of units was changed"),
    "salt of the index": (lambda v, _: flip(v / INDEX, 40), "the table of units was changed"),
    "index cut": (lambda v, _: (v / INDEX).write_bytes((v / INDEX).read_bytes()[:200]), r"index\.ripguard was cut off"),
    "index missing": (lambda v, _: (v / INDEX).unlink(), r"index\.ripguard is missing"),
    "one bit of a file": (lambda v, _: flip(shard(v, 0), HEAD + 3), r"chunk 0 in data/00000\.shard was changed"),
    "one bit of a tag": (
        lambda v, _: flip((p := place(v, "train/cat/one.txt"))[0], p[1] + p[2] + TAG - 1),
        r"train/cat/one\.txt: chunk 0 in data/0000\d\.shard was changed",
    ),
    "salt of a shard": (lambda v, _: flip(shard(v, 1), 50), r"data/00001\.shard was changed"),
    "head of a shard": (lambda v, _: flip(shard(v, 1), 2), r"data/00001\.shard is not a shard of a vault"),
    "files swapped": (lambda v, _: swap_files(v), r"train/cat/(one|two)\.txt: chunk 0"),
    "chunks of a file swapped": (lambda v, _: swap_chunks(v), r"train/large\.bin: chunk 0"),
    "shards swapped": (
        lambda v, _: exchange(shard(v, 0), shard(v, 1)), r"data/00000\.shard is shard 1 of the vault, not 0"
    ),
    "shards swapped, heads mended": (lambda v, _: exchange_with_heads(v), r"in data/00000\.shard was changed"),
    "a shard twice": (
        lambda v, _: shutil.copy(shard(v, 0), shard(v, 1)), r"data/00001\.shard is shard 0 of the vault, not 1"
    ),
    "a shard of another vault": (
        lambda v, w: take(v, w, "data/00001.shard"), r"data/00001\.shard belongs to another vault"
    ),
    "a shard renamed": (lambda v, _: shard(v, 0).rename(shard(v, 9)), r"data/00000\.shard is missing"),
    "a shard cut": (lambda v, _: cut(shard(v, 0), LEAST - 100), r"data/00000\.shard was cut off"),
    "a shard missing": (lambda v, _: shard(v, 1).unlink(), r"data/00001\.shard is missing"),
    "a link for a shard": (linked, r"data/00001\.shard: a link"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TAMPERED)
def test_each_change_is_named(kind, world, tmp_path):  # type: ignore[no-untyped-def]
    """By decrypting with the key; what is written is equal to the source. Without a key, verify finds it too."""
    vault, other, files = world
    change, message = TAMPERED[kind]
    change(vault, other)
    try:
        done = api.vault_decrypt(vault, tmp_path / "o", KEY, workers=1)
        messages = [one["message"] for one in done.refused]
        assert {one["code"] for one in done.refused} <= {"damaged"}
    except Damaged as error:
        messages = [error.message]
    assert any(re.search(message, one) for one in messages), messages
    written = read_tree(tmp_path / "o") if (tmp_path / "o").exists() else {}
    assert written.items() <= files.items()
    assert len(written) < len(files)
    assert not (tmp_path / ".o.ripguard-partial").exists()
    with contextlib.suppress(Damaged):
        assert not api.vault_verify(vault, KEY, workers=1).ok


@pytest.mark.parametrize("kind", [kind for kind in TAMPERED if "header" not in kind and "stanza" not in kind])
def test_the_key_of_a_unit_finds_it_too(kind, world, tmp_path):  # type: ignore[no-untyped-def]
    """Whatever is changed: its holder gets the files of the unit as they were, or an error."""
    vault, other, files = world
    TAMPERED[kind][0](vault, other)
    own = {name: data for name, data in files.items() if name.startswith("train/cat/")}
    try:
        done = api.vault_decrypt(vault, tmp_path / "o", OTHER, workers=1)
    except Damaged:
        return
    assert read_tree(tmp_path / "o").items() <= own.items()
    assert done.files + len(done.refused) == len(own)


def test_without_a_key_accidents_are_found(world):  # type: ignore[no-untyped-def]
    vault, *_ = world
    assert api.vault_verify(vault, workers=1).ok
    shutil.copy(shard(vault, 0), shard(vault, 1))
    shard(vault, 2).unlink()
    cut(shard(vault, 3), 9)
    flip(vault / INDEX, -1)  # padding: no key covers it, the digest does
    (vault / "data/new.txt").write_text("x")
    found = api.vault_verify(vault, workers=1)
    assert (found.swapped, found.missing, found.extra) == (
        ["data/00001.shard"], ["data/00002.shard"], ["data/new.txt"]
    )  # fmt: skip
    assert (found.cut, found.changed, found.ok) == (["data/00003.shard"], [INDEX], False)


def test_rolling_back(world, tmp_path):  # type: ignore[no-untyped-def]
    """An older header lets a dropped recipient in again, an older vault is whole: only what the user noted shows it."""
    vault, other, files = world
    old = (vault / HEADER).read_bytes()
    api.vault_drop_recipient(vault, KEY, OTHER.id.hex())
    pin = api.vault_inspect(vault, KEY).pin
    assert pin.endswith("@3")
    api.vault_verify(vault, KEY, expect=pin, workers=1)
    with pytest.raises(WrongKey):
        Vault(vault, OTHER)
    (vault / HEADER).write_bytes(old)
    Vault(vault, OTHER).close()

    def decrypt(root, key, expect):  # type: ignore[no-untyped-def]
        api.vault_decrypt(root, tmp_path / "o", key, expect=expect)

    for call in (api.vault_verify, api.vault_inspect, decrypt):
        with pytest.raises(VerifyFailed, match="rolled back: its header has epoch 2, and 3 was expected"):
            call(vault, KEY, expect=pin)
        with pytest.raises(VerifyFailed, match="another vault, or another version"):
            call(other, KEY, expect=pin)
    assert api.vault_verify(vault, KEY, expect=pin.partition("@")[0], workers=1).ok
    assert files


def test_the_key_of_a_unit_and_a_pin(world, tmp_path):  # type: ignore[no-untyped-def]
    """It does not authenticate the header, which may name a pinned digest over the files of another vault."""
    vault, other, _ = world
    pin = api.vault_inspect(other).digest
    value = header(vault) | {name: header(other)[name] for name in ("sums", "shards")}
    write_header(vault, value)
    shutil.copy(other / SUMS, vault / SUMS)
    with pytest.raises(Damaged, match="is not the one that SHA256SUMS lists"):
        api.vault_decrypt(vault, tmp_path / "o", OTHER, expect=pin)
    assert INDEX in api.vault_verify(vault, OTHER, expect=pin, workers=1).changed
    assert api.vault_decrypt(other, tmp_path / "o", OTHER, expect=pin).files


@pytest.mark.parametrize("end", ["@", "@²", "@1x", "@" + "9" * 17])
def test_half_a_pin_is_none(end, world):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="expected 64 hex digits"):
        api.vault_inspect(world[0], expect=api.vault_inspect(world[0]).digest + end)


def test_an_index_of_a_holder_of_the_units_key(world, tmp_path):  # type: ignore[no-untyped-def]
    """Places that no file has give a sentence, and no traceback."""
    vault, *_ = world
    with Vault(vault, OTHER) as opened:
        key, files, own = opened.access, opened.files(opened.access.unit), opened._index_cipher(opened.access.secret)
    files.offset[0], files.size[0] = LEAST * 3, 1 << 20
    data = bytearray((vault / INDEX).read_bytes())
    data[key.start : key.start + key.length] = seal_whole(own, key.unit, files.pack())
    (vault / INDEX).write_bytes(data)
    for opener in (KEY, OTHER):
        with pytest.raises(Damaged, match="is not valid: a file leads out"):
            api.vault_decrypt(vault, tmp_path / "o", opener, workers=1)


def test_a_header_of_millions_of_shards(world):  # type: ignore[no-untyped-def]
    vault, *_ = world
    write_header(vault, header(vault) | {"shards": (1 << 22) - 1})
    with pytest.raises(Damaged, match="does not list the files"):
        api.vault_verify(vault)


def test_keys_of_others(world, tmp_path):  # type: ignore[no-untyped-def]
    """Another owner's key, a passphrase, the key of another unit, of another vault; and a folder that is none."""
    from ripguard.crypto.keys import Key

    vault, other, _ = world
    with Vault(other, KEY) as opened:
        foreign = opened.unit_key("train/cat")
    with pytest.raises(WrongKey, match="not that of a recipient"):
        Vault(vault, Key(bytes(range(2, 34))))
    with pytest.raises(WrongKey, match="not that of a recipient"):
        Vault(vault, Passphrase("anything"))
    with pytest.raises(WrongKey, match="it opens the vault"):
        Vault(vault, foreign)
    with pytest.raises(WrongKey, match=r"opens unit train/cat of the vault alone, not train/cup"):
        api.vault_decrypt(vault, tmp_path / "o", OTHER, unit="train/cup")
    with Vault(vault, OTHER) as opened, pytest.raises(WrongKey, match="opens unit train/cat of the vault alone"):
        opened.access.unit_secret(0)
    with pytest.raises(NotProtected, match="not a vault"):
        Vault(tmp_path, KEY)
    assert not os.path.lexists(tmp_path / "o")
