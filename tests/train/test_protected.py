"""A release as a torch dataset: the clean images, in any order, from any worker, and nothing on disk."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import flip_bit, good, make_source, refused, tree_digest
from torch.utils.data import DataLoader, Subset

from ripguard import Key, ProtectedDataset
from ripguard._torchvision import torchvision
from ripguard.data.folder import folder
from ripguard.data.image_set import load
from ripguard.errors import Damaged, InputRefused, NotProtected, RipguardError, WrongKey
from ripguard.images.decoding import read_image
from ripguard.release.names import published_places
from ripguard.train.loop import Victim, accuracy
from ripguard.train.protocols import PROTOCOLS


@pytest.fixture(scope="module")
def made(tmp_path_factory):  # type: ignore[no-untyped-def]
    """(source folder, release, key file) with mixed sizes, gray images, JPEG."""
    root = tmp_path_factory.mktemp("protected")
    source = make_source(root / "source")
    good("keygen", "--out", root / "k")
    good("protect", source, root / "r", "--key-file", root / "k", "--perturb", "none")
    return source, root / "r", root / "k"


@pytest.fixture
def expected(made):  # type: ignore[no-untyped-def]
    """Published path → clean image of the training split."""
    items = folder(made[0]).items
    return {p: read_image(i.path) for p, i in zip(published_places(items), items) if i.split == "train"}


def test_every_image_is_the_clean_one(made, expected):  # type: ignore[no-untyped-def]
    """One by one and as a batch, with the labels of the folders."""
    _, release, key = made
    data = ProtectedDataset(release, key, mode=None)
    assert len(data) == len(expected) == 24
    assert data.classes == ["cat", "cup", "face"]
    for i, name in enumerate(data.names):
        image, target = data[i]
        np.testing.assert_array_equal(np.asarray(image).reshape(expected[name].shape), expected[name])
        assert name.split("/")[1] == data.classes[target]
    batch = data.__getitems__([5, 3, 5])
    assert [t for _, t in batch] == [data.targets[i] for i in (5, 3, 5)]
    np.testing.assert_array_equal(np.asarray(batch[0][0]), np.asarray(batch[2][0]))


def test_without_the_key_it_is_an_image_folder(made):  # type: ignore[no-untyped-def]
    """The same paths, classes and labels, the protected pixels."""
    _, release, key = made
    plain = torchvision.datasets.ImageFolder(release / "train")
    data = ProtectedDataset(release, key)
    assert plain.classes == data.classes
    assert sorted(plain.samples) == sorted((str(path), target) for path, target in data.samples)
    assert np.asarray(plain[0][0]).tobytes() != np.asarray(data[0][0].convert("RGB")).tobytes()


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_transforms_subset(made, expected, workers):  # type: ignore[no-untyped-def]
    """Workers, shuffling, transforms v2 on tensors, a subset; nothing is written anywhere in the release."""
    _, release, key = made
    from torchvision.transforms import v2 as transforms  # after the shim

    change = transforms.Compose([transforms.Grayscale(1), transforms.Resize((16, 16))])
    data = ProtectedDataset(
        release, key, transform=change, target_transform=lambda t: -t if workers == 0 else t, form="tensor"
    )
    if workers:
        data.target_transform = None  # a lambda cannot travel to a worker
    before = tree_digest(release, times=True)
    chosen = Subset(data, range(0, 24, 2))
    loader = DataLoader(
        chosen,
        batch_size=5,
        shuffle=True,
        num_workers=workers,
        generator=torch.Generator().manual_seed(0),
        multiprocessing_context="spawn" if workers else None,
    )
    seen = [(x, y) for xs, ys in loader for x, y in zip(xs, ys.tolist())]
    assert len(seen) == 12
    assert all(x.shape == (1, 16, 16) and x.dtype == torch.uint8 for x, _ in seen)
    wanted = [-data.targets[i] if workers == 0 else data.targets[i] for i in range(0, 24, 2)]
    assert sorted(y for _, y in seen) == sorted(wanted)
    assert tree_digest(release, times=True) == before


def test_pickling_keeps_the_key_in_its_file(made):  # type: ignore[no-untyped-def]
    """Made from a key file, the pickle holds its path; the copy works."""
    _, release, key = made
    data = ProtectedDataset(release, key)
    data[0]
    stored = pickle.dumps(data)
    assert Key.read(key).secret not in stored
    again = pickle.loads(stored)
    assert np.asarray(again[3][0]).tobytes() == np.asarray(data[3][0]).tobytes()
    assert "hidden" in repr(data)


def test_it_is_an_image_folder(made, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """The names, order, images and attributes of ``ImageFolder`` on the source: gray images become RGB there, too."""
    source, release, key = made
    monkeypatch.chdir(release.parent)
    plain = torchvision.datasets.ImageFolder(source / "train")
    data = ProtectedDataset(release.name, os.path.relpath(key))
    monkeypatch.chdir(tmp_path)  # paths are absolute from the start
    stems = [[Path(path).relative_to(root / "train").with_suffix("") for path, _ in found.samples]
             for found, root in ((plain, source), (data, release))]  # fmt: skip
    inside = [one for one in stems[1] if one in set(stems[0])]  # torchvision reads no .npy files
    assert inside == [one for one in stems[0] if one in set(stems[1])]
    assert len(inside) >= 20
    for path, target in plain.samples[::3]:
        stem = Path(path).relative_to(source / "train").with_suffix("")
        if stem in set(stems[1]):
            mine = data[stems[1].index(stem)]
            assert mine[1] == target
            assert mine[0].mode == "RGB"
            assert np.array_equal(np.asarray(mine[0]), np.asarray(plain.loader(path)))
    assert (data.classes, data.class_to_idx) == (plain.classes, plain.class_to_idx) == plain.find_classes(plain.root)
    assert data.imgs == data.samples
    assert np.array_equal(np.asarray(data.loader(data.imgs[2][0])), np.asarray(data[2][0]))
    assert {data[i][0].mode for i in range(len(data))} == {"RGB"}
    kept = ProtectedDataset(release, key, mode=None)
    assert {kept[i][0].mode for i in range(len(kept))} == {"RGB", "L"}
    assert data.transforms is None
    assert repr(ProtectedDataset(release, key, transform=torchvision.transforms.Resize(9)).transforms).startswith(
        "StandardTransform"
    )
    with pytest.raises(InputRefused, match="no image of the split"):
        data.loader(tmp_path / "x.png")
    with pytest.raises(ValueError, match="mode: expected"):
        ProtectedDataset(release, key, mode="L")


def test_an_absent_file(made, tmp_path):  # type: ignore[no-untyped-def]
    """Named in the error, also by a worker; the others still come."""
    _, release, key = made
    shutil.copytree(release, tmp_path / "copy")
    data = ProtectedDataset(tmp_path / "copy", key)
    Path(data.samples[2][0]).unlink()
    with pytest.raises(RipguardError, match=data.names[2]) as caught:
        data[2]
    assert caught.value.hint
    assert data[3][1] == data.targets[3]


def test_refusals(made, tmp_path):  # type: ignore[no-untyped-def]
    """Wrong key, no release, no such split: at once; a damaged image: at its turn, the others still come."""
    _, release, key = made
    with pytest.raises(WrongKey):
        ProtectedDataset(release, Key.generate())
    with pytest.raises(NotProtected):
        ProtectedDataset(tmp_path, key)
    with pytest.raises(InputRefused, match="no split 'val'"):
        ProtectedDataset(release, key, split="val")
    with pytest.raises(ValueError, match="form: expected"):
        ProtectedDataset(release, key, form="numpy")
    shutil.copytree(release, tmp_path / "copy")
    data = ProtectedDataset(tmp_path / "copy", key)
    place = data.names.index("train/cup/0.png")
    flip_bit(tmp_path / "copy" / data.names[place])
    with pytest.raises(Damaged):
        data[place]
    assert data[place + 1][1] == data.targets[place + 1]


def test_train_verb(made, tmp_path):  # type: ignore[no-untyped-def]
    """One line from release and key to a trained model; accuracies are the stored model's on clean images."""
    source, release, key = made
    out = tmp_path / "net.pt"
    done = good("train", release, "--key-file", key, "--out", out, "--protocol", "smoke", "--epochs", "2")
    assert (done["pictures"], done["model"], done["epochs"]) == (24, "fastnet-narrow", 2)
    stored = torch.load(out, weights_only=True)
    victim = Victim(PROTOCOLS["smoke"], len(stored["classes"]), stored["side"])
    victim.restore(stored)
    test = load([item for item in folder(source).items if item.split == "test"], side=stored["side"])
    assert round(accuracy(victim, test.images, test.labels), 3) == done["test_accuracy"]
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]
    assert "exists" in refused(8, "train", release, "--key-file", key, "--out", out)
    assert "expected one of" in refused(2, "train", release, "--key-file", key, "--protocol", "none")


