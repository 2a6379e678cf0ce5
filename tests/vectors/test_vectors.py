"""The committed vectors: golden releases restore for ever, and every single fault ends in its one outcome.

``tests/vectors/README.md`` says how another implementation reads them; nothing here but the command line is used.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from helpers import call
from metadata import info_of
from vector_cases import CASES, VECTORS, arrange, fields

from ripguard.images.decoding import read_image

EXITS = {"wrong-key": 4, "damaged": 5, "not-protected": 6, "input-refused": 3, "needs-release": 12}
POSITIVE = ("exact", "lossy")
# written when a damaged model refused every image of its release, and opaque alpha every image: what does without the
# model, and samples that are those published, come back now (README there)
OF_BEFORE = {"model-flip": "exact", "model-missing": "exact", "rgba": "exact"}


def sample_digest(path: Path) -> str:
    """SHA-256 of height, width, channels and samples, as ``tests/vectors/README.md`` defines it."""
    array = read_image(path)
    return hashlib.sha256("{} {} {}\n".format(*array.shape).encode() + array.tobytes()).hexdigest()


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_vector(case, tmp_path):  # type: ignore[no-untyped-def]
    """One outcome, and nothing at the output's place unless the image is exact."""
    read = fields(case)
    if read["release"] == ["v1-seal-jxl"]:
        pytest.importorskip("pillow_jxl", reason="needs the extra jxl")
    wanted, release = read["expect"][0], VECTORS / "releases" / read["release"][0]
    wanted = OF_BEFORE.get(case.stem, wanted)
    image, key = arrange(read, tmp_path)
    out = tmp_path / "out"
    # a loose image of a golden release may need that release's residue
    more = (
        ["--release", release] if "loose" in read and wanted in (*POSITIVE, "damaged", "refused", "wrong-key") else []
    )
    code, _, said = call("restore", image, out, "--key-file", key, "--json", *more)
    assert "Traceback" not in said
    if wanted not in POSITIVE:
        assert not out.exists(), "something was restored"
        assert code in (EXITS.values() if wanted == "refused" else (EXITS[wanted],)), (code, said)
        return
    assert code == 0, said
    (made,) = (path for path in out.rglob("*") if path.is_file())
    digest = sample_digest(made)
    clean = {
        line.split()[1]: line.split()[2] for line in (release.parent / f"{release.name}.clean").read_text().splitlines()
    }
    if wanted == "exact":
        assert digest in clean
        if info_of(release)["exact"] == "bytes":
            assert hashlib.sha256(made.read_bytes()).hexdigest() == clean[digest]


def test_golden_releases_restore_whole(tmp_path):  # type: ignore[no-untyped-def]
    """Every image of every golden release, at its place; lossy ones only in shape."""
    key = tmp_path / "key"
    key.write_text((VECTORS / "keys.txt").read_text().split()[1] + "\n")
    key.chmod(0o600)
    for listing in sorted((VECTORS / "releases").glob("*.clean")):
        out = tmp_path / listing.stem
        code, _, said = call("restore", listing.with_suffix(""), out, "--key-file", key)
        assert code == 0, said
        for line in listing.read_text().splitlines():
            path, digest, _ = line.split()
            made = next(out.glob(f"{Path(path).with_suffix('')}.*"))
            assert sample_digest(made) == digest or listing.stem == "lossy", path


def test_there_are_enough():
    """At least 100, four in five of them negative."""
    outcomes = [fields(case)["expect"][0] for case in CASES]
    assert len(outcomes) >= 100
    assert sum(one not in POSITIVE for one in outcomes) >= 0.8 * len(outcomes)
