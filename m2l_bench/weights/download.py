"""Downloads from the web: resumed where they were interrupted, checked, and never left incomplete under their name."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from typing import Any, Literal

from m2l_bench.errors import UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.music2latent.hub import TIMEOUT_SECONDS
from m2l_bench.text import one_line

BLOCK = 1 << 20
LIMIT_BYTES = 100 * 10**9
"""Size that no file exceeds: several times the largest archive of a dataset."""
WEB_PAGE = "the server sends a web page in place of the file"


class _Unreachable(Exception):
    """The network or the server failed; the message is the reason."""


class _PastTheEnd(Exception):
    """The part is at least as long as the file, whose size is `size`; None where the server does not state it."""

    def __init__(self, size: int | None) -> None:
        super().__init__(size)
        self.size = size


class _Refused(Exception):
    """What the server sends is not the file; the message is the reason."""


def download(
    url: str,
    target: Path,
    checksum: str = "",
    algorithm: Literal["sha256", "md5"] = "sha256",
    on_bytes: Callable[[int, int | None], None] = lambda received, total: None,
    limit_bytes: int = LIMIT_BYTES,
) -> Path:
    """Fetch `url` to `target`; what an earlier attempt left in `<target>.part` is not fetched again.

    Without a checksum, a web page is refused, and so is an answer without a length, which might lack its end.

    Args:
        checksum: the expected checksum in hexadecimal, whole or its first digits; empty: not checked.
        on_bytes: called with the number of bytes so far and, where the server states it, the size of the file.
        limit_bytes: the largest size that is accepted.

    Returns:
        `target`.

    Raises:
        UserError: the file cannot be fetched or written, is too large, or is not the expected one.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise UserError(f"{url}: only http and https addresses are fetched")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, not checksum, on_bytes, limit_bytes)
        _check(part, checksum, algorithm)
        part.replace(target)
    except _Unreachable as error:
        raise UserError(f"{url}: cannot be fetched ({error}); run the same command again to continue") from error
    except _Refused as error:
        part.unlink(missing_ok=True)
        raise UserError(f"{url}: {error}; the file was not kept") from error
    except OSError as error:
        raise UserError(f"{target}: cannot write there ({error.strerror or error})") from error
    return target


def _fetch(
    url: str, part: Path, unchecked: bool, on_bytes: Callable[[int, int | None], None], limit_bytes: int
) -> None:
    received = part.stat().st_size if part.exists() else 0
    try:
        with _network_errors():
            answer = _open(url, received)
    except _PastTheEnd as error:  # where the part is exactly as long as the file, the checksum decides
        if error.size != received:
            part.unlink()
            _fetch(url, part, unchecked, on_bytes, limit_bytes)
        return
    with answer:
        resumed = answer.status == 206
        received = received if resumed else 0
        length = _content_length(answer)
        total = None if length is None else received + length
        if unchecked and answer.headers.get_content_type() == "text/html":
            raise _Refused(WEB_PAGE)
        if unchecked and total is None and not answer.chunked:
            raise _Refused("the server states no length, so a missing end would not be noticed")
        _check_size(total or 0, limit_bytes)
        with part.open("ab" if resumed else "wb") as file:
            for block in _blocks(answer):
                received += len(block)
                _check_size(received, limit_bytes)
                file.write(block)
                on_bytes(received, total)
    if total is not None and received < total:
        raise _Unreachable(f"broke off after {received} of {total} bytes")


def _open(url: str, start: int) -> Any:
    """Ask for the file, from the byte `start` on."""
    request = urllib.request.Request(url, headers={"User-Agent": "m2l-bench", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if start and error.code == 416:
            size = error.headers.get("Content-Range", "").rpartition("/")[2]
            raise _PastTheEnd(int(size) if size.isdecimal() else None) from error
        raise


def _blocks(answer: Any) -> Iterator[bytes]:
    with _network_errors():
        while block := answer.read1(BLOCK):
            yield block


@contextmanager
def _network_errors() -> Iterator[None]:
    """Turn what urllib, sockets and TLS raise, also for an address that is none, into `_Unreachable`."""
    try:
        yield
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError, ssl.SSLError, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, TimeoutError):
            raise _Unreachable(f"no answer within {TIMEOUT_SECONDS} s") from error
        if isinstance(error, IncompleteRead):
            raise _Unreachable("the answer broke off") from error
        raise _Unreachable(one_line(error)) from error


def _content_length(answer: Any) -> int | None:
    """Read the stated length; None if there is none, or one that is not a length."""
    text = answer.headers.get("Content-Length", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _check_size(size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise _Refused(f"larger than expected: {size / 1e6:,.1f} MB, at most {limit_bytes / 1e6:,.1f} MB are accepted")


def _check(part: Path, checksum: str, algorithm: str) -> None:
    """Check a whole file by its checksum, or without one that it does not begin like a web page."""
    if checksum:
        actual = file_checksum(part, algorithm)
        if not actual.startswith(checksum.lower()):
            raise _Refused(f"its {algorithm} is {actual}, expected {checksum}")
        return
    with part.open("rb") as file:
        beginning = file.read(512)
    if beginning.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        raise _Refused(WEB_PAGE)
