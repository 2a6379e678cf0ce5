"""Recipients come and go; only the header changes."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from helpers import tree_digest
from vaults import KEY, OTHER, back, small_source, small_vault

from ripguard import api
from ripguard.crypto import passphrase
from ripguard.errors import KeyFileError, UsageError, WrongKey
from ripguard.vault import AgeIdentities, Passphrase, Vault

pyrage = pytest.importorskip("pyrage", reason="comes with the extra vault")


@pytest.fixture(scope="module")
def made(tmp_path_factory):  # type: ignore[no-untyped-def]
    place = tmp_path_factory.mktemp("vault")
    small_vault(small_source(place / "s"), place / "v")
    return place / "v"


@pytest.fixture
def vault(made, tmp_path):  # type: ignore[no-untyped-def]
    return Path(shutil.copytree(made, tmp_path / "v"))


@pytest.fixture
def cheap(monkeypatch):  # type: ignore[no-untyped-def]
    """Passphrases that take a moment."""
    monkeypatch.setattr(passphrase, "COST", passphrase.LEAST)
    monkeypatch.setattr(passphrase.lock, "__defaults__", (passphrase.LEAST,))


def body(vault: Path) -> dict[str, str]:
    found = tree_digest(vault, times=True)
    del found["vault.ripguard"]
    return found


def identity() -> tuple[AgeIdentities, str]:
    made = pyrage.x25519.Identity.generate()
    return AgeIdentities((str(made),)), str(made.to_public())


def test_each_kind_opens_the_vault_until_it_is_dropped(vault, cheap, tmp_path):  # type: ignore[no-untyped-def]
    """And whole: every kind decrypts the same files. The body stays as it is, its times too."""
    before, numbers = body(vault), itertools.count()
    wanted = back(vault, tmp_path / "first")
    age, public = identity()
    for recipient, opener in (
        (OTHER, OTHER),
        (public, age),
        (Passphrase("correct horse"), Passphrase("correct horse")),
    ):
        with pytest.raises(WrongKey):
            Vault(vault, opener)
        epoch = api.vault_inspect(vault, KEY).epoch
        added = api.vault_add_recipient(vault, KEY, recipient)
        assert api.vault_inspect(vault, KEY).epoch == epoch + 1
        assert back(vault, tmp_path / str(next(numbers)), opener) == wanted
        assert added in api.vault_recipients(vault, opener)
        api.vault_drop_recipient(vault, opener, added.name)  # with its own key
        with pytest.raises(WrongKey):
            Vault(vault, opener)
    assert body(vault) == before
    assert [path.name for path in vault.parent.iterdir() if path.name.startswith(".")] == []


def test_who_they_are_is_for_key_holders(vault, tmp_path):  # type: ignore[no-untyped-def]
    """The header shows kinds and ids; age recipients and units are encrypted."""
    age, public = identity()
    api.vault_add_recipient(vault, KEY, public, unit="train/cat")
    assert [(one.kind, one.about, one.unit) for one in api.vault_recipients(vault)] == [
        ("key", "", None), ("age", "", None)
    ]  # fmt: skip
    assert [(one.about, one.unit) for one in api.vault_recipients(vault, KEY)] == [("", None), (public, "train/cat")]
    header = (vault / "vault.ripguard").read_bytes()
    assert public.encode() not in header
    assert b"cat" not in header
    assert {name.rpartition("/")[0] for name in back(vault, tmp_path / "o", age)} == {"train/cat"}
    with pytest.raises(WrongKey, match="use a key of the whole vault"):
        api.vault_add_recipient(vault, age, OTHER)
    api.vault_drop_recipient(vault, KEY, public)
    assert len(api.vault_recipients(vault)) == 1


def test_refusals(vault):  # type: ignore[no-untyped-def]
    """A recipient twice, the last one, nobody, no recipient at all; the vault stays as it is."""
    before = tree_digest(vault)
    for recipient, match in ((KEY, "is a recipient already"), ("age1x", "expected an age recipient")):
        with pytest.raises(UsageError, match=match):
            api.vault_add_recipient(vault, KEY, recipient)
    with pytest.raises(UsageError, match="nobody else could open"):
        api.vault_drop_recipient(vault, KEY, KEY.id.hex())
    with pytest.raises(UsageError, match="no recipient of"):
        api.vault_drop_recipient(vault, KEY, "nobody")
    with pytest.raises(KeyFileError, match="passphrase is empty"):
        api.vault_add_recipient(vault, KEY, Passphrase(" "))
    assert tree_digest(vault) == before


def test_passphrases(vault, cheap):  # type: ignore[no-untyped-def]
    """Several, of which a wrong one opens nothing; not more than are tried."""
    for number in range(8):
        api.vault_add_recipient(vault, KEY, Passphrase(f"phrase {number}"))
    Vault(vault, Passphrase("phrase 7")).close()
    with pytest.raises(KeyFileError, match="passphrase does not open"):
        Vault(vault, Passphrase("phrase 8"))
    with pytest.raises(UsageError, match="at most 8 passphrases"):
        api.vault_add_recipient(vault, KEY, Passphrase("phrase 8"))


def test_the_header_does_not_grow_with_the_dataset(vault, tmp_path):  # type: ignore[no-untyped-def]
    """A recipient costs a constant number of bytes, whatever the vault holds."""
    large = small_source(tmp_path / "large")
    for number in range(500):
        (large / f"{number}.txt").write_text(str(number))
    small_vault(large, tmp_path / "w")
    sizes = [(one / "vault.ripguard").stat().st_size for one in (vault, tmp_path / "w")]
    assert abs(sizes[0] - sizes[1]) < 20


def test_no_secret_in_texts(vault):  # type: ignore[no-untyped-def]
    age, _ = identity()
    with Vault(vault, KEY) as opened:
        texts = [repr(opened), repr(opened.access), repr(opened.unit_key("train/cat")), repr(age), repr(KEY)]
        secret = repr(opened.access.secret)[2:12]
    texts.append(repr(Passphrase("correct horse")))
    assert not any(word in text for text in texts for word in ("AGE-SECRET", "correct", "secret=", secret))