def test_train_refuses_before_any_work(made, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A device that is not there, and places where nothing can be written."""
    from ripguard.train import on_release

    monkeypatch.setattr(on_release, "ProtectedDataset", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "link.pt").symlink_to("nowhere")
    train = ("train", made[1], "--key-file", made[2])
    for device in ("cuda", "cuda:1", "x", "cpu:0", "CUDA", "cuda:"):
        assert "--device" in refused(2, *train, "--device", device)
    for out, code in (("file/m.pt", 9), ("x" * 250, 9), ("link.pt", 8), ("file", 8)):
        refused(code, *train, "--out", out)
    if Path("/proc/self").is_dir():
        assert "cannot write /proc/m.pt" in refused(9, *train, "--out", "/proc/m.pt")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "link.pt"]


def test_train_on_a_full_disk(made, tmp_path):  # type: ignore[no-untyped-def]
    """One sentence, exit code 9, and nothing in part."""
    script = (
        "import resource, signal, sys; from ripguard.cli import main; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); sys.exit(main(sys.argv[1:]))"
    )
    command = ["train", str(made[1]), "--key-file", str(made[2]), "--out", "m.pt", "--epochs", "1"]
    done = subprocess.run([sys.executable, "-c", script, *command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    assert "ripguard: error: cannot write .m.pt.checkpoint: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
