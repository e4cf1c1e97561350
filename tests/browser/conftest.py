"""Chromium with all hosts but this machine out of reach, and a page that tells what it asked for and complained of."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

_ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"]
_HERE = {"file", "data", "blob", "about", "chrome-extension"}


@dataclass
class BlockedPage:
    """A page, the addresses outside this machine that it asked for, and what it wrote to the console as an error."""

    page: Page
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def note_request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _HERE and parts.hostname not in ("127.0.0.1", "localhost"):
            self.outside.append(url)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A running Chromium that cannot resolve any name."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "the browser tests need Chromium: apt-get install chromium, or run  pytest -m 'not browser'"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., BlockedPage]]:
    """Give a function that opens a watched page; it takes what Playwright's `new_context` takes."""
    with ExitStack() as stack:

        def open_one(**context: Any) -> BlockedPage:
            options = {"viewport": {"width": 1400, "height": 900}, **context}
            page = stack.enter_context(chromium.new_context(**options)).new_page()
            watched = BlockedPage(page)
            page.on("request", lambda request: watched.note_request(request.url))
            page.on("websocket", lambda socket: watched.note_request(socket.url))
            page.on("pageerror", lambda error: watched.errors.append(str(error)))
            page.on("console", lambda line: watched.errors.append(line.text) if line.type == "error" else None)
            return watched

        yield open_one


@pytest.fixture
def blocked_page(open_page: Callable[..., BlockedPage]) -> BlockedPage:
    """A watched page of 1400 × 900, in light colours."""
    return open_page()
