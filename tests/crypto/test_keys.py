"""Key files and the key tree."""

from __future__ import annotations

import base64
import errno
import hmac
import io
import os
import stat
import subprocess
import sys
import time
from base64 import b32encode, b64encode
from pathlib import Path

import pytest
from helpers import call, good, make_source, refused
from hypothesis import given
from hypothesis import strategies as st

from ripguard.crypto import keyfile
from ripguard.crypto.backend import hkdf
from ripguard.crypto.keyfile import PREFIX, SIGNING_PREFIX, decode_secret, encode_secret, holds_key
from ripguard.crypto.keys import FORMAT_SALT, Key, KeyRing, NamesRing, ReleaseProver, release_prover
from ripguard.crypto.private import read_private
from ripguard.crypto.signing import SigningKey, check, fingerprint
from ripguard.errors import KeyFileError, RipguardError, WrongKey


@pytest.mark.parametrize("kind", [Key, SigningKey])
def test_key_files(tmp_path, kind):  # type: ignore[no-untyped-def]
    """Round trip, 0600 whatever the umask, self-naming line, never overwritten, nothing secret in repr."""
    path, key = tmp_path / "k", kind.generate()
    old = os.umask(0)
    try:
        key.write(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kind.read(path) == key
    line = path.read_text().splitlines()[-1]
    assert line.startswith("ripguard-")
    assert line not in repr(key)
    assert "created:" in path.read_text()
    with pytest.raises(KeyFileError, match="never overwritten"):
        key.write(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="other users"):
        kind.read(path)


def test_damaged_key_files_are_refused_without_quoting_them(tmp_path):  # type: ignore[no-untyped-def]
    """Every one-letter change, every truncation, other files: refused, and the message holds no part of the key."""
    secret = Key.generate().secret
    line = encode_secret(PREFIX, secret)
    broken = [line[:n] for n in range(len(line))] + ["", "hello", line + "\n" + line, "datum-" + line]
    broken += [line[:i] + ("a" if line[i] != "a" else "b") + line[i + 1 :] for i in range(len(PREFIX), len(line))]
    for text in broken:
        with pytest.raises(KeyFileError) as caught:
            decode_secret(PREFIX, text, "K")
        assert line[len(PREFIX) :][:8] not in str(caught.value) + caught.value.hint


def test_every_key_can_be_written_and_read():
    """10,000 random keys: no encoding is special (a leading dash, an equals sign …)."""
    for _ in range(10_000):
        secret = os.urandom(32)
        assert decode_secret(PREFIX, encode_secret(PREFIX, secret), "K") == secret


@pytest.mark.parametrize("count", [50, pytest.param(10_000, marks=pytest.mark.slow)])
def test_every_key_through_the_command_line(count, tmp_path):  # type: ignore[no-untyped-def]
    """Made by ``keygen``, read by ``restore``, told apart from the right one: whatever its letters are."""
    release = Path(__file__).parents[1] / "vectors/releases/ranked"
    key = tmp_path / "k"
    for _ in range(count):
        code, _, said = call("keygen", "--out", key)
        assert code == 0, said
        code, _, said = call("restore", release, tmp_path / "out", "--key-file", key)
        assert code == 4, said
        assert f"this is key {Key.read(key).id.hex()}" in said
        key.unlink()
        key.with_name("k.sign").unlink()


def test_the_tree_has_no_two_equal_keys():
    """Datasets, units, images and purposes all get keys of their own; the id depends on the key alone."""
    key, other = Key(bytes(32)), Key(bytes(31) + b"\1")
    found = [key.secret, key.id, other.id]
    for dataset in (b"a" * 8, b"b" * 8):
        keys = key.dataset(dataset)
        found += [keys.secret, keys.proof(b"clean", b""), keys.proof(b"release", b"")]
        for unit in range(3):
            found.append(keys.unit(unit).secret)
            for index in range(20):
                pair = keys.unit(unit).image(index)
                found += [pair.payload, pair.residue]
    assert len(set(found)) == len(found)
    assert key.id == Key(bytes(32)).id


def test_signatures():
    """Ed25519: a signature fits its message and key alone; deterministic."""
    key, message = SigningKey.generate(), b"release"
    signature = key.sign(message)
    check(key.public, message, signature)
    assert signature == key.sign(message)
    assert fingerprint(key.public).startswith("ripguard-signer-")
    from ripguard.errors import SignatureInvalid

    for wrong in ((key.public, b"other", signature), (SigningKey.generate().public, message, signature)):
        with pytest.raises(SignatureInvalid):
            check(*wrong)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777])
