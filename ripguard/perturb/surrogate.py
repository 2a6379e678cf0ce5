"""The surrogate: a small ResNet that the owner trains on their own images, for the perturbation to aim at.

Quick by default (ten epochs: under ten minutes for CIFAR-10 on two cores), seeded, cached by a digest of the data and
the settings. It is the owner's: it is never part of a release.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ripguard.data.source import cache_root
from ripguard.errors import InputRefused, RipguardError, tell
from ripguard.files import open_regular
from ripguard.images.decoding import cannot_read
from ripguard.methods.fitted import Fitted
from ripguard.precision import fast_math
from ripguard.progress import Bar
from ripguard.weights import save_whole

STAGES = ("stage1", "stage2", "stage3")  # whose activations can be asked for, beside "features": after pooling
COARSE = (64, 64, 128, 256)  # widths of a coarse trunk
DESIGN = 2  # of the models below: surrogates cached by another are not used
# what a surrogate file may hold; the usual ones take some megabytes
LARGEST = 1 << 30  # bytes
PLAIN = 1 << 24  # bytes of its plain values, and of its list of records
MOST_NAMES, LONGEST_NAME = 1 << 16, 1000  # classes, and characters of a name
WIDEST = 4096  # channels of a layer, and pixels of a side


@dataclass(frozen=True)
class Settings:
    """How a surrogate is trained.

    Attributes:
        widths: channels of the fine trunk's stem and stages; coarse: of a coarse trunk beside it, () for none.
        side: images of other sizes are resized to this many pixels for training.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256)
    coarse: tuple[int, ...] = ()
    epochs: int = 10
    batch: int = 128
    peak_lr: float = 0.2
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    crop_padding: int = 4
    seed: int = 0
    side: int = 32


