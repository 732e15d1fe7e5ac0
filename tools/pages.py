"""The hook by which MkDocs builds the site: pages that are generated, and the list of decisions in the navigation.

`mkdocs.yml` names it. What it writes is made anew with every build and is not kept in the repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File
from reference import api_pages, command_page, decision_list, schema_page
from rooms import imports, sources, svg

from counterpoint.cli.parser import parser

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

API = "reference/api"


@event_priority(100)  # before mkdocstrings reads its settings
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Writes out the patterns of the navigation, and tells mkdocstrings where the packages are."""
    pages = Path(config.docs_dir)
    generated = [f"{API}/{name}" for name in api_pages()]
    config.nav = [_expanded(entry, pages, generated) for entry in config.nav or []]
    handlers: dict[str, Any] = config.plugins["mkdocstrings"].config["handlers"]
    handlers["python"]["paths"] = [str(folder) for folder in sources()]
    return config


def _expanded(entry: Any, pages: Path, generated: list[str]) -> Any:
    """An entry of the navigation, in which a pattern stands for the pages that it fits."""
    if not isinstance(entry, dict):
        return entry
    found = {}
    for title, value in entry.items():
        listed = value if isinstance(value, list) else [value]
        inner = [page for one in listed for page in _listed(one, pages, generated)]
        found[title] = inner if isinstance(value, list) else inner[0]
    return found


def _listed(entry: Any, pages: Path, generated: list[str]) -> list[Any]:
    if not isinstance(entry, str) or "*" not in entry:
        return [_expanded(entry, pages, generated)]
    written = sorted(page.relative_to(pages).as_posix() for page in pages.glob(entry) if page.name != "index.md")
    return written or [page for page in generated if Path(page).match(entry)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""
    made = {
        "reference/cli.md": command_page(parser()),
        "reference/schemas.md": schema_page(Path(config.docs_dir, "schemas"), "../schemas"),
        "explanation/rooms.svg": svg(imports()),
        **{f"{API}/{name}": text for name, text in api_pages().items()},
    }
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs names them
    """Adds the list of decisions to their first page."""
    if page.file.src_uri != "decisions/index.md":
        return markdown
    return f"{markdown}\n{decision_list(Path(config.docs_dir, 'decisions'))}"
