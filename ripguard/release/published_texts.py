"""The published bytes of an annotation file: it names the images as they are published."""

from __future__ import annotations

from collections.abc import Mapping

from ripguard.data.mentions import Mentions, Rewritten, rewritten


class PublishedTexts:
    """Rewrites the texts of a source.

    Args:
        places: path in the release of every image, by its path in the source.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self.mentions = Mentions(places)

    def find(self, data: bytes, name: str) -> Rewritten:
        """The names of images in the text with this path in the source, and its bytes with the published names."""
        return rewritten(data, name, self.mentions)

    def of(self, data: bytes, name: str) -> bytes:
        """The bytes to publish in the place of the text with this path in the source."""
        return self.find(data, name).text
