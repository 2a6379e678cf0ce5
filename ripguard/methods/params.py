"""Parameters of a method: one frozen dataclass, in the method's own file.

The command-line options, the Python arguments, the JSON in ``release.json`` and the table in the documentation are all
derived from it. The file must not import torch at module level: parameters are read without it.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from ripguard.errors import UsageError
from ripguard.paths import expanded

LARGE = 48  # pixels
P = TypeVar("P", bound="Params")


@dataclass(frozen=True)
class DataStats:
    """Properties of a dataset that determine parameters left at None.

    Attributes:
        side: of the training images as models see them, in pixels.
        classes: number of classes.
        channels: channel counts of the published images: 1, 3 or both.
    """

    side: int
    classes: int = 1
    channels: frozenset[int] = frozenset({3})

    @property
    def large(self) -> bool:
        """Whether ``side`` is at least :data:`LARGE` pixels, where models with an ImageNet stem are usual.

        Such models downsample early: fine perturbations do not transfer to them, and small ones are averaged away.
        """
        return self.side >= LARGE


@dataclass(frozen=True)
class Option:
    """One parameter, as users set it.

    Attributes:
        help: one line.
        kind: ``int``, ``float``, ``bool`` or ``str``.
        many: whether it takes several values, as a tuple.
        check: returns whether a value is valid; choices: the valid values.
        wanted: description of the valid values, for messages.
        repeat: on the command line, the option is repeated for several values; otherwise they are joined by commas.
        stored: whether it is written into ``release.json``; False for values of this machine, such as paths.
        word: gives the text for a value that differs from the preset, in the scheme's name; None: not shown.
        usual: further values that are not shown.
        path: whether it is the path of a file; ``~`` is replaced.
        flag: command-line name, if it differs from the stored name: ``block-size`` for ``size``.
    """

    help: str
    kind: type = str
    many: bool = False
    check: Callable[[Any], bool] | None = None
    choices: tuple[Any, ...] = ()
    wanted: str = ""
    repeat: bool = False
    stored: bool = True
    word: Callable[[Any], str] | None = None
    usual: tuple[Any, ...] = ()
    default: Any = None
    flag: str = ""
    path: bool = False

    def called(self, name: str) -> str:
        """The command-line name: ``--block-size``."""
        return f"--{self.flag or name.replace('_', '-')}"

    def checked(self, name: str, value: Any) -> Any:
        """The value, converted to its type and checked. Raises :class:`UsageError`."""
        what = self.called(name)
        if value is None:
            return None
        if self.many:
            if isinstance(value, str) or not isinstance(value, (list, tuple)):
                value = (value,)
            if not value and self.default != ():
                raise UsageError(f"{what}: expected at least one of {', '.join(map(str, self.choices))}, got none")
            return tuple(self._one(what, one) for one in value)
        return self._one(what, value)

    def _one(self, what: str, value: Any) -> Any:
        if self.kind is float and hasattr(value, "__float__") and not isinstance(value, bool):  # also NumPy scalars
            value = float(value)
        if self.kind is int and hasattr(value, "__index__") and not isinstance(value, bool):
            value = operator.index(value)
        if self.kind is str and hasattr(value, "__fspath__"):
            value = value.__fspath__()
        if type(value) is not self.kind:
            raise UsageError(f"{what}: expected {_IN_WORDS[self.kind]}, got {value!r}")
        if self.choices and value not in self.choices:
            raise UsageError(f"{what}: expected one of {', '.join(map(str, self.choices))}, got {value!r}")
        if self.path:
            value = expanded(value, what)
        if self.check and not self.check(value):
            raise UsageError(f"{what}: expected {self.wanted}, got {value}")
        return value


_IN_WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a string"}


def option(default: Any, help: str, **more: Any) -> Any:
    """A field of :class:`Params`. Type and number of values come from the field's annotation; see :class:`Option`."""
    return dataclasses.field(default=default, metadata={"help": help, **more})


def positive(value: Any) -> bool:
    return bool(value > 0)


def share(value: float) -> bool:
    return 0 < value <= 1


def word(form: str) -> Callable[[Any], str]:
    """Formatter of a value for a scheme's name: ``word("ε {}")``."""
    return lambda value: form.format("+".join(value) if isinstance(value, tuple) else value)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Base class of all parameters.

    :meth:`resolve` replaces values of None once the dataset is known; the result is recorded in the release.

    Attributes:
        method: name of the method.
        form: version of the fitted state. Cached state of another version is not used.
    """

    method: ClassVar[str] = ""
    form: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for name, one in self.options().items():
            object.__setattr__(self, name, one.checked(name, getattr(self, name)))

    @classmethod
    @functools.cache
    def options(cls) -> dict[str, Option]:
        """All options by name, in the order of the fields."""
        hints, found = typing.get_type_hints(cls), {}
        for field in dataclasses.fields(cls):
            kind, many = _kind(hints[field.name])
            found[field.name] = Option(kind=kind, many=many, default=field.default, **field.metadata)
        return found

    def resolve(self, data: DataStats) -> Self:
        """The parameters with every data-dependent None replaced."""
        return self

    def changed(self, **options: Any) -> Self:
        """The parameters with other values. Raises :class:`UsageError` for an unknown name or an invalid value."""
        self._refuse_unknown(options)
        return dataclasses.replace(self, **options)

    def to_json(self) -> dict[str, Any]:
        """As stored in ``release.json``: ``{"method": …, option: value, …}``."""
        values = {name: getattr(self, name) for name, one in self.options().items() if one.stored}
        return {"method": self.method} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Inverse of :meth:`to_json`; missing values get their defaults. Raises :class:`UsageError`."""
        values = {name: value for name, value in stored.items() if name != "method"}
        cls._refuse_unknown(values)
        return cls(**values)

    @classmethod
    def _refuse_unknown(cls, names: typing.Iterable[str]) -> None:
        if strange := sorted(set(names) - set(cls.options())):
            known = ", ".join(one.called(name) for name, one in cls.options().items()) or "none"
            raise UsageError(f"{cls.method} has no option --{strange[0].replace('_', '-')}", f"it has {known}")


def by_stored_name(options: dict[str, Option], given: dict[str, Any]) -> dict[str, Any]:
    """Options under their stored names; ``given`` may use command-line names. Raises :class:`UsageError`."""
    names = {one.called(name)[2:].replace("-", "_"): name for name, one in options.items()}
    found: dict[str, Any] = {}
    for name, value in given.items():
        own = name if name in options else names.get(name, name)
        if own in found:
            raise UsageError(f"--{name.replace('_', '-')} is given twice, under two names")
        found[own] = value
    return found


def _kind(hint: Any) -> tuple[type, bool]:
    """``int | None`` → (int, False); ``tuple[str, ...]`` → (str, True)."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], True
    return hint, False
