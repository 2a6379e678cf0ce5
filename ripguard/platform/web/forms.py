"""Forms of pages, read once and checked: their origin, the value of their visitor, and the kind of each field."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from ripguard.errors import UsageError
from ripguard.platform.access.grants import Terms
from ripguard.platform.clock import DAY
from ripguard.platform.web.visits import CSRF, Visiting, refuse_foreign, refuse_wrong

MOST_FIELDS = 60


class Form:
    """Fields of a form. Methods raise :class:`UsageError` with the name of the field."""

    def __init__(self, data: FormData) -> None:
        if any(isinstance(value, str) and "\0" in value for _, value in data.multi_items()):
            raise UsageError("the form has control characters", "type plain text")  # PostgreSQL takes none
        self._data = data

    def text(self, name: str) -> str:
        """A text, "" if it is missing; with the line ends of Unix."""
        found = self._data.get(name)
        return found.replace("\r\n", "\n").strip() if isinstance(found, str) else ""

    def texts(self, name: str) -> list[str]:
        """All texts of a name, in the order of the page."""
        return [str(one).replace("\r\n", "\n").strip() for one in self._data.getlist(name)]

    def part(self, name: str) -> str | None:
        """A split or a class; None for an empty field, which means all."""
        found = self._data.get(name)
        return found if isinstance(found, str) and found else None

    def flag(self, name: str) -> bool:
        """Whether a box is checked."""
        return name in self._data

    def count(self, name: str) -> int | None:
        """A number from 1 on; None for an empty field."""
        if not (found := self.text(name)):
            return None
        if not (found.isascii() and found.isdecimal() and len(found) < 13 and int(found)):
            raise UsageError(f"{name}: expected a number from 1 on")
        return int(found)

    def day(self, name: str) -> int:
        """The end of a day, UTC, in seconds since 1970."""
        try:
            found = date.fromisoformat(self.text(name))
        except ValueError:
            raise UsageError(f"{name}: expected a day", "such as 2031-12-31") from None
        return int(datetime.combine(found, time(), UTC).timestamp()) + DAY

    async def upload(self, name: str, most: int) -> bytes:
        """Content of a small file; empty if there is none. Raises :class:`UsageError` beyond ``most`` bytes."""
        found = self._data.get(name)
        if not isinstance(found, UploadFile):
            return b""
        data = await found.read(most + 1)
        if len(data) > most:
            raise UsageError(f"{name}: the file is too large")
        return data

    def terms(self) -> Terms:
        """Terms of a grant."""
        return Terms(
            ends_at=self.day("ends"), split=self.part("split"), label=self.part("label"), images=self.count("images"),
            delivery=self.text("delivery") or "pixels",
        )  # fmt: skip


async def read(request: Request, csrf: str) -> Form:
    """The form of a request.

    Args:
        csrf: the value that it must carry.

    Raises:
        HTTPException: 403, another site sent it; 400, it is no form.
    """
    refuse_foreign(request)
    data = await request.form(max_files=1, max_fields=MOST_FIELDS)
    refuse_wrong(data.get(CSRF), csrf)
    return Form(data)


async def _sent(request: Request, visit: Visiting) -> Form:
    return await read(request, visit.csrf)


Sent = Annotated[Form, Depends(_sent)]