class Residual(nn.Module):
    """Two 3×3 convolutions with batch norm, and a 1×1 shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.bn3(self.shortcut(x)))


class Trunk(nn.Module):
    """Stem and three stages, fully convolutional.

    The fine one looks at every pixel (3×3 stem), the coarse one as an ImageNet model does (7×7, stride 2, pooling):
    victims of either kind exist, and a perturbation that only one of them sees does not mislead the other.
    """

    def __init__(self, widths: tuple[int, ...], coarse: bool, alone: bool) -> None:
        super().__init__()
        self.stem = (
            nn.Conv2d(3, widths[0], 7, 2, 3, bias=False) if coarse else nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        )
        self.bn = nn.BatchNorm2d(widths[0])
        self.pool = nn.MaxPool2d(3, 2, 1) if coarse else nn.Identity()
        self.stage1 = Residual(widths[0], widths[1], 1 if coarse else 2)
        self.stage2 = Residual(widths[1], widths[2], 2)
        self.stage3 = Residual(widths[2], widths[3], 2)
        # beside another trunk, both must weigh the same in a distance
        self.scale = nn.Identity() if alone else nn.BatchNorm1d(widths[3], affine=False)

    def forward(self, x: Tensor, layer: str) -> Tensor:
        """Standardised ``[batch, 3, height, width]`` → ``[batch, values]`` of :data:`STAGES` or "features"."""
        x = self.pool(F.relu(self.bn(self.stem(x))))  # [batch, width0, height, width] or a quarter of each side
        for name in STAGES:
            x = getattr(self, name)(x)
            if name == layer:
                return x.flatten(1).float()
        return self.scale(x.mean((2, 3)).float())  # [batch, width3]


class Surrogate(nn.Module):
    """One or two trunks with a head each; any image size, one or three channels, values in 0..1."""

    def __init__(self, classes: int, settings: Settings) -> None:
        super().__init__()
        self.classes, self.side = classes, settings.side
        kinds = [(settings.widths, False)] + ([(settings.coarse, True)] if settings.coarse else [])
        self.trunks = nn.ModuleList(Trunk(widths, coarse, len(kinds) == 1) for widths, coarse in kinds)
        self.heads = nn.ModuleList(nn.Linear(widths[3], classes) for widths, _ in kinds)

    def activation(self, x: Tensor, layer: str) -> Tensor:
        """Activations of one of :data:`STAGES`, or "features", trunk after trunk: → ``[batch, values]``."""
        x = _standard(x)
        return torch.cat([trunk(x, layer) for trunk in self.trunks], 1)

    def logits(self, x: Tensor) -> list[Tensor]:
        """Of every trunk, ``[batch, classes]`` each."""
        x = _standard(x)
        return [head(trunk(x, "features")) for trunk, head in zip(self.trunks, self.heads)]

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(self.logits(x)).mean(0)  # [batch, classes]


class Ensemble(Surrogate):
    """Several surrogates as one with more trunks; of one side, for the same classes."""

    def __init__(self, members: list[Surrogate]) -> None:
        nn.Module.__init__(self)
        self.members = nn.ModuleList(members)
        self.classes, self.side = members[0].classes, members[0].side

    def activation(self, x: Tensor, layer: str) -> Tensor:
        return torch.cat([one.activation(x, layer) for one in self.members], 1)  # type: ignore[operator]

    def logits(self, x: Tensor) -> list[Tensor]:
        return [told for one in self.members for told in one.logits(x)]  # type: ignore[operator]


def _standard(x: Tensor) -> Tensor:
    return ((x.expand(-1, 3, -1, -1) - 0.45) / 0.25).contiguous(memory_format=torch.channels_last)


def working_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Size at which a surrogate trained at ``side`` pixels looks at an image: larger ones are reduced to its scale."""
    scale = min(1.0, side / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """``[batch, channels, height, width]`` at another size; the same tensor where it has that size."""
    return x if tuple(x.shape[2:]) == size else F.interpolate(x, size, mode="bilinear", antialias=True)


def to_tensor(images: np.ndarray, device: str = "cpu") -> Tensor:
    """uint8 ``[batch, height, width, channels]`` → float32 ``[batch, channels, height, width]`` in 0..1."""
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 255


def train(images: np.ndarray, labels: np.ndarray, classes: int, settings: Settings, device: str = "cpu") -> Surrogate:
    """Train on uint8 ``[n, side, side, 3]`` images: SGD, one cycle, crop and flip."""
    torch.manual_seed(settings.seed)
    draw = torch.Generator().manual_seed(settings.seed)
    model: Surrogate = Surrogate(classes, settings).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    count = len(images)
    batch = min(settings.batch, max(2, count // 8))  # few images: still a few steps an epoch
    steps = settings.epochs * (count // batch)
    optimiser = torch.optim.SGD(
        model.parameters(), settings.peak_lr, momentum=0.9, nesterov=True, weight_decay=settings.weight_decay
    )
    total = max(steps + 1, 20)  # the schedule needs room for its rise
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.peak_lr, total_steps=total, pct_start=0.2)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)  # [n, 3, side, side] uint8
    targets = torch.from_numpy(labels).to(device)
    bar = Bar(total=steps, stage="surrogate", unit="step")
    for _ in range(settings.epochs):
        model.train()
        order = torch.randperm(count, generator=draw)
        for start in range(0, count - batch + 1, batch):
            rows = order[start : start + batch].to(device)
            x = _augment(tensor[rows].float() / 255, settings.crop_padding, draw)
            with fast_math(device):
                told = [one.float() for one in model.logits(x)]
                losses = [F.cross_entropy(one, targets[rows], label_smoothing=settings.label_smoothing) for one in told]
                loss = torch.stack(losses).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            bar.update()
        bar.set_postfix(loss=f"{loss.item():.2f}")
    bar.close()
    return freeze(model)


def freeze(model: Surrogate) -> Surrogate:
    """Evaluation mode, no gradients for parameters."""
    return model.eval().requires_grad_(False)


def _augment(x: Tensor, padding: int, draw: torch.Generator) -> Tensor:
    """One random crop for the batch, a random mirror image for each image."""
    side = x.shape[2]
    if padding and side > padding:
        dy, dx = torch.randint(2 * padding + 1, (2,), generator=draw).tolist()
        x = F.pad(x, (padding,) * 4, mode="reflect")[:, :, dy : dy + side, dx : dx + side]
    flip = (torch.rand(len(x), generator=draw) < 0.5).to(x.device)
    return torch.where(flip[:, None, None, None], x.flip(3), x)


def predict(model: Surrogate, images: np.ndarray, device: str = "cpu", batch: int = 512) -> np.ndarray:
    """Class probabilities, float32 ``[n, classes]``, of uint8 ``[n, height, width, channels]`` images."""
    parts = []
    with torch.no_grad(), fast_math(device):
        for start in range(0, len(images), batch):
            x = to_tensor(images[start : start + batch], device)
            x = resize(x, working_size(images.shape[1], images.shape[2], model.side))
            parts.append(model(x).float().softmax(1).cpu())
    return torch.cat(parts).numpy()


def obtain(
    images: np.ndarray,
    labels: np.ndarray,
    names: list[str],
    settings: Settings,
    device: str,
    how: Callable[[np.ndarray, np.ndarray, int, Settings, str], Surrogate] = train,
) -> Path:
    """Path of the surrogate for these data and settings, trained by ``how``: from the cache, else trained now."""
    about = [DESIGN, names, dataclasses.asdict(settings)] + ([] if how is train else [how.__module__])
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    digest.update(str(images.shape).encode() + images.tobytes() + labels.astype("<i8").tobytes())
    path = cache_root() / "surrogates" / f"{digest.hexdigest()[:20]}.pt"
    if path.exists():
        with contextlib.suppress(InputRefused):
            if load(path)[1:] == (names, settings):
                return path
        tell(f"ripguard: note: {path} is damaged, and is trained again")
    save(how(images, labels, len(names), settings, device), names, settings, path)
    return path


def save(model: Surrogate, names: list[str], settings: Settings, path: Path) -> None:
    """Write model, class names and settings; complete or not at all."""
    save_whole({"state": model.state_dict(), "names": names, "settings": dataclasses.asdict(settings)}, path)


def load(path: str | Path, device: str = "cpu") -> tuple[Surrogate, list[str], Settings]:
    """Read a surrogate file. Nothing in it is unpickled but tensors and plain values, and no more than it holds.

    Raises:
        InputRefused: not there, not a regular file, larger than :data:`LARGEST`, or not a surrogate.
        StorageError: it cannot be read just now.
    """
    try:
        with open(open_regular(path, at_most=LARGEST, follow=True), "rb") as file:
            _check_records(file)
            stored = torch.load(file, map_location="cpu", weights_only=True)
        names, settings, state = _checked(stored)
        with torch.device("meta"):  # of the right shapes, without memory
            model = Surrogate(len(names), settings)
        _check_state(state, model)
        model.load_state_dict(state, assign=True)
    except RipguardError:
        raise
    except FileNotFoundError:
        raise InputRefused(f"there is no surrogate file {path}") from None
    except Exception as error:  # torch.load has no common base for what a foreign file can raise
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None):
            raise cannot_read(error, str(path)) from None
        why = str(error) if isinstance(error, _NoSurrogate) else type(error).__name__
        raise InputRefused(f"{path} is not a surrogate file: {why}") from None
    model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return freeze(model), names, settings


class _NoSurrogate(Exception):
    """What is wrong with a file that is no surrogate's."""


class _InPieces(io.BufferedReader):
    """A file of which little is read at once: enough for the list at the end of a zip file."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > PLAIN:
            raise _NoSurrogate("too many records")
        return super().read(PLAIN if size is None or size < 0 else size)


def _check_records(file: BinaryIO) -> None:
    """Refuse a zip file of which more comes out than it has bytes, or whose plain values are many."""
    with zipfile.ZipFile(_InPieces(io.FileIO(file.fileno(), closefd=False))) as records:  # type: ignore[arg-type]
        inside = records.infolist()
    if any(one.compress_type != zipfile.ZIP_STORED for one in inside):
        raise _NoSurrogate("its records are compressed")
    if sum(one.file_size for one in inside) > os.fstat(file.fileno()).st_size:
        raise _NoSurrogate("its records overlap")
    if any(one.file_size > PLAIN for one in inside if one.filename.endswith(".pkl")):
        raise _NoSurrogate("too many plain values")
    file.seek(0)


def _checked(stored: Any) -> tuple[list[str], Settings, dict[str, Tensor]]:
    """Class names, settings and weights of a file, of the right types and not too many."""
    names, values, state = stored["names"], stored["settings"], stored["state"]
    if not isinstance(names, list) or not 1 <= len(names) <= MOST_NAMES:
        raise _NoSurrogate(f"expected 1 to {MOST_NAMES:,} class names")
    if any(not isinstance(name, str) or len(name) > LONGEST_NAME for name in names):
        raise _NoSurrogate(f"expected class names of at most {LONGEST_NAME:,} characters")
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Settings)}
    values = {name: tuple(value) if kinds[name] is tuple else value for name, value in values.items()}
    settings = Settings(**values)
    for name, kind in kinds.items():
        value = getattr(settings, name)
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise _NoSurrogate(f"{name}: expected {kind.__name__}, got {type(value).__name__}")
    for widths in (settings.widths, settings.coarse or settings.widths):
        if len(widths) != 4 or any(type(width) is not int or not 1 <= width <= WIDEST for width in widths):
            raise _NoSurrogate(f"expected four widths of 1..{WIDEST:,}")
    if not 1 <= settings.side <= WIDEST:
        raise _NoSurrogate(f"side: expected 1..{WIDEST:,}, got {settings.side}")
    return names, settings, state


def _check_state(state: Any, model: Surrogate) -> None:
    """Refuse weights that are not this model's, or no numbers."""
    wanted = model.state_dict()
    if not isinstance(state, dict) or set(state) != set(wanted):
        raise _NoSurrogate("its weights are another model's")
    for name, own in wanted.items():
        value = state[name]
        stored = isinstance(value, Tensor) and value.layout == torch.strided
        if not stored or (value.dtype, value.shape) != (own.dtype, own.shape):
            raise _NoSurrogate(f"{name}: expected {own.dtype} {list(own.shape)}")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise _NoSurrogate(f"{name}: values that are repeated, not stored")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise _NoSurrogate(f"{name}: values that are no numbers")


def to_fitted(paths: Sequence[str]) -> Fitted:
    """One surrogate file, or an ensemble of several, as arrays. Raises :class:`InputRefused`."""
    arrays, settings, first = dict[str, np.ndarray](), [], None
    for number, path in enumerate(paths):
        model, names, own = load(path)
        first = first or (names, own.side)
        if (names, own.side) != first:
            raise InputRefused(
                f"{path} and {paths[0]} differ in classes or image size", "an ensemble needs both the same"
            )
        settings.append({k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(own).items()})
        arrays |= {f"{number} {name}": value.numpy() for name, value in model.state_dict().items()}
    return Fitted(arrays, {"names": first[0] if first else [], "settings": settings}, tuple(paths))


def from_fitted(fitted: Fitted, device: str = "cpu") -> Surrogate:
    """The surrogate of :func:`to_fitted`, or the ensemble."""
    models = []
    for number, own in enumerate(fitted.about["settings"]):
        values: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in own.items()}
        with torch.device("meta"):  # of the right shapes, without memory
            model = Surrogate(len(fitted.about["names"]), Settings(**values))
        begin = f"{number} "
        state = {k.removeprefix(begin): torch.tensor(v) for k, v in fitted.arrays.items() if k.startswith(begin)}
        model.load_state_dict(state, assign=True)
        models.append(freeze(model.to(device).to(memory_format=torch.channels_last)))  # type: ignore[call-overload]
    return models[0] if len(models) == 1 else freeze(Ensemble(models))
