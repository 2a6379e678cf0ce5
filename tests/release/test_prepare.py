"""What is found in the training images: once, for exactly these images and options, and never believed blindly."""

from __future__ import annotations

import dataclasses
import os
import shutil
import stat
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import crop

from ripguard.data.registry import open_source
from ripguard.errors import RipguardError
from ripguard.images.encoding import png_bytes
from ripguard.methods.fitted import Fitted
from ripguard.perturb.marks import Marks
from ripguard.perturb.tap import TAP
from ripguard.release.plan import Plan, make_plan
from ripguard.release.prepare import _name, prepare
from ripguard.schemes import SCHEMES
from ripguard.schemes.base import Run


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:  # type: ignore[no-untyped-def]
    """Two classes of six images; a cache of its own."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path / "cache"))
    for number in range(12):
        path = tmp_path / f"source/{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(crop(number, 16, 16)))
    return tmp_path / "source"


def planned(source: Path, name: str = "mrit", seed: int = 0, **options: Any) -> Plan:
    return make_plan(open_source(str(source)), SCHEMES[name].with_options(options), seed)


def test_the_name_follows_all_that_decides_a_fit(source, monkeypatch):  # type: ignore[no-untyped-def]
    """Options, seed, device, images, labels, the form of what is found; and nothing that decides no fit."""
    plan = planned(source)
    names = {
        "usual": _name(plan, "cpu"),
        "seed": _name(planned(source, seed=1), "cpu"),
        "device": _name(plan, "cuda"),
        "option": _name(planned(source, sink_class=False), "cpu"),
        "share": _name(planned(source, surrogate_share=0.5), "cpu"),
        "tap": _name(planned(source, "mrit-tap"), "cpu"),
        "epochs": _name(planned(source, "mrit-tap", surrogate_epochs=2), "cpu"),
        "surrogates": _name(planned(source, "mrit-tap", ensemble_size=2), "cpu"),
        "class": _name(dataclasses.replace(plan, labels=["a", "c"]), "cpu"),
    }
    changed = [dataclasses.replace(one, label=1 - one.label) if not one.index else one for one in plan.images]
    names["label"] = _name(dataclasses.replace(plan, images=changed), "cpu")
    (source / "a/0.png").write_bytes(png_bytes(crop(99, 16, 16)))
    names["image"] = _name(planned(source), "cpu")
    monkeypatch.setattr(type(plan.scheme.perturb), "form", 7)  # type: ignore[attr-defined]
    names["form"] = _name(plan, "cpu")
    assert len(set(names.values())) == len(names), names


def test_found_once(source, monkeypatch):  # type: ignore[no-untyped-def]
    """Again from the cache, the same; where the cache is gone it is found again, the same."""
    first = prepare(planned(source))
    with monkeypatch.context() as patch:
        patch.setattr(Marks, "fit", lambda *arguments: 1 / 0)
        assert prepare(planned(source)).digest == first.digest
        with pytest.raises(ZeroDivisionError):
            prepare(planned(source, seed=1))
    shutil.rmtree(os.environ["RIPGUARD_CACHE"])
    assert prepare(planned(source)).digest == first.digest


def test_two_fits_make_two_releases(source):  # type: ignore[no-untyped-def]
    """What was found is part of the plan, and so is the release's model."""
    plan = planned(source)
    digests = [
        prepare(plan).digest,
        prepare(planned(source, sink_class=False)).digest,
        prepare(plan, model=b"m").digest,
    ]
    assert len(set(digests)) == 3
    assert len({plan.aimed(one).digest for one in digests}) == 3
    assert prepare(planned(source, perturb="none")).digest == ""


@pytest.mark.parametrize(
    "rot",
    [
        lambda data: data[:-40], lambda data: b"", lambda data: b"junk",
        lambda data: data[:500] + bytes([data[500] ^ 1]) + data[501:],
        lambda data: data.replace(b"patches", b"patchez"), lambda data: b"\x93NUMPY" + data, lambda data: b"[1, 2]",
    ],
)  # fmt: skip
def test_a_rotten_cache(rot, source, capsys):  # type: ignore[no-untyped-def]
    """Told, and found again."""
    first = prepare(planned(source))
    (place,) = (Path(os.environ["RIPGUARD_CACHE"]) / "fitted").iterdir()
    place.write_bytes(rot(place.read_bytes()))
    assert prepare(planned(source)).digest == first.digest
    assert "is damaged and will be computed again" in capsys.readouterr().err
    assert Fitted.read(place) is not None


