"""Downloads from the web: resumed where they were interrupted, checked, and never left incomplete under their name."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, Literal

from m2l_bench.errors import UserError
from m2l_bench.music2latent.hashes import file_checksum
from m2l_bench.text import one_line

BLOCK = 1 << 20
TIMEOUT_SECONDS = 60


def download(
    url: str,
    target: Path,
    checksum: str = "",
    algorithm: Literal["sha256", "md5"] = "sha256",
    on_bytes: Callable[[int, int | None], None] = lambda received, total: None,
) -> Path:
    """Fetch `url` to `target`; what an earlier attempt left in `<target>.part` is not fetched again.

    Args:
        checksum: the expected checksum in hexadecimal, whole or its first digits; empty: not checked.
        on_bytes: called with the number of bytes so far and, where the server states it, the size of the file.

    Returns:
        `target`.

    Raises:
        UserError: the file cannot be fetched or written, or has another checksum.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, on_bytes)
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise UserError(
            f"{url}: cannot be fetched ({one_line(error)}); run the same command again to continue"
        ) from error
    except OSError as error:
        raise UserError(f"{target}: cannot write there ({error.strerror or error})") from error
    if checksum:
        actual = file_checksum(part, algorithm)
        if not actual.startswith(checksum.lower()):
            part.unlink()
            raise UserError(f"{url}: its {algorithm} is {actual}, expected {checksum}; the file was not kept")
    part.replace(target)
    return target


def _fetch(url: str, part: Path, on_bytes: Callable[[int, int | None], None]) -> None:
    received = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "m2l-bench", "Accept-Encoding": "identity"})
    if received:
        request.add_header("Range", f"bytes={received}-")
    try:
        answer: Any = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        # Status 416: the part is at least as long as the file. Where it is exactly as long, the checksum decides.
        if received and error.code == 416:
            if error.headers.get("Content-Range", "").endswith(f"/{received}"):
                return
            part.unlink()
            _fetch(url, part, on_bytes)
            return
        raise
    with answer:
        resumed = answer.status == 206
        received = received if resumed else 0
        length = answer.headers.get("Content-Length")
        total = received + int(length) if length else None
        with part.open("ab" if resumed else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                received += len(block)
                on_bytes(received, total)
    if total is not None and received < total:
        raise ConnectionError(f"broke off after {received} of {total} bytes")
