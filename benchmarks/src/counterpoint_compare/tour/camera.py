"""Photographs of an orchestrator's own page, by the Chromium of this machine."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

from counterpoint_compare.tour.login import letting_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_WIDE, _HIGH = 1280, 800
# until a page has asked for all that it shows
_MILLISECONDS = 20_000
_COLOURS = 128


def photograph(url: str, file: Path, headers: Mapping[str, str]) -> dict[str, str | None]:
    """The page as a PNG in base64, or why there is none; `url` without its machine. `headers` let in to its server."""
    browser = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    path = "/" + url.partition("://")[2].partition("/")[2]
    if browser is None:
        return {"path": path, "image": None, "reason": "no Chromium here: apt-get install chromium"}
    with tempfile.TemporaryDirectory() as home, letting_in(url, headers) as proxy:
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu", f"--user-data-dir={home}"]
        options += [f"--window-size={_WIDE},{_HIGH}", f"--virtual-time-budget={_MILLISECONDS}", f"--screenshot={file}"]
        # also for this machine; what Chromium would ask of others is not answered
        options += [f"--proxy-server={proxy}", "--proxy-bypass-list=<-loopback>"]
        own: dict[str, Any] = {"env": {**os.environ, "HOME": home}, "stdin": subprocess.DEVNULL}
        done = subprocess.run([browser, *options, url], capture_output=True, text=True, timeout=120, check=False, **own)
    if not file.exists():
        return {"path": path, "image": None, "reason": f"Chromium ended with {done.returncode}: {done.stderr[-200:]}"}
    return {"path": path, "image": base64.b64encode(_smaller(file)).decode(), "reason": None}


def _smaller(file: Path) -> bytes:
    """A picture of a page has few colours: without the others it takes a third."""
    import io

    from PIL import Image

    kept = io.BytesIO()
    with Image.open(file) as image:
        image.convert("RGB").quantize(_COLOURS).save(kept, "PNG", optimize=True)
    return kept.getvalue()
