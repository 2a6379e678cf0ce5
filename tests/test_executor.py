"""Executors: the same tasks wherever they run, results in order, contexts made once; and sources without files."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import crop, make_source, tree_digest
from PIL import Image

import ripguard
from ripguard.data.source import Item, Source
from ripguard.errors import InputRefused, StorageError
from ripguard.executor import Local
from ripguard.images.encoding import png_bytes


def whose(context: tuple[str, int, float], item: int) -> tuple[int, str, tuple[str, int, float]]:
    time.sleep(0.01 * (item % 3))
    return item, str(os.getpid()), context


def made(word: str) -> tuple[str, int, float]:
    return word, os.getpid(), time.monotonic()


def fails(context: None, item: int) -> int:
    if item == 3:
        raise StorageError("no room", "make some")
    return item


@pytest.mark.parametrize("workers", [1, 2])
def test_in_order_and_one_context_a_process(workers):  # type: ignore[no-untyped-def]
    """Whatever takes longest; a context belongs to the process that works with it."""
    found = list(Local(workers).map(whose, range(12), partial(made, "x")))
    assert [item for item, *_ in found] == list(range(12))
    contexts = {process: {own for _, its, own in found if its == process} for _, process, _ in found}
    assert all(len(own) == 1 for own in contexts.values())
    assert all(own == int(process) for process, its in contexts.items() for _, own, _ in its)
    assert (str(os.getpid()) in contexts) == (workers == 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_refusal_comes_back_whole(workers):  # type: ignore[no-untyped-def]
    with pytest.raises(StorageError) as caught:
        list(Local(workers).map(fails, range(5)))
    assert (caught.value.message, caught.value.hint) == ("no room", "make some")


def test_nothing_to_do_makes_no_context():
    assert list(Local(4).map(fails, [], partial(int, "no number"))) == []


class Threads:
    """Somebody else's executor; it pickles what it sends, as one on other machines would."""

    workers = 3

    def map(self, task: Any, items: Iterable[Any], context: Any = None, chunk: int = 1) -> Iterator[Any]:
        import pickle

        task, context, sent = (pickle.loads(pickle.dumps(one)) for one in (task, context, list(items)))
        built = context() if context else None
        with ThreadPoolExecutor(1) as pool:
            yield from pool.map(partial(task, built), sent)


def test_another_executor(tmp_path):  # type: ignore[no-untyped-def]
    """Protects, verifies and restores; the release is that of this machine's processes, byte for byte."""
    source = make_source(tmp_path / "source")
    ripguard.keygen(tmp_path / "k")
    for name, how in (("here", {"workers": 2}), ("there", {"executor": Threads()})):
        ripguard.protect(source, tmp_path / name, tmp_path / "k", **how)
        report = ripguard.verify(tmp_path / name, tmp_path / "k", against=source, **how)  # type: ignore[arg-type]
        assert (report.ok, report.equal_to_source) == (True, 30)
        back = ripguard.restore(tmp_path / name, tmp_path / f"{name}-back", tmp_path / "k", **how)  # type: ignore[arg-type]
        assert (back.restored, back.refused) == (30, [])
    assert tree_digest(tmp_path / "here") == tree_digest(tmp_path / "there")


def encoded(number: int, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(crop(number)).save(buffer, kind)
    return buffer.getvalue()


def test_a_source_without_files(tmp_path):  # type: ignore[no-untyped-def]
    """Images that a reader gives, in this process and in others: the same release as from a folder of such files."""
    ripguard.keygen(tmp_path / "k")
    items = []
    for number in range(12):
        kind, name = ("JPEG", "jpg") if number % 3 == 0 else ("PNG", "png")
        place = f"train/{'ab'[number % 2]}/{number}.{name}"
        path = tmp_path / "folder" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(number, kind))
        items.append(Item(place, None, "train", "ab"[number % 2], partial(encoded, number, kind)))
    items.sort(key=lambda item: item.name)
    source = Source("folder", items)
    for scheme in ("mrit", "balanced"):
        for name, own in (("bytes", source), ("files", tmp_path / "folder")):
            ripguard.protect(own, tmp_path / scheme / name, tmp_path / "k", scheme=scheme, workers=2)
        assert tree_digest(tmp_path / scheme / "bytes") == tree_digest(tmp_path / scheme / "files")
        report = ripguard.verify(tmp_path / scheme / "bytes", tmp_path / "k", against=source, workers=2)
        assert (report.ok, report.equal_to_source) == (True, 12)
        measured = ripguard.report(tmp_path / scheme / "bytes", source, workers=1)
        assert measured["pictures"] == 12
    assert ripguard.api.export(source, tmp_path / "copy") == 12
    assert tree_digest(tmp_path / "copy") == tree_digest(tmp_path / "folder")


def broken(error: Exception | None = None) -> bytes:
    if error:
        raise error
    return b"no picture"


@pytest.mark.parametrize(
    ("reader", "error", "words"),
    [
        (partial(broken), InputRefused, "not a readable"),
        (partial(broken, KeyError("shard 7")), InputRefused, "train/a/x.png: cannot be read: KeyError"),
        (partial(broken, OSError(5, "Input/output error")), StorageError, "Input/output error"),
        (partial(str, "text"), InputRefused, "expected bytes, got str"),
    ],
)
def test_a_reader_that_fails(reader, error, words, tmp_path):  # type: ignore[no-untyped-def]
    """One sentence that names the image, and nothing is published."""
    ripguard.keygen(tmp_path / "k")
    good = Item("train/b/y.png", None, "train", "b", partial(png_bytes, np.zeros((8, 8, 3), np.uint8)))
    source = Source("s", [Item("train/a/x.png", None, "train", "a", reader), good])
    with pytest.raises(error) as caught:
        ripguard.protect(source, tmp_path / "out", tmp_path / "k", workers=1)
    assert words in caught.value.message
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputRefused, match="neither a file nor a reader"):
        Item("x", None, "train", "a").read()


def changing(place: Path) -> bytes:
    """Another image at every call."""
    with open(place, "a+") as file:
        file.write("x")
    return encoded(place.stat().st_size, "PNG")


def test_a_reader_that_changes_its_mind(tmp_path):  # type: ignore[no-untyped-def]
    """What the plan has seen is what is published, or nothing is."""
    ripguard.keygen(tmp_path / "k")
    source = Source("s", [Item("train/a/x.png", None, "train", "a", partial(changing, tmp_path / "count"))])
    with pytest.raises(InputRefused, match="changed while it was being protected"):
        ripguard.protect(source, tmp_path / "out", tmp_path / "k", perturb="none", workers=1)
