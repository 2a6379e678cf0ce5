"""What decides whether a run goes on, and what its release is called: the plan's digest, and commits that fit it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import make_source
from PIL import Image

from ripguard.crypto.keys import Key
from ripguard.data.registry import open_source
from ripguard.data.source import Item, Source
from ripguard.errors import InputRefused
from ripguard.perturb.marks import Marks
from ripguard.release.commit import Commits
from ripguard.release.plan import Plan, Planned, make_plan
from ripguard.release.prepare import prepare
from ripguard.release.shard import Job, committed, run_shard
from ripguard.schemes import SCHEMES


def planned(source, **more):  # type: ignore[no-untyped-def]
    return make_plan(open_source(str(source)), SCHEMES["mrit"].with_options({"perturb": "none"}), **more)


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_the_digest_is_of_the_whole_plan_as_json(scheme, count):
    """Written piece by piece, equal to JSON at once: a release made again keeps its name."""
    names = ["ä/\ud800.png", 'a"b/c.jpg', "d.png"][:count]
    images = [Planned(i, name, f"/x/{name}", name + ".png", 0, 0, (3, 2, 1), "00" * 32) for i, name in enumerate(names)]
    notes = [("a.txt", "/x/a.txt", "11" * 32)]
    plan = Plan("s", SCHEMES[scheme], 1, False, True, False, "p", ["a"], [("train", "a")], images, notes, {"EXIF": 2})
    content = {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan)}
    content |= {"pictures": [dataclasses.asdict(one) for one in images], "scheme": plan.scheme.to_json()}
    for row in content["pictures"]:
        for where in ("path", "size", "reader", "whole"):
            del row[where]
    for left_out in ("metadata", "differs", "skipped", "images", "codec", "unchanged"):
        del content[left_out]
    content["annotations"] = [("a.txt", "11" * 32)]
    assert plan.digest == hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    content["codec"] = "webp"
    webp = dataclasses.replace(plan, codec="webp")
    assert webp.digest == hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def grays(root: Path) -> Path:
    """Images whose bytes no library decides: two classes, gray and color, and a text."""
    values = np.arange(2000).astype(np.uint8)
    shapes = (("cat", (6, 5, 3)), ("cat", (4, 7)), ("dog", (6, 5, 3)), ("dog", (3, 2, 3)))
    for number, (label, shape) in enumerate(shapes):
        kind, suffix = (b"P6", "ppm") if len(shape) == 3 else (b"P5", "pgm")
        (root / label).mkdir(parents=True, exist_ok=True)
        data = values[number : number + int(np.prod(shape))].tobytes()
        (root / label / f"{number}.{suffix}").write_bytes(kind + b"\n%d %d\n255\n" % (shape[1], shape[0]) + data)
    (root / "notes.txt").write_text("two classes\n")
    return root


GOLDEN = (  # of the plans that the version before files of every mode made
    ("mrit", "none", {}, "fb07d638e0494b9089ff544c26fad90ff5299fe11db22239ed185fcdede79fea"),
    ("seal", "none", {"seed": 3}, "4c3a8a76f36a21bc50efc29ed9e2ada97cb5bc6ed0143752ed4730628b510569"),
    (
        "mrit",
        "noise",
        {"limit": 2, "byte_exact": True},
        "f0c9efae9cff55ec0dbf10fa7ed9420e28f4b71d47c4886210bd2d0a5f00812c",
    ),
    ("mrit", "none", {"lossy": True}, "764247a09c941e4e47ab1280e41a47af2b2f7dd5b6ec95dddc179eeec4753ff9"),
)


@pytest.mark.parametrize(("scheme", "perturb", "more", "digest"), GOLDEN)
def test_8_bit_sources_keep_their_identifiers(scheme, perturb, more, digest, tmp_path):  # type: ignore[no-untyped-def]
    """The same command gives the same data set id as before."""
    made = SCHEMES[scheme].with_options({"perturb": perturb})
    made = made.promised(more.get("lossy", False), more.get("byte_exact", False))
    assert make_plan(open_source(str(grays(tmp_path / "source"))), made, **more).digest == digest


def test_whole_files(tmp_path):  # type: ignore[no-untyped-def]
    """An image with alpha is a whole file, in the digest as well; with ``--lossy`` its alpha counts as lost."""
    source = grays(tmp_path / "source")
    Image.new("RGBA", (5, 6), (1, 2, 3, 9)).save(source / "cat/seen.png")
    plan = planned(source)
    assert [image.name for image in plan.images if image.whole] == ["cat/seen.png"]
    assert (plan.differs, plan.metadata) == ({"alpha": 1}, {})
    other = dataclasses.replace(plan, images=[dataclasses.replace(image, whole=False) for image in plan.images])
    assert plan.digest != other.digest
    lossy = planned(source, lossy=True)
    assert (lossy.differs, lossy.metadata) == ({}, {"alpha": 1})
    assert not any(image.whole for image in lossy.images)


@pytest.fixture
def job(tmp_path):  # type: ignore[no-untyped-def]
    """Several shards, as the images have several shapes."""
    plan = planned(make_source(tmp_path / "source"))
    assert len(plan.shards) > 2
    return Job(plan, Key.generate().dataset(b"12345678"), prepare(plan)(), tmp_path / "tree", tmp_path / "work")


def test_the_manifest_is_in_the_order_of_paths(job):
    """Whatever the order in which shards were done, and whatever images they hold."""
    commits = Commits(job.plan, job.commit_path)
    for number in reversed(range(len(job.plan.shards))):
        run_shard(job, number)
        commits.add(number)
    rows = [json.loads(line) for line in b"".join(commits.lines()).splitlines()]
    assert [row["path"] for row in rows] == sorted(image.out for image in job.plan.images)
    assert commits.images == len(rows) == sum(commits.planes.values())
    assert commits.residue_bytes == sum(row["residue"][2] for row in rows if row["residue"])
    assert [entry["file"] for entry in commits.residue_files()] == sorted(
        {r["residue"][0] for r in rows if r["residue"]}
    )


def lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: b"".join([lines(d)[0], *lines(d)[:0:-1]]),  # rows exchanged
        lambda d: b"".join(lines(d)[:-1]),
        lambda d: d + lines(d)[-1],
        lambda d: d.replace(b'"planes":', b'"plane":'),
        lambda d: d.replace(b'"index":', b'"index":1'),
        lambda d: d.replace(b'"psnr":', b'"psnr":"x","x":', 1),
        lambda d: json.dumps({"rows": [json.loads(r) for r in lines(d)[1:]]} | json.loads(lines(d)[0])).encode(),
        lambda d: d[:-3],
        lambda d: b"",
        lambda d: b"[]",
        lambda d: b"[" * 100_000,
    ],
)
def test_commits_that_do_not_fit_the_plan(change, job):
    """Such a shard is done again: also one that an earlier version committed, in another form."""
    number = max(range(len(job.plan.shards)), key=lambda n: len(job.plan.shards[n]))
    run_shard(job, number)
    assert committed(job, number)
    path = job.commit_path(number)
    path.write_bytes(change(path.read_bytes()))
    assert not committed(job, number)


@pytest.mark.parametrize(("classes", "side", "scheme", "options", "cells"), [
    (3, 16, "balanced", {}, 2), (65, 16, "balanced", {}, 4), (3, 16, "balanced", {"cells": 16}, 16),
    (3, 16, "mrit", {}, 16), (3, 64, "balanced", {}, 16), (3, 64, "balanced", {"cells": 4}, 4),
])  # fmt: skip
def test_cells_reach_the_marks(tmp_path, classes, side, scheme, options, cells):  # type: ignore[no-untyped-def]
    """As option, scheme or size have it, more where that is too few: in the plan, and in what workers build."""
    draw = np.random.default_rng(0)
    for label in range(classes):
        for number in range(2):
            path = tmp_path / f"source/c{label:02}/{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw.integers(0, 256, (side, side, 3), np.uint8)).save(path)
    source = open_source(str(tmp_path / "source"))
    plan = make_plan(source, SCHEMES[scheme].with_options(options))
    assert plan.scheme.to_json()["perturb"]["cells"] == cells
    marks = prepare(plan)().perturbation
    assert isinstance(marks, Marks)
    assert ((marks.patches != 0).any(3).sum((1, 2)) == cells).all()


@pytest.mark.parametrize(("classes", "fits"), [(65_536, True), (65_537, False)])
def test_more_units_than_keys_can_tell_apart(classes, fits, monkeypatch):  # type: ignore[no-untyped-def]
    """Refused before a single image is read."""
    monkeypatch.setattr("ripguard.release.plan.Local", lambda *arguments: 1 / 0)
    items = [Item(f"{i}/a.png", Path(f"{i}/a.png"), "train", str(i)) for i in range(classes)]
    with pytest.raises(ZeroDivisionError if fits else InputRefused, match=None if fits else "at most 65,536"):
        make_plan(Source("many", items), SCHEMES["mrit"])
