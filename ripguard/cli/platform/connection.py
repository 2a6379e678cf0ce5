"""Which platform, and with which token."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ripguard.errors import UsageError
from ripguard.numbers import positive
from ripguard.paths import expanded

if TYPE_CHECKING:
    from ripguard.platform.client import Client
    from ripguard.platform.profiles import Profile

SERVER, TOKEN_FILE, PROFILE = "RIPGUARD_SERVER", "RIPGUARD_TOKEN_FILE", "RIPGUARD_PROFILE"
DAY = 86_400  # seconds


def add_connection(parser: argparse.ArgumentParser) -> None:
    """``--server``, ``--token-file`` and ``--profile``."""
    server, token, profile = (os.environ.get(name) or None for name in (SERVER, TOKEN_FILE, PROFILE))
    parser.add_argument("--server", metavar="URL", default=server, help=f"address of the platform (default ${SERVER})")
    parser.add_argument("--token-file", metavar="T", default=token, help=f"file with the token (default ${TOKEN_FILE})")
    parser.add_argument(
        "--profile", metavar="P", default=profile, help=f"file with server, dataset and token (default ${PROFILE})"
    )


def add_terms(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """What a grant gives."""
    parser.add_argument("--days", type=positive, required=required, metavar="N", help="until the grant ends")
    parser.add_argument("--split", metavar="NAME", help="images of this split alone")
    parser.add_argument("--label", metavar="NAME", help="images of this class alone")
    parser.add_argument("--images", type=positive, metavar="N", help="at most so many images")
    parser.add_argument(
        "--keys", action="store_true", help="also the keys of whole classes, which restore offline and for ever"
    )


def terms_of(options: argparse.Namespace) -> dict[str, object]:
    """The terms as the server wants them."""
    own = {"split": options.split, "label": options.label, "images": options.images}
    ends = int(time.time()) + options.days * DAY
    return own | {"ends_at": ends, "delivery": "keys" if options.keys else "pixels"}


def profile_of(options: argparse.Namespace) -> Profile | None:
    """The profile, None if none is named."""
    from ripguard.platform.profiles import Profile

    return Profile.read(Path(expanded(options.profile, "--profile"))) if options.profile else None


def client_of(options: argparse.Namespace) -> Client:
    """A client. Raises :class:`UsageError` where no server or token is named."""
    from ripguard.platform.client import Client
    from ripguard.platform.profiles import token_of

    if (profile := profile_of(options)) is not None:
        return Client.of(profile)
    if not options.server:
        raise UsageError("no server", f"add --server URL or --profile P, or set {SERVER}")
    if not options.token_file:
        raise UsageError("no token", f"add --token-file T or --profile P, or set {TOKEN_FILE}")
    return Client(options.server, token_of(Path(expanded(options.token_file, "--token-file"))))


def new_secret_file(options: argparse.Namespace) -> Path:
    """The path of ``--out``, where nothing is yet: a token that was made must not be lost."""
    out = Path(expanded(options.out, "--out"))
    if os.path.lexists(out):
        raise UsageError(f"{out} exists", "choose another name")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent} is not a folder")
    return out
