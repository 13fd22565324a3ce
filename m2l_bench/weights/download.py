"""Files from the web: resumed where they broke off, checked, and whole or not there at all."""

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
    on_bytes: Callable[[int, int | None], None] = lambda got, total: None,
) -> Path:
    """Fetch `url` to `target`; what an earlier attempt left in `<target>.part` is not fetched again.

    Args:
        checksum: in hexadecimal, whole or its first digits; empty: not checked.
        on_bytes: called with the bytes had so far and, where the server says, the size of the whole.

    Raises:
        UserError: no connection, an answer that is not the file, nowhere to write, or another checksum.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, part, on_bytes)
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise UserError(f"{url}: cannot be fetched ({one_line(error)}); run the same command again to go on") from error
    except OSError as error:
        raise UserError(f"{target}: cannot write there ({error.strerror or error})") from error
    if checksum:
        found = file_checksum(part, algorithm)
        if not found.startswith(checksum.lower()):
            part.unlink()
            raise UserError(f"{url}: its {algorithm} is {found}, expected {checksum}; the file was not kept")
    part.replace(target)
    return target


def _fetch(url: str, part: Path, on_bytes: Callable[[int, int | None], None]) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "m2l-bench", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer: Any = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        # The part is as long as the file or longer: the checksum tells which.
        if have and error.code == 416:
            if error.headers.get("Content-Range", "").endswith(f"/{have}"):
                return
            part.unlink()
            _fetch(url, part, on_bytes)
            return
        raise
    with answer:
        resumed = answer.status == 206
        have = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        with part.open("ab" if resumed else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                have += len(block)
                on_bytes(have, total)
    if total is not None and have < total:
        raise ConnectionError(f"broke off after {have} of {total} bytes")
