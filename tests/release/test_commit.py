"""What a commit keeps of the looks of a shard: PSNR and SSIM to carrier and clean image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import call, crop, good, make_source
from PIL import Image

from ripguard.images.decoding import read_image
from ripguard.images.quality import likeness
from ripguard.release import shard
from ripguard.release.commit import MOST_SSIM, with_ssim
from ripguard.store.schema import check_commit


def test_protect_prints_what_report_measures(tmp_path):  # type: ignore[no-untyped-def]
    """Medians to the clean images: PSNR of all, SSIM of every second; gray and tiny images among them."""
    source = make_source(tmp_path / "s")
    good("keygen", "--out", tmp_path / "k")
    made = good("protect", source, tmp_path / "r", "--key-file", tmp_path / "k", "--workers", "1")
    found = good("report", tmp_path / "r", "--source", source)
    assert made["psnr_to_clean"] == found["psnr_to_clean"]["median"]
    assert made["ssim_to_clean"] == pytest.approx(found["ssim_to_clean"]["median"], abs=0.1)
    assert made["psnr_to_clean"] < made["psnr_to_carrier"]


def pair(root: Path) -> Path:
    for i in range(6):
        (root / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop(i)).save(root / "ab"[i % 2] / f"{i}.png")
    return root


def test_lines(tmp_path):  # type: ignore[no-untyped-def]
    """On the screen: to the clean images and to the carriers; computed from the files."""
    source = pair(tmp_path / "s")
    good("keygen", "--out", tmp_path / "k")
    _, out, _ = call("protect", source, tmp_path / "r", "--key-file", tmp_path / "k", "--workers", "1")
    names = sorted(path.relative_to(source) for path in source.rglob("*.png"))
    found = [likeness(read_image(tmp_path / "r" / name), read_image(source / name)) for name in names]
    psnr = round(float(np.median([one["psnr"] for one in found])), 4)
    ssim = round(float(np.median([one["ssim"] for one in found[::2]])), 4)  # indices follow the names
    assert f"  median to the clean images: PSNR {psnr:.2f} dB, SSIM {ssim:.3f} (sampled)\n" in out
    assert "  median to the carriers: PSNR " in out


def test_a_resumed_run_has_the_same_medians(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Killed after one shard: the commit of that shard has its part of the medians."""
    source = pair(tmp_path / "s")
    Image.fromarray(crop(9, 40, 32)).save(source / "a/9.png")  # another shape: a second shard
    good("keygen", "--out", tmp_path / "k")
    command = ("protect", source, "--key-file", tmp_path / "k", "--workers", "1")
    whole = good(*command, tmp_path / "whole")
    run, done = shard.run_shard, []

    def once(job: shard.Job, number: int) -> None:
        if done:
            raise KeyboardInterrupt
        run(job, number)
        done.append(number)

    with monkeypatch.context() as patched:
        patched.setattr("ripguard.release.protect.run_shard", once)
        assert call(*command, tmp_path / "half")[0] != 0
    assert done
    half = good(*command, tmp_path / "half")
    assert half["resumed"] > 0
    for name in ("psnr_to_clean", "ssim_to_clean", "psnr_to_carrier", "ssim_to_carrier"):
        assert half[name] == whole[name]


def test_commits_without_it_count_as_not_done():
    about = {"residue": None, "over_bound": 0, "to_carrier": [{"psnr": 30.0, "ssim": None}]}
    with pytest.raises(ValueError, match="to_clean"):
        check_commit(about)
    check_commit(about | {"to_clean": json.loads('[{"psnr": 26.5, "ssim": 0.9}]')})


@pytest.mark.parametrize("images", [1, 2, 7, 3_999, 4_000, 60_000, 1_000_000])
def test_ssim_is_of_some_images(images: int):
    """Never of more than every second; of about 2,000 in large releases; always of one."""
    measured = sum(with_ssim(index, images) for index in range(images))
    assert 1 <= measured <= max(1, (images + 1) // 2)
    assert measured >= min(images / 2, MOST_SSIM) * 0.99
    assert measured <= 1.5 * MOST_SSIM
