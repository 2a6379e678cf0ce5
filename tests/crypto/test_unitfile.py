"""The file of unit keys restores its units with the signer unknown, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from platforms import Golden
from releases import KEY

import ripguard
from ripguard.crypto.keyfile import holds_key
from ripguard.crypto.unitfile import UnitRing, is_unit_file
from ripguard.errors import Damaged, KeyFileError, WrongKey
from ripguard.release.find import read_key
from ripguard.release.record import signed_part
from ripguard.release.restorer import Restorer

RELEASE = bytes(range(8))


def ring(units: list[int], release: bytes = RELEASE) -> UnitRing:
    return UnitRing.of(KEY.dataset(release), units, b"signed")


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=30, unique=True))
def test_round_trip(units):  # type: ignore[no-untyped-def]
    made = ring(units)
    found = UnitRing.from_text(made.text(), "f")
    assert found == made
    assert is_unit_file(made.text())
    assert holds_key(made.text().encode())
    assert found.image_keys(RELEASE, units[0], 7) == KEY.image_keys(RELEASE, units[0], 7)


def test_bad_files():
    lines = ring([1, 2]).text().splitlines()
    other = ring([3], bytes(8)).text().splitlines()[-1]
    for text in (lines[2][:-1] + "a", lines[2][:-9], "\n".join([*lines, other]), lines[2] + "\n" + "x" * 200):
        with pytest.raises(KeyFileError) as refused:
            UnitRing.from_text(text, "f")
        assert lines[2][30:60] not in str(refused.value)


def test_a_key_is_found_whatever_separates_it():
    text = ring([5]).text().splitlines()[-1]
    assert holds_key("\n".join(text[at : at + 60] for at in range(0, len(text), 60)).encode())
    assert not holds_key((text[:40] + "x" + text[41:45]).encode())


def test_other_units_stay_closed():
    own = ring([1])
    for call in (lambda: own.image_keys(RELEASE, 2, 0), lambda: own.names_key(RELEASE, 0),
                 lambda: own.image_keys(bytes(8), 1, 0)):  # fmt: skip
        with pytest.raises(WrongKey):
            call()
    assert "secret" not in repr(own)
    assert own.model.hex() not in repr(own)


@pytest.mark.parametrize("name", ["v2-ranked", "v2-seal", "v2-seal-model", "v2-byte-exact"])
def test_restores_its_units_from_a_file(name, tmp_path):  # type: ignore[no-untyped-def]
    """Also what needs the codec model; no signer has to be named."""
    golden = Golden(name)
    release = golden.release
    own = UnitRing.of(KEY.dataset(release.dataset_id), [0], signed_part(release.info))
    file = tmp_path / "units.key"
    file.write_text(own.text())
    file.chmod(0o600)
    assert read_key(file) == own
    result = ripguard.restore(golden.root, tmp_path / "out", file)
    unit = release.info["units"][0]
    assert result.restored == len(golden.files(unit["split"], unit["label"]))


def test_another_release_json_is_refused():
    release = Golden("v2-ranked").release
    own = UnitRing.of(KEY.dataset(release.dataset_id), [0], signed_part(release.info) + b" ")
    with pytest.raises(Damaged, match="not that of these unit keys"):
        Restorer(own, release)
