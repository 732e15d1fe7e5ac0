"""The site is built strictly; its links lead somewhere, and no page asks another host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from graphlib import CycleError
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from counterpoint.cli.commands import ORDER

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from reference import API
from rooms import imports, packages, reduced, svg

# an address on another host: a name with a dot, no port, no user
ADDRESS = re.compile(r"https?://(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/[^\s<>]*)?$")
# what a browser loads by itself
LOADED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "video": "src", "embed": "src"}


class Page(HTMLParser):
    """The links, anchors and resources of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file, self.links, self.anchors, self.loaded = file, list[str](), {""}, list[str]()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and "href" in found:
            self.loaded.append(found["href"])
        elif tag in LOADED and LOADED[tag] in found:
            self.loaded.append(found[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built from this checkout."""
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(place)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    assert "WARNING" not in done.stderr
    return place


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """All pages; that of errors has absolute links, for it is shown at any address."""
    return {file: Page(file) for file in sorted(site.rglob("*.html")) if file.name != "404.html"}


def test_every_page_is_there(site: Path, pages: dict[Path, Page]) -> None:
    written = {file.relative_to(ROOT / "docs").with_suffix(".html") for file in (ROOT / "docs").rglob("*.md")}
    reference = Path("reference")
    generated = {reference / "cli.html", reference / "schemas.html", *(reference / f"api/{name}.html" for name in API)}
    assert (written | generated) - {file.relative_to(site) for file in pages} == set()


def test_every_link_leads_somewhere(pages: dict[Path, Page]) -> None:
    lost = []
    for page in pages.values():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.file.parent / unquote(parts.path)).resolve() if parts.path else page.file
            there = target in pages and unquote(parts.fragment) in pages[target].anchors
            if not (there or (target.is_file() and not parts.fragment)):
                lost.append(f"{page.file.name}: {link}")
    assert lost == []


def test_addresses_of_other_hosts_have_their_form(pages: dict[Path, Page]) -> None:
    links = {link for page in pages.values() for link in page.links if urlsplit(link).scheme}
    assert len(links) > 3
    assert sorted(link for link in links if not ADDRESS.match(link)) == []


def test_no_page_loads_anything_from_another_host(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {f"{page.file.name}: {place}" for page in pages.values() for place in page.loaded if "//" in place}
    assert sorted(loaded) == []
    styles = {file: file.read_text(encoding="utf-8") for file in (*site.rglob("*.css"), *site.rglob("*.svg"))}
    calls = re.compile(r"(?:url\(|@import|href=)\s*[\"']?(?:https?:)?//")
    assert [file.name for file, text in styles.items() if calls.search(text)] == []
    # the theme would load Mermaid from another host where a page has such a diagram
    assert [page.file.name for page in pages.values() if 'class="mermaid"' in page.file.read_text("utf-8")] == []


def test_the_command_line_is_whole(pages: dict[Path, Page]) -> None:
    (page,) = [page for file, page in pages.items() if file.name == "cli.html"]
    assert {f"counterpoint-{command}" for command in ORDER} <= page.anchors
    text = re.sub(r"<[^>]+>", "", page.file.read_text(encoding="utf-8"))
    assert "counterpoint migrate validate [-h]" in text
    about = "folder or s3:// URI of all data; default that of the environment, COUNTERPOINT_ROOT or ./counterpoint-data"
    assert about in text


def test_every_schema_is_listed(site: Path, pages: dict[Path, Page]) -> None:
    (page,) = [page for file, page in pages.items() if file.name == "schemas.html"]
    names = {file.name for file in (ROOT / "docs/schemas").glob("*.json")}
    assert names == {Path(link).name for link in page.links if link.endswith(".schema.json")}
    assert names == {file.name for file in (site / "schemas").iterdir()}


def test_every_package_is_drawn(site: Path) -> None:
    drawn: Any = ET.parse(site / "explanation/rooms.svg")  # noqa: S314 - our own file
    boxes = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
    others = set(packages()) - {"counterpoint"}
    inner = {file.parent.name for file in packages()["counterpoint"].glob("*/__init__.py")}
    assert boxes == {*others, *inner, "adapter"}


def test_an_arrow_that_follows_from_others_is_not_drawn() -> None:
    graph = {"cli": {"running", "model"}, "running": {"model"}, "model": set[str]()}
    assert reduced(graph) == {"cli": {"running"}, "running": {"model"}, "model": set()}
    assert svg(graph).count("marker-end") == 2
    with pytest.raises(CycleError, match="running"):
        svg({**graph, "model": {"running"}})


def test_the_rooms_are_those_that_imports_show() -> None:
    graph = imports()
    assert "counterpoint.storage" in graph["counterpoint.runtime"]
    assert not graph["counterpoint.model"] & {"counterpoint.storage", "counterpoint.runtime"}
