"""Files of the master key."""

from __future__ import annotations

import pytest

from ripguard.crypto.backend import Forged
from ripguard.crypto.keyfile import holds_key
from ripguard.errors import KeyFileError
from ripguard.platform.master import MasterFiles, MasterKey

ONE, OTHER = MasterKey(bytes(range(32)), 1), MasterKey(bytes(range(1, 33)), 1)


def test_made_once_and_private(tmp_path):  # type: ignore[no-untyped-def]
    files = MasterFiles(tmp_path / "folder" / "master.key")
    made = files.make(1)
    assert files.file.stat().st_mode & 0o777 == 0o600
    assert MasterFiles(files.file).make(1) == made
    assert files.make(2) != made
    assert files.place(2).name == "master.key.2"
    assert "secret" not in repr(made)


@pytest.mark.parametrize("change", ["damaged", "mode", "other kind"])
def test_refused(tmp_path, change):  # type: ignore[no-untyped-def]
    files = MasterFiles(tmp_path / "master.key")
    files.make(1)
    if change == "mode":
        files.file.chmod(0o644)
    else:
        text = files.file.read_text()
        line = text.splitlines()[-1]
        new = line[:-1] + ("a" if line[-1] != "a" else "b") if change == "damaged" else line.replace("master-", "")
        files.file.write_text(text.replace(line, new))
    with pytest.raises(KeyFileError) as refused:
        MasterFiles(files.file).get(1)
    assert "\n" not in refused.value.message


def test_a_missing_file_is_not_made_anew(tmp_path):  # type: ignore[no-untyped-def]
    files = MasterFiles(tmp_path / "master.key")
    with pytest.raises(KeyFileError, match="there is no master key file"):
        files.get(1)
    assert list(tmp_path.iterdir()) == []


def test_forgotten(tmp_path):  # type: ignore[no-untyped-def]
    files = MasterFiles(tmp_path / "master.key")
    files.make(1)
    files.forget(1)
    files.forget(1)
    with pytest.raises(KeyFileError):
        files.get(1)


def test_wrapping_is_bound():
    wrapped = ONE.wrap(b"place", b"key" * 10)
    assert ONE.unwrap(b"place", wrapped) == b"key" * 10
    later = MasterKey(ONE.secret, 2)
    for key, about in ((ONE, b"other"), (OTHER, b"place"), (later, b"place")):
        with pytest.raises(Forged):
            key.unwrap(about, wrapped)


def test_check_values():
    assert ONE.fits(ONE.check_value)
    assert not OTHER.fits(ONE.check_value)
    assert not MasterKey(ONE.secret, 2).fits(ONE.check_value)
    assert not ONE.fits(b"")
    assert ONE.secret not in ONE.check_value


def test_key_files_are_recognized(tmp_path):  # type: ignore[no-untyped-def]
    """A master key inside a source or a release is found, as other keys are."""
    files = MasterFiles(tmp_path / "master.key")
    files.make(1)
    assert holds_key(files.file.read_bytes())
