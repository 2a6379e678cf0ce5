"""A release that is alone in a folder is found; a folder with more in it is left as it is."""

from __future__ import annotations

from ripguard.release.wrapper import unwrapped


def test_wrappers(tmp_path):  # type: ignore[no-untyped-def]
    release = tmp_path / "outer/inner/release"
    release.mkdir(parents=True)
    assert unwrapped(tmp_path) == tmp_path  # no release
    (release / "release.ripguard").write_bytes(b"x")
    for path in (tmp_path, tmp_path / "outer", tmp_path / "outer/inner", release):
        assert unwrapped(path) == release
    assert unwrapped(release / "release.ripguard") == release / "release.ripguard"
    (tmp_path / "outer/.DS_Store").write_bytes(b"x")
    (tmp_path / "outer/__MACOSX").mkdir()
    assert unwrapped(tmp_path) == release
    (tmp_path / "outer/other").mkdir()
    assert unwrapped(tmp_path) == tmp_path  # two folders
    (tmp_path / "outer/other").rmdir()
    (tmp_path / "outer/0.png").write_bytes(b"x")
    assert unwrapped(tmp_path) == tmp_path  # a file beside it


def test_links_are_not_followed_into(tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "release").mkdir()
    (tmp_path / "release/release.ripguard").write_bytes(b"x")
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer/link").symlink_to(tmp_path / "release")
    assert unwrapped(tmp_path / "outer") == tmp_path / "outer"
