"""Refusals of the platform. The exit codes are those of its client (``docs/reference/exit-codes.md``)."""

from __future__ import annotations

from ripguard.errors import RipguardError, StorageError, UsageError


class SignInFailed(RipguardError):
    """No token, or one that is unknown, expired or revoked. The message never says which."""

    code, exit_code = "sign-in", 14


class Absent(RipguardError):
    """There is no such object, or the caller may not know of it. Both have the same message."""

    code, exit_code = "absent", 15

    @classmethod
    def of(cls, kind: str) -> Absent:
        """The one message for an object of a kind, whether it is missing or forbidden."""
        return cls(f"there is no such {kind}, or this token does not open it", "ask the owner of the dataset")


class LimitReached(RipguardError):
    """A rate, a quota or a count is used up.

    Attributes:
        retry_after: seconds until it makes sense to try again; 0: never, ask for another grant or token.
    """

    code, exit_code = "limit", 16

    def __init__(self, message: str, hint: str = "", retry_after: int = 0) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple:
        return (type(self), (self.message, self.hint, self.retry_after))


class Conflict(UsageError):
    """It conflicts with what is there: a name that is taken, or a request that was decided."""


class AuditUnavailable(StorageError):
    """The audit log cannot be written. Nothing is restored, changed or delivered without its record."""
