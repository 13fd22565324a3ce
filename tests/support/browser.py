"""The machine's Chromium, driven by Playwright; nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium. A machine without it skips, unless M2L_BENCH_BROWSER names one that has to be there."""
    required = os.environ.get("M2L_BENCH_BROWSER")
    executable = shutil.which(required) if required else next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        if required:
            pytest.fail(f"M2L_BENCH_BROWSER={required} is not on this machine")
        pytest.skip("no Chromium here: `apt-get install chromium`, or set M2L_BENCH_BROWSER to a browser's path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def open_page(browser: Browser, address: Path | str, width: int = 1280, height: int = 800) -> Iterator[Page]:
    """A page in a window of its own. Errors in its console, dialogs and requests that fail make the test fail."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    context.set_default_timeout(180_000)  # of a busy machine: timings never decide a test
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(f"cannot load {request.url}"))
    page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(address.resolve().as_uri() if isinstance(address, Path) else address)
    yield page
    assert not problems, problems
    context.close()
