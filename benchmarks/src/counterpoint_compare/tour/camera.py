"""Takes screenshots of an orchestrator's pages with the Chromium of this machine."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

from counterpoint_compare.tour.login import logged_in_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_WIDE, _HIGH = 1280, 800
# until a page has loaded all its data
_MILLISECONDS = 20_000
_COLOURS = 128


def photograph(url: str, file: Path, headers: Mapping[str, str]) -> dict[str, str | None]:
    """Takes a screenshot of a page.

    Args:
        url: the address of the page.
        file: where the screenshot is written.
        headers: the credentials for the server of the page.

    Returns:
        `path` (the URL without its host), `image` (PNG in base64) and, if there is no image, the `reason`.
    """
    browser = next((executable for name in CHROMIUM if (executable := shutil.which(name))), None)
    url_path = "/" + url.partition("://")[2].partition("/")[2]
    if browser is None:
        return {"path": url_path, "image": None, "reason": "no Chromium here: apt-get install chromium"}
    with tempfile.TemporaryDirectory() as home, logged_in_proxy(url, headers) as proxy:
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu", f"--user-data-dir={home}"]
        options += [f"--window-size={_WIDE},{_HIGH}", f"--virtual-time-budget={_MILLISECONDS}", f"--screenshot={file}"]
        # loopback goes through the proxy, too; the proxy answers no request to other hosts
        options += [f"--proxy-server={proxy}", "--proxy-bypass-list=<-loopback>"]
        process_options: dict[str, Any] = {"env": {**os.environ, "HOME": home}, "stdin": subprocess.DEVNULL}
        process = subprocess.run(
            [browser, *options, url], capture_output=True, text=True, timeout=120, check=False, **process_options
        )
    if not file.exists():
        return {
            "path": url_path,
            "image": None,
            "reason": f"Chromium ended with {process.returncode}: {process.stderr[-200:]}",
        }
    return {"path": url_path, "image": base64.b64encode(_smaller(file)).decode(), "reason": None}


def _smaller(file: Path) -> bytes:
    """The image with a reduced palette, which makes it a third of the size."""
    import io

    from PIL import Image

    compressed = io.BytesIO()
    with Image.open(file) as image:
        image.convert("RGB").quantize(_COLOURS).save(compressed, "PNG", optimize=True)
    return compressed.getvalue()
