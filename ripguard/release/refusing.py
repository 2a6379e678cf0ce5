"""Source images that cannot be read: all of them are named in one error, or they are left out."""

from __future__ import annotations

from collections.abc import Sequence

from ripguard.data.source import Item, Source
from ripguard.errors import InputRefused, UsageError, refuse_all
from ripguard.release.facts import SourceFacts

REFUSE, SKIP = "refuse", "skip"
ON_ERROR = (REFUSE, SKIP)
NUMBERS = "mend one of them (ripguard check lists them), or remove the folder: without it, class numbers would change"


def check_on_error(value: str) -> str:
    """The value, which must be one of :data:`ON_ERROR`. Raises :class:`UsageError`."""
    if value not in ON_ERROR:
        raise UsageError(f"on_error: expected {' or '.join(ON_ERROR)}, got {value!r}")
    return value


def usable(
    source: Source,
    items: Sequence[Item],
    read: Sequence[SourceFacts | InputRefused],
    others: Sequence[InputRefused],
    on_error: str,
) -> tuple[list[tuple[Item, SourceFacts]], dict[str, str]]:
    """The images that were read, and name → reason of those that are left out.

    Args:
        items: the images of the source that are wanted; ``read``: for each, its facts or why it is refused.
        others: refusals of names and texts.
        on_error: ``"refuse"``: raise all refusals; ``"skip"``: leave refused images out.

    Raises:
        InputRefused: all refusals in one message. With ``"skip"``: those of names, texts and folders, and classes and
            splits that would lose all their images.
    """
    unreadable = {item.name: one for item, one in zip(items, read) if isinstance(one, InputRefused)}
    good = [(item, one) for item, one in zip(items, read) if isinstance(one, SourceFacts)]
    if on_error == REFUSE:
        refuse_all([*source.refused, *others, *unreadable.values()])
        return good, {}
    named = [(_name(one, source), one) for one in source.refused]
    refuse_all([*(one for name, one in named if name not in source.unusable), *others])
    dropped = dict(named) | unreadable
    if not dropped:
        return good, {}
    if not good:
        raise InputRefused(f"{source.name}: no image is left", "ripguard check lists why each is refused")
    refuse_all(_emptied(source, items, [item for item, _ in good]))
    return good, {name: dropped[name].message.removeprefix(f"{name}: ") for name in sorted(dropped)}


def _name(refusal: InputRefused, source: Source) -> str:
    """Name of the file that a refusal is about: a message is ``name: reason``, and a name may contain ``": "``."""
    parts = refusal.message.split(": ")
    names = [": ".join(parts[:count]) for count in range(1, len(parts))]
    return next((name for name in names if name in source.unusable), names[0] if names else refusal.message)


def _emptied(source: Source, items: Sequence[Item], kept: Sequence[Item]) -> list[InputRefused]:
    """Refusals of the splits, and of the classes within a split, whose images are all refused."""
    places = {(item.split, item.label) for item in source.items}
    never = {place for place in source.unusable.values() if place is not None and place not in places}
    before, after = {(item.split, item.label) for item in items} | never, {(one.split, one.label) for one in kept}
    left = {split for split, _ in after}
    found = [
        InputRefused(f"{'/'.join(filter(None, place))}: all images of this class are refused", NUMBERS)
        for place in sorted(before - after)
        if place[1]
    ]
    return found + [
        InputRefused(f"{split}: all images of this split are refused", NUMBERS)
        for split in sorted({split for split, label in before if split and not label} - left)
    ]
