"""The published bytes of an annotation file: it names the images as they are published."""

from __future__ import annotations

from collections.abc import Mapping

from ripguard.data.mentions import Mentions, rewritten


class PublishedTexts:
    """Rewrites the texts of a source.

    Args:
        places: path in the release of every image, by its path in the source.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self.mentions = Mentions(places)

    def of(self, data: bytes, name: str) -> bytes:
        """The bytes to publish in the place of the text with this path in the source."""
        return rewritten(data, name, self.mentions).text