def test_nobody_else_reads_what_a_fit_found(source):  # type: ignore[no-untyped-def]
    """The secret of `carve` is in it, and a model of the clean images: mode 0600, whatever the umask; old files too."""
    cache = Path(os.environ["RIPGUARD_CACHE"])
    before = os.umask(0)
    try:
        wanted = prepare(planned(source, "carve", surrogate_epochs=1)).digest
    finally:
        os.umask(before)
    made = [path for path in cache.rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in made) == [".npz", ".pt"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    (fitted,) = (cache / "fitted").iterdir()
    fitted.chmod(0o644)  # as versions before wrote it
    assert prepare(planned(source, "carve", surrogate_epochs=1)).digest == wanted
    assert stat.S_IMODE(fitted.stat().st_mode) == 0o600


def test_other_numbers_in_the_cache_are_not_believed(source):  # type: ignore[no-untyped-def]
    """Also where the file is whole."""
    first = prepare(planned(source))
    (place,) = (Path(os.environ["RIPGUARD_CACHE"]) / "fitted").iterdir()
    with np.load(place) as stored:
        content = {name: stored[name] for name in stored.files}
    content["array patches"] = -content["array patches"]
    with open(place, "wb") as file:
        np.savez(file, **content)
    assert Fitted.read(place) is None
    assert prepare(planned(source)).digest == first.digest
    place.unlink()
    os.mkfifo(place)
    assert Fitted.read(place) is None


def test_a_cache_that_cannot_be_written(source, tmp_path, monkeypatch, capsys):  # type: ignore[no-untyped-def]
    """It saves time, and nothing hangs on it."""
    wanted = prepare(planned(source)).digest
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path / "file"))
    assert prepare(planned(source)).digest == wanted
    assert "is not kept" in capsys.readouterr().err


def test_given_surrogates_are_read_every_time(source, tmp_path):  # type: ignore[no-untyped-def]
    """The name of a file says nothing of what is in it."""
    made = prepare(planned(source, "mrit-tap", surrogate_epochs=1, attack_steps=1))
    own = tmp_path / "own.pt"
    shutil.copy(made.fitted.files[0], own)
    fitted = Path(os.environ["RIPGUARD_CACHE"]) / "fitted"
    before = sorted(fitted.iterdir())
    given = prepare(planned(source, "mrit-tap", surrogate=str(own), attack_steps=1))
    assert given.fitted.digest == made.fitted.digest
    own.write_bytes(b"junk")
    with pytest.raises(RipguardError, match="is not a surrogate file"):
        prepare(planned(source, "mrit-tap", surrogate=str(own), attack_steps=1))
    assert sorted(fitted.iterdir()) == before
    for file in made.fitted.files:  # what a release tells of must be there
        os.unlink(file)
    again = prepare(planned(source, "mrit-tap", surrogate_epochs=1, attack_steps=1))
    assert all(map(os.path.exists, again.fitted.files))


def test_what_is_aimed_through(source):  # type: ignore[no-untyped-def]
    """mRIT changes what carriers look like; `seal` does not, and marks stand between."""
    for options, wanted in (({}, True), ({"hide": "seal"}, False)):
        plan = planned(source, "mrit-tap", surrogate_epochs=1, **options)
        perturbation = plan.scheme.protector(Fitted(), Run()).perturbation  # type: ignore[attr-defined]
        assert isinstance(perturbation, TAP)
        assert (perturbation.context.simulate is not None) == wanted
        if perturbation.context.simulate:
            clean = np.stack([crop(number, 16, 16) for number in range(3)])
            assert (perturbation.context.simulate(clean, clean[::-1]) != clean[::-1]).any()


def test_threads_that_write_one_file(tmp_path):  # type: ignore[no-untyped-def]
    """None is in another's way: a server may protect for two owners at once."""
    failed: list[BaseException] = []
    fitted = Fitted({"x": np.arange(1000)})

    def write() -> None:
        try:
            for _ in range(20):
                fitted.write(tmp_path / "x.npz")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    found = Fitted.read(tmp_path / "x.npz")
    assert found is not None
    assert found.digest == fitted.digest
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_what_cannot_be_kept():
    """Objects are refused; plain values are as a file gives them back."""
    with pytest.raises(ValueError, match="objects"):
        Fitted({"x": np.array([object()])})
    assert Fitted({}, {"a": (1, 2)}).about == {"a": [1, 2]}
