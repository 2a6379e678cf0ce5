"""The figure of carve: ceilings of the best model, and the best attack at each number of kept coefficients."""

from __future__ import annotations

from typing import Any

from measurements import made, quality, row, victim

from ripguard.benchmark.figures import save
from ripguard.benchmark.kept_band import curves, plot
from ripguard.benchmark.records import Measurement


def ceiling(kept: int, accuracy: float, model: str = "small", seed: int = 0, **setting: Any) -> Measurement:
    metrics = {"test_acc": accuracy} | ({} if setting.get("gray") else {"ssim_to_clean": kept / 20})
    about = {"scheme": None, "model": model, "seed": seed, "setting": {"kept": kept} | setting}
    return row("ceiling", metrics, **about)


def carve(keep: int, fill: str = "pattern") -> dict[str, Any]:
    values = {"keep": keep, "fill": fill, "eps": 32 / 255, "targets": 3, "grain": 8 / 255, "steps": 20, "coarse": False}
    return made("carve", "carve", **values) | {"hide": {"method": "seal"}}


def attacked(keep: int, plain: float, low_pass: float, **more: Any) -> list[Measurement]:
    scheme = {"scheme": carve(keep, **more)}
    rows = [victim("protected", 0, plain, **scheme), victim("protected", 0, low_pass, "low-pass-1of4", **scheme)]
    return [*rows, quality(**scheme)]


CEILINGS = [ceiling(8, 60.0), ceiling(8, 64.0, seed=1), ceiling(8, 70.0, "large"), ceiling(6, 50.0), ceiling(2, 30.0)]


def test_the_best_model_and_the_best_attack():
    """Seeds are averaged, models are not; gray is another matter; forms of the scheme are apart."""
    rows = [*CEILINGS, ceiling(8, 99.0, gray=True), *attacked(8, 15.0, 22.0), *attacked(6, 18.0, 12.0)]
    ((panel, found),) = curves([*rows, *attacked(8, 40.0, 30.0, fill="noise")]).items()
    assert panel == ("x", "small", 20)
    assert found.ceiling == {8: 70.0, 6: 50.0, 2: 30.0}
    assert found.ssim == {8: 0.4, 6: 0.3, 2: 0.1}
    points = {8: ("low-pass-1of4", 22.0), 6: ("plain", 18.0)}
    assert found.attained == {"carve": points, "carve, fill noise": {8: ("plain", 40.0)}}
    assert found.classes == 2


def test_it_is_drawn_with_one_point_and_with_none(tmp_path):  # type: ignore[no-untyped-def]
    assert plot(attacked(8, 15.0, 22.0)) is None
    for rows in (CEILINGS, [*CEILINGS, *attacked(8, 15.0, 22.0)]):
        figure = plot(rows)
        assert figure is not None
        assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["2×2", "6×6", "8×8"]
        assert save(figure, tmp_path / "f.png").stat().st_size > 5_000
    assert [note.get_text() for note in figure.axes[0].texts] == ["low-pass-1of4"]
