"""Run a server process: :mod:`uvicorn` with the application, its first account, and a stop that loses no image."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import uvicorn

from ripguard.errors import StorageError, UsageError
from ripguard.platform.callers import Issued
from ripguard.platform.core import Platform
from ripguard.platform.http.app import application
from ripguard.platform.http.state import State
from ripguard.platform.logs import set_up
from ripguard.platform.profiles import is_loopback
from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.service.pools import Pools
from ripguard.platform.settings import Settings
from ripguard.platform.web.routes import ROUTERS
from ripguard.store.atomic import write_file

GRACE = 30  # seconds for the images of running requests, when the server stops
BACKLOG = 128
TOKEN = "operator.token"  # file in the folder of the platform


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How to serve.

    Attributes:
        host, port: address to listen on; port 0: a free one.
        workers: processes that restore, for each pool.
        pools: pools at once.
        behind_tls_proxy: whether a proxy on this machine, or before a closed network, ends TLS.
        uploads: limits of one upload.
    """

    host: str = "127.0.0.1"
    port: int = 8417
    workers: int = 1
    pools: int = 8
    behind_tls_proxy: bool = False
    uploads: UploadLimits = field(default_factory=UploadLimits)

    def __post_init__(self) -> None:
        if not self.behind_tls_proxy and not is_loopback(self.host):
            raise UsageError(
                f"host {self.host}: tokens, keys and clean images would cross the network unencrypted",
                "listen on 127.0.0.1, or put a proxy with TLS in front and add --behind-tls-proxy",
            )


class Server(uvicorn.Server):
    """A server that tells restorations to stop before it waits for them."""

    def __init__(self, config: uvicorn.Config, stopping: threading.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On SIGINT and SIGTERM."""
        self._stopping.set()
        super().handle_exit(sig, frame)


def server_of(platform: Platform, how: Serving) -> Server:
    """A server that is not started yet."""
    state = State(platform, Pools(how.workers, how.pools), how.uploads, tls=how.behind_tls_proxy)
    app = application(state, more=ROUTERS)
    config = uvicorn.Config(
        app, how.host, how.port, log_level="warning", log_config=None, access_log=False,
        server_header=False, date_header=True, proxy_headers=how.behind_tls_proxy,
        timeout_graceful_shutdown=GRACE, lifespan="on",
    )  # fmt: skip
    return Server(config, state.stopping)


def operator_token(platform: Platform, renew: bool = False) -> Path | None:
    """Make the first account, and write its token to a file, mode 0600. None where there are accounts.

    Args:
        renew: write a new token for the account ``admin`` if there are accounts.

    Raises:
        Absent: there is no such account, or it is no admin.
        StorageError: the file cannot be written.
    """
    with platform.database.read() as connection:
        known = platform.principals.exist(connection)
    if known and not renew:
        return None
    made: Issued = platform.operator_token("admin") if known else platform.first_admin()
    file = platform.settings.folder / TOKEN
    write_file(file, made.text.encode() + b"\n", private=True)
    return file


def serve(
    settings: Settings, how: Serving, renew: bool, started: Callable[[str, str], None], log_json: bool = False
) -> None:
    """Serve until a signal stops it.

    Args:
        renew: write a new token of the operator.
        started: called with the address, and the file of a new token, "" if there is none.
        log_json: log JSON objects, one for each request, too.

    Raises:
        KeyFileError, StorageError: as :meth:`Platform.start`; or the port cannot be used.
    """
    set_up(log_json)
    platform = Platform.start(settings)
    try:
        token = operator_token(platform, renew)
        server = server_of(platform, how)
        bound = _bound(server)
        host, port = bound.getsockname()[:2]
        started(f"http://{f'[{host}]' if ':' in host else host}:{port}", str(token or ""))
    except BaseException:
        platform.close()
        raise
    server.run([bound])


def _bound(server: Server) -> socket.socket:
    """A socket on the address of a server, which may be port 0."""
    host, port = server.config.host, server.config.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)  # before the address is told: who connects then waits, and is not refused
        made.set_inheritable(False)
    except OSError as error:
        raise StorageError(f"cannot listen on {host}, port {port}: {os.strerror(error.errno or 0)}") from None
    return made