def test_mode_does_not_depend_on_the_umask(tmp_path, umask):  # type: ignore[no-untyped-def]
    """0600, and readable again, whatever the umask."""
    key, old = Key.generate(), os.umask(umask)
    try:
        key.write(tmp_path / "k")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert Key.read(tmp_path / "k") == key


@pytest.mark.parametrize("mode", [0o601, 0o602, 0o604, 0o610, 0o620, 0o640, 0o666])
def test_files_that_others_can_touch_are_refused(tmp_path, mode):  # type: ignore[no-untyped-def]
    """One bit for group or world is enough, and the hint repairs it."""
    Key.generate().write(tmp_path / "k")
    (tmp_path / "k").chmod(mode)
    with pytest.raises(KeyFileError, match="other users") as caught:
        Key.read(tmp_path / "k")
    assert caught.value.hint.startswith(f"chmod 600 {tmp_path / 'k'}; where its mode cannot be changed, pass it on")


def test_damaged_files_on_disk(tmp_path):  # type: ignore[no-untyped-def]
    """A file cut off anywhere is refused or, with its last line whole, still right; no message holds the secret."""
    path, key = tmp_path / "k", Key.generate()
    key.write(path)
    text = path.read_text()
    body = text.splitlines()[-1][len(PREFIX) :]
    parts = {body[i : i + 6] for i in range(len(body) - 5)}
    for length in range(len(text) + 1):
        path.write_text(text[:length])
        if length >= len(text) - 1:
            assert Key.read(path) == key
            continue
        with pytest.raises(KeyFileError) as caught:
            Key.read(path)
        said = (str(caught.value) + caught.value.hint).replace(str(path), "").lower()
        assert not any(part in said for part in parts)
    for same in (text.replace("\n", "\r\n"), f"\n\n{text}\n", PREFIX + body, PREFIX + body.upper()):
        path.write_text(same)
        assert Key.read(path) == key


@given(st.text(max_size=80))
def test_any_text_is_refused_as_a_key(text):  # type: ignore[no-untyped-def]
    """Nothing but KeyFileError, with or without the right beginning."""
    for one in (text, PREFIX + text):
        with pytest.raises(KeyFileError):
            decode_secret(PREFIX, one, "K")


def test_what_is_no_file_is_refused(tmp_path):  # type: ignore[no-untyped-def]
    """Missing, folder, pipe, below a file; writing where there is no folder."""
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("missing", ".", "pipe", "file/below"):
        with pytest.raises(KeyFileError):
            Key.read(tmp_path / name)
    with pytest.raises(KeyFileError, match="cannot write"):
        Key.generate().write(tmp_path / "missing" / "k")


def test_standard_input(monkeypatch, tmp_path):  # type: ignore[no-untyped-def]
    """``-`` reads the same text from standard input."""
    key = Key.generate()
    key.write(tmp_path / "k")
    monkeypatch.setattr("sys.stdin", io.StringIO((tmp_path / "k").read_text()))
    assert Key.read("-") == key


def test_no_repr_shows_a_secret():
    """Key, dataset, unit, image and signing keys: not raw, not in hex, base32 or base64, in repr, str or format."""
    key = Key(bytes(range(100, 132)))
    dataset = key.dataset(b"data set")
    unit = dataset.unit(3)
    pair, signing = unit.image(5), SigningKey(key.secret)
    owners = {key: [key.secret], dataset: [dataset.secret], unit: [unit.secret], signing: [signing.seed]}
    owners[pair] = [pair.payload, pair.residue]
    for owner, secrets in owners.items():
        shown = f"{owner!r} {owner} {[owner]}"
        for secret in secrets:
            for form in (repr(secret)[2:-1], secret.hex(), *(f(secret).decode() for f in (b32encode, b64encode))):
                assert form[:8].lower() not in shown.lower()
    with pytest.raises(ValueError, match="expected 32 bytes, got 31") as caught:
        Key(key.secret[:31])
    assert repr(key.secret)[2:10] not in str(caught.value)


