"""Parameters of a method: one frozen dataclass, in the method's own file.

From it come the options of the command line, the arguments in Python, the JSON in ``release.json`` and the table in the
docs. Such a file imports no torch at its top: parameters are read before anything is computed, and without it.
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

LARGE = 48  # pixels
P = TypeVar("P", bound="Params")


@dataclass(frozen=True)
class DataStats:
    """What of a dataset settles parameters that were left open.

    Attributes:
        side: in pixels, of the training images as models see them.
        classes: their number.
        channels: numbers of channels that images are published with: 1, 3 or both.
    """

    side: int
    classes: int = 1
    channels: frozenset[int] = frozenset({3})

    @property
    def large(self) -> bool:
        """Whether models with an ImageNet stem are usual at this size: from :data:`LARGE` pixels.

        What only a fine model sees does not mislead them, and they average much of a small perturbation away.
        """
        return self.side >= LARGE


@dataclass(frozen=True)
class Option:
    """One parameter, as people set it.

    Attributes:
        help: one line.
        kind: ``int``, ``float``, ``bool`` or ``str``.
        many: whether it takes several values: a tuple.
        check: raises :class:`ValueError` or returns whether a value will do; choices: the values that will.
        wanted: what ``check`` wants, in words.
        repeat: on the command line the option is repeated; else several values are joined by commas.
        stored: whether it is written into ``release.json``; what is of this machine alone, as a path, is not.
        word: how a value other than the scheme's own shows in the scheme's name; None: not at all.
        usual: values at which it is not shown, beside the scheme's own.
        flag: what people call it, where that is not the name it is stored under: ``block-size`` for ``size``.
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

    def called(self, name: str) -> str:
        """What people call it, on the command line: ``--block-size``."""
        return f"--{self.flag or name.replace('_', '-')}"

    def checked(self, name: str, value: Any) -> Any:
        """The value in its own type. Raises :class:`UsageError`."""
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
        if self.kind is float and hasattr(value, "__float__") and not isinstance(value, bool):  # NumPy's too
            value = float(value)
        if self.kind is int and hasattr(value, "__index__") and not isinstance(value, bool):
            value = operator.index(value)
        if self.kind is str and hasattr(value, "__fspath__"):
            value = value.__fspath__()
        if type(value) is not self.kind:
            raise UsageError(f"{what}: expected {_IN_WORDS[self.kind]}, got {value!r}")
        if self.choices and value not in self.choices:
            raise UsageError(f"{what}: expected one of {', '.join(map(str, self.choices))}, got {value!r}")
        if self.check and not self.check(value):
            raise UsageError(f"{what}: expected {self.wanted}, got {value}")
        return value


_IN_WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a text"}


def option(default: Any, help: str, **more: Any) -> Any:
    """A field of :class:`Params`. Type and number of values come from the field's annotation; see :class:`Option`."""
    return dataclasses.field(default=default, metadata={"help": help, **more})


def positive(value: Any) -> bool:
    return bool(value > 0)


def share(value: float) -> bool:
    return 0 < value <= 1


def word(form: str) -> Callable[[Any], str]:
    """Shows a value in a scheme's name: ``word("ε {}")``."""
    return lambda value: form.format("+".join(value) if isinstance(value, tuple) else value)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Base of all parameters.

    A value that is None is settled by :meth:`resolve`, once, when the data are known; what that returns is recorded.

    Attributes:
        method: its name.
        form: of what it finds in the training images; another number, and what is in the cache is not used.
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
        """With every None settled that hangs on the data."""
        return self

    def changed(self, **options: Any) -> Self:
        """With other values. Raises :class:`UsageError` for a name or a value that will not do."""
        self._refuse_unknown(options)
        return dataclasses.replace(self, **options)

    def to_json(self) -> dict[str, Any]:
        """As ``release.json`` holds it: ``{"method": …, option: value, …}``."""
        values = {name: getattr(self, name) for name, one in self.options().items() if one.stored}
        return {"method": self.method} | {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Inverse of :meth:`to_json`; what is not there has its default. Raises :class:`UsageError`."""
        values = {name: value for name, value in stored.items() if name != "method"}
        cls._refuse_unknown(values)
        return cls(**values)

    @classmethod
    def _refuse_unknown(cls, names: typing.Iterable[str]) -> None:
        if strange := sorted(set(names) - set(cls.options())):
            known = ", ".join(one.called(name) for name, one in cls.options().items()) or "none"
            raise UsageError(f"{cls.method} has no option --{strange[0].replace('_', '-')}", f"it has {known}")


def by_stored_name(options: dict[str, Option], given: dict[str, Any]) -> dict[str, Any]:
    """Options by the names they are stored under; they may be given by what people call them. Raises UsageError."""
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
