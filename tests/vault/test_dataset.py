"""The dataset for training: what ImageFolder gives on the source, in workers too, and no key in a pickle."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset
from vaults import KEY, OTHER, small_source, small_vault

from ripguard import api
from ripguard._torchvision import torchvision
from ripguard.errors import InputRefused, UsageError, WrongKey
from ripguard.vault import Vault, VaultDataset
from ripguard.vault.samples import Sample, Samples

ImageFolder = torchvision.datasets.ImageFolder


@pytest.fixture(scope="module")
def made(tmp_path_factory):  # type: ignore[no-untyped-def]
    """(source, vault, key file)."""
    place = tmp_path_factory.mktemp("vault")
    source = small_source(place / "s")
    KEY.write(place / "k")
    small_vault(source, place / "v")
    api.vault_add_recipient(place / "v", KEY, OTHER, unit="train/cat")
    return source, place / "v", place / "k"


def as_array(image):  # type: ignore[no-untyped-def]
    """Module-level: workers get it by name."""
    return torch.from_numpy(np.asarray(image.resize((8, 8))).copy())


def test_the_same_as_image_folder(made):  # type: ignore[no-untyped-def]
    """Order, classes, pixels and labels; also as tensors."""
    source, vault, key = made
    for split in ("train", "test"):
        plain, own = ImageFolder(source / split), VaultDataset(vault, key, split)
        tensors = VaultDataset(vault, KEY, split, form="tensor")
        assert (own.classes, own.class_to_idx, own.targets) == (plain.classes, plain.class_to_idx, plain.targets)
        assert [one.file.path for one in own.samples] == [str(Path(p).relative_to(source)) for p, _ in plain.samples]
        for i in range(len(plain)):
            image, label = own[i]
            assert (image.mode, label) == ("RGB", plain[i][1])
            assert np.array_equal(np.asarray(image), np.asarray(plain[i][0]))
            assert np.array_equal(np.asarray(image), tensors[i][0].permute(1, 2, 0).numpy())
            assert own.file(i) == Path(plain.samples[i][0]).read_bytes()


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers(made, start):  # type: ignore[no-untyped-def]
    """With the path of a key file and with a key, which is sent to workers."""
    _, vault, key = made
    for one in (key, KEY):
        data = VaultDataset(vault, one, transform=as_array)
        loader = DataLoader(Subset(data, range(6)), 3, num_workers=2, multiprocessing_context=start)
        images, labels = (torch.cat(part) for part in zip(*loader))
        assert images.shape == (6, 8, 8, 3)
        assert labels.tolist() == data.targets[:6]
        assert torch.equal(images[0], data[0][0])


def test_a_pickle_holds_no_key(made):  # type: ignore[no-untyped-def]
    """By accident: a path is pickled, a key is not."""
    _, vault, key = made
    data = VaultDataset(vault, key)
    data[0]
    written = pickle.dumps(data)
    assert KEY.secret not in written
    with Vault(vault, KEY) as opened:
        assert opened.access.secret not in written
        with pytest.raises(TypeError, match="holds keys"):
            pickle.dumps(opened)
    assert np.array_equal(pickle.loads(written)[3][0], data[3][0])
    with pytest.raises(TypeError, match="would write to disk"):
        pickle.dumps(VaultDataset(vault, KEY))
    with pytest.raises(TypeError, match="would write to disk"):
        torch.save(VaultDataset(vault, KEY), io.BytesIO())
    assert "hidden" in repr(data)


def test_the_key_of_one_unit(made):  # type: ignore[no-untyped-def]
    _, vault, _ = made
    data = VaultDataset(vault, OTHER)
    assert (data.classes, set(data.targets), data.splits) == (["cat"], {0}, ["train"])
    with pytest.raises(WrongKey, match="no image of split test"):
        VaultDataset(vault, OTHER, "test")


def test_other_targets(made):  # type: ignore[no-untyped-def]
    """A reader of annotations is one function that reads from the vault."""
    _, vault, key = made

    def sizes(opened: Vault, split: str) -> Samples:
        files = [one for unit in opened.units for one in opened.entries(unit) if one.path.startswith(split)]
        return Samples([Sample(one, {"bytes": len(opened.read(one))}) for one in files], [], [split], False)

    data = VaultDataset(vault, key, "test", target=sizes)
    assert len(data) == 6
    assert data[0][1] == {"bytes": len(data.file(0))}
    with pytest.raises(UsageError, match="target: expected one of label"):
        VaultDataset(vault, key, target="captions")


def test_refusals(made):  # type: ignore[no-untyped-def]
    _, vault, key = made
    with pytest.raises(InputRefused, match=r"no images in a split nowhere"):
        VaultDataset(vault, key, "nowhere")
    for more in ({"form": "array"}, {"mode": "L"}):
        with pytest.raises(ValueError, match="expected"):
            VaultDataset(vault, key, **more)


@pytest.mark.numeric
def test_training(made, tmp_path):  # type: ignore[no-untyped-def]
    """`ripguard train` takes a vault as it takes a release, and a signer only for the latter."""
    _, vault, key = made
    done = api.train(vault, key, tmp_path / "m.pt", protocol="smoke", epochs=1)
    assert (done["pictures"], done["test_accuracy"] is not None) == (24, True)
    with pytest.raises(UsageError, match="--signer is for releases"):
        api.train(vault, key, tmp_path / "n.pt", protocol="smoke", signer="any")
