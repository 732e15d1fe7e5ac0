"""The pictures of the README, from a report that `make compare` wrote.

    python tools/pictures.py report docs/pictures

Needs a Chromium and what constraints/docs.in names; the environment of `tox -e docs` has it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

# picture: the heading of the section that it shows
PICTURES = {
    "summary.png": "Summary",
    "timeline.png": "Timeline of the steps",
    "week.png": "Backfill time: 7 days, one corrupt",
}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_WIDTH, _HEIGHT = 1000, 900


def main(report: str, out: str) -> int:
    """Writes the pictures, each of one section as it stands on the page."""
    from playwright.sync_api import sync_playwright

    chromium = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if chromium is None:
        sys.exit("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}, color_scheme="light")
        page.goto((Path(report).resolve() / "index.html").as_uri())
        for name, heading in PICTURES.items():
            page.locator("section", has=page.locator("h2", has_text=heading)).screenshot(path=Path(out) / name)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
