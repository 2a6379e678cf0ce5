"""Files of a release under other names: which image they are, or why nobody can tell."""

from __future__ import annotations

import json

from helpers import call, crop, good, png_bytes
from releases import KEY


def test_a_renamed_copy_of_equal_images(tmp_path):  # type: ignore[no-untyped-def]
    """Equal images are published equal under `privdl`: a file of another name may be either."""
    KEY.write(tmp_path / "k")
    for name in ("a/0.png", "a/1.png", "b/0.png"):
        place = tmp_path / "s" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png_bytes(crop(int(name[2]) if name[0] == "b" else 5)))
    good(
        "protect", tmp_path / "s", tmp_path / "r", "--key-file", tmp_path / "k", "--scheme", "privdl", "--workers", "1"
    )
    (tmp_path / "r/a/1.png").rename(tmp_path / "r/a/renamed.png")
    code, printed, _ = call("restore", tmp_path / "r", tmp_path / "out", "--key-file", tmp_path / "k", "--json")
    said = [one["message"] for one in json.loads(printed)["refused"]]
    assert code == 10
    assert len(said) == 2  # the other is that a/1.png is missing
    assert any("renamed.png: two images of the release look the same" in one for one in said)
    (tmp_path / "r/a/renamed.png").rename(tmp_path / "r/a/1.png")
    assert good("restore", tmp_path / "r", tmp_path / "out2", "--key-file", tmp_path / "k")["restored"] == 3