def test_the_tree_is_the_documented_one():
    """Every subkey, computed from docs/reference/format.md: other bytes would orphan published releases."""

    def derive(secret: bytes, info: bytes, length: int) -> bytes:
        extracted = hmac.digest(b"ripguard/v0 keys", secret, "sha256")
        block, result = b"", b""
        for number in range(1, 5):
            block = hmac.digest(extracted, block + info + bytes([number]), "sha256")
            result += block
        return result[:length]

    def listed(*fields: bytes) -> bytes:
        return len(fields).to_bytes(4, "big") + b"".join(len(f).to_bytes(4, "big") + f for f in fields)

    secret, name = bytes(range(32)), b"data set"
    key = Key(secret)
    of_dataset = derive(secret, listed(b"dataset", name), 32)
    of_unit = derive(of_dataset, listed(b"unit", b"\0\7"), 32)
    of_image = derive(of_unit, listed(b"picture", b"\0\1\2\3"), 128)
    pair = key.dataset(name).unit(7).image(0x010203)
    assert key.id == derive(secret, b"key id", 8)
    assert key.dataset_id(b"plan") == derive(secret, listed(b"dataset id", b"plan"), 8)
    assert (pair.payload, pair.residue) == (of_image[:64], of_image[64:])
    proof = hmac.digest(derive(of_dataset, b"proof clean", 32), b"digest", "sha256")
    assert key.dataset(name).proof(b"clean", b"digest") == proof


