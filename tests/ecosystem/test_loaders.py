"""Common loaders find the same in the source, in its release, and in the restored folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import good
from layouts import CLASSES, LAYOUTS
from loaders import LOADERS, Facts
from PIL import Image

from ripguard.data.mentions import Mentions, rewritten
from ripguard.release.names import published_names

CASES = [
    pytest.param(layout, load, id=f"{layout}-{load.__name__.removeprefix('load_with_')}") for layout, load in LOADERS
]
NOT_THERE = {f"{number}1.jpg" for number in range(6)}  # in captions of layout jsonl


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a layout, once."""
    base = tmp_path_factory.mktemp("sources")

    def source(layout: str) -> Path:
        if not (base / layout).exists():
            LAYOUTS[layout](base / layout)
        return base / layout

    return source


@pytest.fixture(scope="module")
def published(sources, tmp_path_factory):  # type: ignore[no-untyped-def]
    """Release and restored folder of a layout, once."""
    base = tmp_path_factory.mktemp("published")

    def places(layout: str) -> tuple[Path, Path]:
        release, restored = base / layout / "release", base / layout / "restored"
        if not restored.exists():
            shutil.rmtree(base / layout, ignore_errors=True)
            keys = "--key-file", base / "key"
            if not keys[1].exists():
                good("keygen", "--out", keys[1])
            good("protect", sources(layout), release, *keys, "--perturb", "none", "--workers", "1")
            good("restore", release, restored, *keys, "--workers", "1")
        return release, restored

    return places


@pytest.mark.parametrize(("layout", "load"), CASES)
def test_facts_of_the_source(layout, load, sources, tmp_path):  # type: ignore[no-untyped-def]
    """The facts are what was drawn: all images, in both classes or with their texts."""
    source = sources(layout)
    facts: Facts = load(source, tmp_path)
    drawn = {path.relative_to(source).with_suffix("").as_posix() for path in source.rglob("*.[jp][pn]g")}
    found = [name for _, images in facts.values() for name in images]
    assert sorted(found) == sorted(drawn)
    for classes, images in facts.values():
        assert list(classes) in ([], list(CLASSES))
        assert all(any(part not in (None, "") for part in (label, text)) for label, text, _ in images.values())


@pytest.mark.parametrize(("layout", "load"), CASES)
def test_facts_of_rewritten_texts(layout, load, sources, tmp_path):  # type: ignore[no-untyped-def]
    """PNG under published names, and texts that name them, are all that loaders need; no image is hidden here."""
    source, copy = sources(layout), tmp_path / "copy"
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    images = [path.relative_to(source).as_posix() for path in files if path.suffix in (".jpg", ".png")]
    places = dict(zip(images, published_names(images)))
    known = Mentions(places)
    for path in files:
        name = path.relative_to(source).as_posix()
        target = copy / places.get(name, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in places:
            with Image.open(path) as image:
                image.save(target)
        else:
            result = rewritten(path.read_bytes(), name, known)
            target.write_bytes(result.text)
            assert set(result.unresolved) <= NOT_THERE
    assert load(copy, tmp_path / "copied") == load(source, tmp_path / "source")


@pytest.mark.slow
@pytest.mark.parametrize("place", ["release", "restored"])
@pytest.mark.parametrize(("layout", "load"), CASES)
def test_same_facts(layout, load, place, sources, published, tmp_path):  # type: ignore[no-untyped-def]
    release, restored = published(layout)
    expected = load(sources(layout), tmp_path / "source")
    assert load(release if place == "release" else restored, tmp_path / place) == expected


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_restored_paths(layout, sources, published):  # type: ignore[no-untyped-def]
    """The restored folder has the files of the source, by name, and its texts byte for byte."""
    source, (_, restored) = sources(layout), published(layout)
    names = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert {path.relative_to(restored).as_posix() for path in restored.rglob("*") if path.is_file()} == names
    for name in names:
        if not name.endswith((".jpg", ".png")):
            assert (restored / name).read_bytes() == (source / name).read_bytes(), name
