from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from helpers import crop, good, refused

from ripguard import api
from ripguard.crypto.keys import Key
from ripguard.crypto.signing import SigningKey
from ripguard.errors import UsageError
from ripguard.images.encoding import png_bytes
from ripguard.paths import expanded, named_by
from ripguard.train.protected import ProtectedDataset


@pytest.fixture
def home(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A home folder with a source of four images, and another folder to work in."""
    place = tmp_path / "home"
    for index in range(4):
        image = place / "source" / "ab"[index % 2] / f"{index}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(png_bytes(crop(index)))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HOME", str(place))
    return place


def test_what_is_expanded(home, monkeypatch):  # type: ignore[no-untyped-def]
    assert expanded("~/k", "k") == f"{home}/k"
    assert expanded(Path("~/k"), "k") == home / "k"
    assert expanded("folder:~/s", "source") == f"folder:{home}/s"
    for other in ("photos", "./~/k", "a/~", "tinyimagenet:~", "-", "", None, 3, b"~"):
        assert expanded(other, "k") == other
    for name in ("~nobody-of-this-name/k", "folder:~nobody-of-this-name"):
        with pytest.raises(UsageError, match="source: there is no home folder for '~nobody-of-this-name"):
            expanded(name, "source")
    monkeypatch.setenv("X", "~/x")
    assert named_by("X") == home / "x"
    monkeypatch.setenv("X", "")
    assert named_by("X") is None


def test_every_path_of_the_api_is_expanded():
    """By its annotation, so an argument for a path is one of those, or is listed here."""
    for name in api.__all__:
        call = getattr(api, name)
        if inspect.isfunction(call):
            taken = inspect.signature(call).parameters
            paths = {one for one, about in taken.items() if "AnyPath" in str(about.annotation)}
            known = {"source", "out", "key", "labels", "release", "restored", "paths", "grid", "surrogate", "path"}
            taken = {one for one, about in taken.items() if about.annotation != "bool"}  # `paths` of vault_inspect
            assert {one for one in taken if one in known | {"against", "sign_key"}} <= paths, name


def test_commands(home, monkeypatch):  # type: ignore[no-untyped-def]
    """As --key-file=~/k, which shells leave as it is; in variables and in the options of a perturbation too."""
    good("keygen", "--out=~/k")
    assert (home / "k.sign").exists()
    good("protect", "folder:~/source", "~/out", "--key-file=~/k", "--sign-key=~/k.sign", "--perturb", "none")
    monkeypatch.setenv("RIPGUARD_KEY_FILE", "~/k")
    good("verify", "~/out", "--source=~/source")
    good("restore", "~/out", "~/back")
    assert len(list((home / "back").rglob("*.png"))) == 4
    assert not list(Path().iterdir())
    tap = ("protect", "~/source", "~/tap", "--perturb", "tap", "--surrogate-checkpoint")
    assert f"there is no surrogate file {home}/none.pt" in refused(3, *tap, "~/none.pt")


def test_no_home(home, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("RIPGUARD_KEY_FILE", "~nobody-of-this-name/k")
    said = refused(2, "inspect", home)
    assert "RIPGUARD_KEY_FILE: there is no home folder for '~nobody-of-this-name/k'" in said
    assert "--key-file: there is" in refused(2, "verify", home, "--key-file=~nor-of-this/k")
    assert "out: there is" in refused(2, "protect", home / "source", "~nobody-of-this-name/o", "--key-file", "k")
    monkeypatch.setenv("RIPGUARD_PASSPHRASE_FILE", "~nobody-of-this-name/p")
    assert "RIPGUARD_PASSPHRASE_FILE: there is" in refused(2, "keygen", "--out", home / "k", "--passphrase")


def test_classes(home):  # type: ignore[no-untyped-def]
    Key(bytes(32)).write("~/k")
    SigningKey(bytes(range(32))).write(Path("~/s"))
    assert Key.read("~/k").file == home / "k"
    assert SigningKey.read("~/s") == SigningKey(bytes(range(32)))
    good("protect", "~/source", "~/out", "--key-file", "~/k", "--perturb", "none")
    assert ProtectedDataset("~/out", "~/k").key == home / "k"
    assert ProtectedDataset(Path("~/out"), Path("~/k")).root == home / "out"