def test_ids_differ_between_keys():
    """1,000 random keys: 1,000 key ids and dataset ids."""
    keys = [Key.generate() for _ in range(1000)]
    assert len({key.id for key in keys} | {key.dataset_id(b"plan") for key in keys}) == 2000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("Ärgerüß".encode("latin-1"), "is not UTF-8 text"),
        ("\ufeffword".encode(), "byte order mark"),
        ("word".encode("utf-16"), "byte order mark"),
        (b"x" * 4096, "too long"),
        ("é".encode() * 4096, "too long"),
        (b"x" * 100_000, "too long"),
    ],
)
def test_private_files_are_read_strictly(data, said, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Neither replaced nor cut: else many passphrases would open one key. From a file and from standard input."""
    (tmp_path / "word").write_bytes(data)
    (tmp_path / "word").chmod(0o600)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8", "surrogateescape"))
    for place in (tmp_path / "word", "-"):
        with pytest.raises(KeyFileError, match=said) as caught:
            read_private(place)
        assert caught.value.hint
        with pytest.raises(KeyFileError):
            Key.read(tmp_path / "word")
    (tmp_path / "word").write_bytes("é".encode() * 4095)
    assert read_private(tmp_path / "word") == "é" * 4095


def test_standard_input_as_bytes(monkeypatch, tmp_path):  # type: ignore[no-untyped-def]
    """What stands behind standard input decides, not how this process decodes it; closed, it is no key."""
    key = Key.generate()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(key.text().encode()), "utf-16"))
    assert Key.read("-") == key
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(KeyFileError, match="closed"):
        Key.read("-")


def test_what_is_opened_is_what_is_checked(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A link leads to a key file; one that is exchanged after its check for a file that all can write is refused."""
    key = Key.generate()
    key.write(tmp_path / "good")
    (tmp_path / "open").write_text(key.text())
    (tmp_path / "open").chmod(0o666)
    link, real = tmp_path / "k", os.stat
    link.symlink_to("good")
    assert Key.read(link) == key

    def exchanged(path, *more, **options):  # type: ignore[no-untyped-def]
        found = real(path, *more, **options)
        if str(path) == str(link):
            link.unlink()
            link.symlink_to("open")
        return found

    monkeypatch.setattr(os, "stat", exchanged)
    try:
        assert Key.read(link) == key
        assert link.readlink() == Path("good")  # nobody asked by name
    finally:
        monkeypatch.undo()
    link.unlink()
    link.symlink_to("open")
    with pytest.raises(KeyFileError, match="other users"):
        Key.read(link)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs to become another user")
def test_key_files_of_others(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A file of another user, or in a folder that others can write to, is refused; root's is not, nor a shared sticky
    folder, nor one of one's own.
    """
    key, other = Key.generate(), 54321

    def read(owner: int, folder_owner: int, mode: int) -> str:
        place = tmp_path / f"{owner}-{folder_owner}-{mode:o}"
        place.mkdir()
        key.write(place / "k")
        os.chown(place / "k", owner, owner)
        os.chown(place, folder_owner, folder_owner)
        place.chmod(mode)
        monkeypatch.setattr(os, "geteuid", lambda: other)  # root still opens it, as a shared group would let it
        try:
            assert Key.read(place / "k") == key
            return ""
        except KeyFileError as error:
            return str(error)
        finally:
            monkeypatch.undo()

    assert "belongs to another user" in read(777, other, 0o755)
    assert "other users can replace" in read(other, 777, 0o775)
    assert "other users can replace" in read(other, 0, 0o777)
    for owner, folder_owner, mode in ((other, 0, 0o1777), (other, 0, 0o755), (0, 0, 0o755), (other, other, 0o775)):
        assert read(owner, folder_owner, mode) == ""


def test_a_full_disk_leaves_no_key(tmp_path):  # type: ignore[no-untyped-def]
    """Written in part, or the second of two not at all: nothing stays, and the next call succeeds."""
    script = (
        "import resource, signal, sys; from ripguard.cli import main; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); sys.exit(main(['keygen', '--out', 'k']))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 9, done.stderr
    assert "ripguard: error: cannot write k: File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "k.sign").write_text("mine")
    assert "never overwritten" in refused(7, "keygen", "--out", tmp_path / "k")
    assert [p.name for p in tmp_path.iterdir()] == ["k.sign"]


@pytest.mark.parametrize("failing", ["link", "fsync"])
def test_both_keys_or_none(failing, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Whatever fails, at whichever of its calls."""
    real, calls = getattr(os, failing), 0
    for number in range(1, 5 if failing == "fsync" else 3):
        calls = 0

        def fails(*arguments):  # type: ignore[no-untyped-def]
            nonlocal calls
            calls += 1
            if calls == number:  # noqa: B023
                raise OSError(errno.EIO, "Input/output error")
            return real(*arguments)

        monkeypatch.setattr(os, failing, fails)
        assert "Input/output error" in refused(9, "keygen", "--out", tmp_path / "k")
        assert list(tmp_path.iterdir()) == []
        monkeypatch.undo()


def test_file_systems_without_hard_links(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Made under their names at once there; still never over a file that exists."""

    def none(*arguments):  # type: ignore[no-untyped-def]
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    good("keygen", "--out", tmp_path / "k")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["k", "k.sign"]
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    Key.read(tmp_path / "k")
    with pytest.raises(KeyFileError, match="never overwritten"):
        Key.generate().write(tmp_path / "k")


KINDS = (PREFIX, SIGNING_PREFIX)


@given(
    st.binary(min_size=32, max_size=32), st.sampled_from(KINDS), st.booleans(), st.integers(1, 90),
    st.sampled_from(["\n", "\r\n", "\n> ", "\n# ", " ", "\\n", '",\n "', "-\n"]),
    st.sampled_from(["ascii", "utf-16", "utf-16-be", "utf-32"]), st.integers(0, 5), st.sampled_from([0, 1, 2]),
)  # fmt: skip
def test_hidden_keys_are_found(secret, prefix, locked, width, between, encoding, before, armour):  # type: ignore[no-untyped-def]
    """Text of any encoding, broken over lines of any width, alone or in base64 (of mail and of the web), anywhere."""
    line = encode_secret(prefix, secret)
    if locked:  # its bytes need not open: nobody tries
        line = keyfile._line(prefix + keyfile.LOCKED, secret * 2 + b"\0")
    text = between.join(line[i : i + width] for i in range(0, len(line), width)).encode(encoding)
    data = (text, base64.encodebytes(text), base64.urlsafe_b64encode(text))[armour]
    assert holds_key(b"abcde"[:before] + data + b" and more")


@given(st.binary(max_size=300), st.sampled_from(KINDS))
def test_prose_is_no_key(data, prefix):  # type: ignore[no-untyped-def]
    """Neither any bytes, nor words behind a bare prefix; nor a line with one wrong letter that is broken in two."""
    assert not holds_key(data)
    prose = f"A key begins with {prefix} and goes on with letters; nobody has seen any of them in this long sentence."
    assert not holds_key(prose.encode())
    line = encode_secret(prefix, bytes(32))
    assert not holds_key((line[:40] + "\n" + line[40:-1] + ("a" if line[-1] != "a" else "b")).encode())


def test_searching_takes_linear_time():
    """Four times the bytes of the worst kind take about four times as long, not sixteen."""
    took = []
    for count in (5_000, 20_000):
        data = (PREFIX * count).encode()
        began = time.perf_counter()
        assert not holds_key(data)
        took.append(time.perf_counter() - began)
    assert took[1] < 12 * took[0]


def test_hidden_keys_are_not_published(tmp_path):  # type: ignore[no-untyped-def]
    """An annotation in UTF-16, one broken over lines, one in base64, and a name that is a key."""
    source, key = make_source(tmp_path / "s"), tmp_path / "k"
    good("keygen", "--out", key)
    text, note = key.read_text(), source / "train/cat/note.txt"
    line = text.splitlines()[-1]
    for data in (text.encode("utf-16"), f"{line[:30]}\n{line[30:]}".encode(), base64.b64encode(text.encode())):
        note.write_bytes(data)
        said = refused(7, "protect", source, tmp_path / "r", "--key-file", key, "--perturb", "none")
        assert "train/cat/note.txt holds a key" in said
        assert line not in said
    note.rename(source / "train/cat" / f"{line}.txt")
    (source / "train/cat" / f"{line}.txt").write_text("")
    said = refused(7, "protect", source, tmp_path / "r", "--key-file", key, "--perturb", "none")
    assert "name of a file" in said
    assert line not in said


def test_rings():
    """Owner, release and unit give the same keys of one image, each of fewer images, and say of which."""
    name, other = b"data set", b"the next"
    key = Key(bytes(range(32)))
    dataset, unit = key.dataset(name), key.dataset(name).unit(7)
    wanted = unit.image(9)
    rings: list[KeyRing] = [key, dataset, unit]
    for ring in rings:
        assert ring.key_id == key.id
        assert ring.image_keys(name, 7, 9) == wanted
    assert key.image_keys(other, 8, 9) == key.dataset(other).unit(8).image(9)
    assert dataset.image_keys(name, 8, 9) == dataset.unit(8).image(9)
    assert (unit.key_id, unit.dataset_id, unit.unit) == (key.id, name, 7)
    for ring, asked, said in (
        (dataset, (other, 7, 9), f"opens the release {name.hex()} alone, not {other.hex()}"),
        (unit, (other, 7, 9), f"opens the release {name.hex()} alone, not {other.hex()}"),
        (unit, (name, 8, 9), "opens unit 7 of its release alone, not unit 8"),
    ):
        with pytest.raises(WrongKey, match=said) as caught:
            ring.image_keys(*asked)
        assert "owner" in caught.value.hint


def test_what_proves_a_release():
    """The owner's key for any, its own key for one; the key of a unit for none, and nothing of it can."""
    name, key = b"data set", Key(bytes(range(32)))
    dataset = key.dataset(name)
    assert isinstance(dataset, ReleaseProver)
    assert release_prover(key, name) == release_prover(dataset, name) == dataset
    assert release_prover(dataset.unit(0), name) is None
    assert not isinstance(dataset.unit(0), ReleaseProver)
    with pytest.raises(WrongKey, match="opens the release"):
        release_prover(dataset, b"the next")
    assert release_prover(key, b"the next") == key.dataset(b"the next")


def test_keys_of_names_and_parts():
    """Each ring that opens a unit has the key of its names; a unit's has no key of the release's parts."""
    key, name, other = Key(bytes(range(32))), b"12345678", b"87654321"
    dataset, unit = key.dataset(name), key.dataset(name).unit(3)
    wanted = hkdf(unit.secret, FORMAT_SALT, b"names", 64)
    for ring in (key, dataset, unit):
        assert isinstance(ring, NamesRing)
        assert ring.names_key(name, 3) == wanted
    assert key.names_key(name, 4) != wanted != key.names_key(other, 3)
    for ring, asked in ((unit, (name, 4)), (unit, (other, 3)), (dataset, (other, 3))):
        with pytest.raises(WrongKey):
            ring.names_key(*asked)
    assert dataset.part(b"model") == dataset.model
    assert len({dataset.part(purpose) for purpose in (b"model", b"private", b"originals")} | {wanted}) == 4
    assert not hasattr(unit, "part")


def test_a_key_from_text_or_bytes(tmp_path):  # type: ignore[no-untyped-def]
    """Secret managers return bytes; other types and other bytes are refused in a sentence."""
    key = Key.generate()
    assert Key.from_text(key.text().encode()) == Key.from_text(key.text()) == key
    for odd in (None, 7, b"\xff\xfe", b"nothing"):
        with pytest.raises(KeyFileError):
            Key.from_text(odd)


def test_a_key_in_the_place_of_its_path_is_not_printed(tmp_path):  # type: ignore[no-untyped-def]
    """Neither by the calls of the API nor by the data set."""
    from ripguard import ProtectedDataset
    from ripguard.release.find import read_key

    text = Key.generate().text().splitlines()[-1]
    for opening in (lambda: read_key(text), lambda: ProtectedDataset(tmp_path, text)):
        with pytest.raises(RipguardError) as refusal:
            opening()
        assert text[20:40] not in str(refusal.value)
