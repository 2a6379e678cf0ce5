"""The card has a free name, the right folder, and one line about access."""

from __future__ import annotations

import os

import pytest
from helpers import good, refused

from ripguard.errors import UsageError
from ripguard.release.card import card, card_name, check_contact, class_folder
from ripguard.schemes.base import Scheme

INFO = {
    "units": [{"split": "train", "label": "a"}, {"split": "test", "label": "a"}], "pictures": 12_345, "exact": "bytes",
    "dataset_id": "00" * 8, "key_id": "11" * 8,
}  # fmt: skip


def test_its_name_is_free():
    assert card_name(["a/x.png", "notes.txt", "a/README.md"]) == "README.md"
    assert card_name(["readme.MD"]) == "RIPGUARD.md"
    assert card_name(["readme.md", "Ripguard.md/x.png"]) == "RIPGUARD-2.md"
    assert card_name(["readme.md", "RIPGUARD.md", "ripguard-2.md"]) == "RIPGUARD-3.md"


def test_the_folder_with_the_classes():
    assert class_folder(["train/a/0.png", "train/b/0.png"]) == "train"
    assert class_folder(["a/0.png", "b/0.png"]) == ""
    assert class_folder(["a/x/0.png", "b/0.png"]) == ""
    assert class_folder(["0.png"]) == ""


def test_what_it_tells():
    text = card(INFO, "train", None, Scheme.appearance)
    for wanted in ("Images: 12,345", "Classes: 1", "Splits: test, train", "every file, byte for byte", "Signer: none",
                   'ImageFolder("FOLDER/train")', "ripguard verify", "ripguard restore", "Only the owner"):  # fmt: skip
        assert wanted in text
    assert len(text.splitlines()) < 45
    told = card(INFO | {"exact": "no (lossy)"}, "", "ripguard-signer-x", "They are noise.", "me@x")
    assert 'ImageFolder("FOLDER")' in told
    assert "They are noise. The owner's key gives back the images approximately" in " ".join(told.split())
    assert "Ask for access: me@x" in told
    assert "Signer: ripguard-signer-x" in told


def test_it_tells_what_the_scheme_does(made, tmp_path):  # type: ignore[no-untyped-def]
    """Scrambled images do not look like the originals, and models learn from them: the card says neither."""
    good("protect", made.source, tmp_path / "out", "--key-file", made.key, "--scheme", "privdl")
    said = " ".join((tmp_path / "out/README.md").read_text().split())
    assert "Their pixels have changed places" in said
    assert "Models can be trained on them" in said
    assert "look like the originals" not in said
    assert "learns very little" not in said


@pytest.mark.parametrize("contact", ["two\nlines", "\x1b[2J", "x" * 1001])
def test_contacts_of_another_form(contact):
    with pytest.raises(UsageError, match="contact"):
        check_contact(contact)


def test_a_source_with_a_readme(made, tmp_path):  # type: ignore[no-untyped-def]
    """It is published as it is, and comes back; the card has another name."""
    source = tmp_path / "s"
    (source / "a").mkdir(parents=True)
    (source / "a/0.png").write_bytes((made.source / "a/0.png").read_bytes())
    (source / "ReadMe.md").write_text("mine")
    more = ("--key-file", made.key, "--perturb", "none")
    refused(2, "protect", source, tmp_path / "out", *more, "--contact", "a\nb")
    assert not (tmp_path / "out").exists()
    good("protect", source, tmp_path / "out", *more, "--contact", "Ann, ann@example.org")
    assert (tmp_path / "out/ReadMe.md").read_text() == "mine"
    assert "Ann, ann@example.org" in (tmp_path / "out/RIPGUARD.md").read_text()
    found = good("restore", tmp_path / "out", tmp_path / "back", "--key-file", made.key)
    assert found["left_out"] == []
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == ["ReadMe.md", "a"]


def test_a_folder_in_the_place_of_the_metadata(made, tmp_path):  # type: ignore[no-untyped-def]
    """An image below a folder called like the release's own file is refused by name, in any case."""
    source = tmp_path / "s"
    (source / "Release.RIPGUARD").mkdir(parents=True)
    (source / "Release.RIPGUARD/0.png").write_bytes((made.source / "a/0.png").read_bytes())
    said = refused(3, "protect", source, tmp_path / "out", "--key-file", made.key, "--perturb", "none")
    assert "Release.RIPGUARD/0.png" in said


def test_splits_whose_names_are_no_text(made, tmp_path):  # type: ignore[no-untyped-def]
    """Bytes that are not UTF-8 stay what they are."""
    for split in ("train", os.fsdecode(b"caf\xe9")):
        (tmp_path / "s" / split / "a").mkdir(parents=True)
        (tmp_path / "s" / split / "a/0.png").write_bytes((made.source / "a/0.png").read_bytes())
    good("protect", tmp_path / "s", tmp_path / "out", "--key-file", made.key, "--perturb", "none",
         "--layout", "splits")  # fmt: skip
    assert b"Splits: caf\xe9, train" in (tmp_path / "out/README.md").read_bytes()
    assert good("restore", tmp_path / "out", tmp_path / "back", "--key-file", made.key)["restored"] == 2


def test_a_contact_that_is_a_key(made, tmp_path):  # type: ignore[no-untyped-def]
    """The command line may have got the wrong variable: nothing is published."""
    key = made.key.read_text().splitlines()[-1]
    said = refused(7, "protect", made.source, tmp_path / "out", "--key-file", made.key, "--contact", key)
    assert key not in said
    assert not (tmp_path / "out").exists()


def test_a_missing_file_beside_any_card(made, tmp_path):  # type: ignore[no-untyped-def]
    """A source that has a README.md and a RIPGUARD.md of its own."""
    for name in ("README.MD", "ripguard.md"):
        (made.source / name).write_text("mine")
    try:
        good("protect", made.source, tmp_path / "out", "--key-file", made.key, "--perturb", "none")
    finally:
        for name in ("README.MD", "ripguard.md"):
            (made.source / name).unlink()
    assert (tmp_path / "out/RIPGUARD-2.md").exists()
    (tmp_path / "out/release.ripguard").unlink()
    said = refused(5, "restore", tmp_path / "out", tmp_path / "back", "--key-file", made.key)
    assert "release.ripguard is missing" in said
