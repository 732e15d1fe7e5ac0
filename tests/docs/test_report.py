"""The report of a real comparison on the three orchestrators, as a person sees it: in a real Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

# four sides, each with its services, one after the other
pytestmark = pytest.mark.timeout(1200)
ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--source", "synthetic:rows=4000,users=300,items=120,seed=7", "--set", 'retrieval={"epochs": 1}')
ONCE = ("--rounds", "1", "--workloads", "empty")
SIDES = ["local", "airflow", "dagster", "prefect"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `compare` wrote."""
    place = tmp_path_factory.mktemp("compare")
    command = [".venv/bin/counterpoint", "compare", "streamrec", *SMALL, *ONCE, "--out", str(place / "report")]
    environment = {**os.environ, "COUNTERPOINT_ROOT": str(place / "data")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "data: equal on all sides" in done.stdout
    return place / "report"


@pytest.fixture(scope="module")
def results(report: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((report / "results.json").read_text(encoding="utf-8"))
    return found


def test_every_side_made_the_same(results: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "docs/schemas/results.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(results, schema)
    assert results["equal"]
    assert [side["name"] for side in results["orchestrators"]] == SIDES
    # six earlier days of two steps, then the day's eight steps
    assert len(results["outputs"]) == 20
    assert all(len(set(row["digests"].values())) == 1 and len(row["digests"]) == 4 for row in results["outputs"])


def test_every_figure_is_there(results: dict[str, Any]) -> None:
    for side in results["orchestrators"]:
        assert side["wall_seconds"] > side["run_seconds"] > 0
        assert side["cpu_seconds"] > side["step_cpu_seconds"] > 0
        assert side["peak_memory"] > 2**27
        assert side["processes"] >= 2
    assert all(row["on"][side]["peak_memory"] for row in results["steps"] for side in SIDES)


def test_the_orchestrators_themselves_were_measured(results: dict[str, Any]) -> None:
    assert [bout["orchestrator"] for bout in results["bouts"]] == SIDES
    figures = {figure["name"]: figure["on"] for figure in results["figures"]}
    assert list(figures["start.seconds"]) == list(figures["idle.memory"]) == SIDES[1:]
    assert list(figures["empty.run.seconds"]) == SIDES
    # a run of 8 steps, once after the cold one, on services that hold more than a Python each
    assert all(
        len(on["values"]) == 1 and 0 < on["low"] <= on["median"] <= on["high"]
        for on in figures["empty.run.cpu"].values()
    )
    assert all(on["median"] > 2**26 for on in figures["idle.memory"].values())
    assert all(on["median"] > 0 for on in figures["empty.database"].values())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        home = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], env=home)
        yield found
        found.close()


def opened(browser: Browser, report: Path, width: int, **options: Any) -> tuple[Page, list[str]]:
    """The page in a window of that width, with what it fetched and complained about."""
    page = browser.new_page(viewport={"width": width, "height": 800}, **options)
    noted: list[str] = []
    page.on("request", lambda request: noted.append(request.url))
    page.on("console", lambda message: noted.append(message.text))
    page.goto((report / "index.html").as_uri())
    return page, noted


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_the_page_fits_the_window(browser: Browser, report: Path, width: int) -> None:
    page, noted = opened(browser, report, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # nothing but the page itself: it can be mailed, and read without a network
    assert noted == [(report / "index.html").as_uri()]
    page.close()


def test_the_verdict_is_seen_first_and_each_digest_is_shown(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 390)
    verdict = page.locator(".verdict")
    assert verdict.inner_text().startswith("✓ Equal: all 20 outputs")
    assert verdict.bounding_box()["y"] < 400  # type: ignore[index]  # it is drawn
    assert page.locator("td.good", has_text="equal").count() == 20
    assert page.locator("code[title^='sha256:']").count() == 80
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(browser: Browser, report: Path, scheme: str) -> None:
    page, _ = opened(browser, report, 1280, color_scheme=scheme)
    script = "name => getComputedStyle(document.querySelector(name))"
    ink, soft, paper = (
        page.evaluate(f"({script})('{name}').{kind}")
        for name, kind in (("body", "color"), (".soft", "color"), ("body", "backgroundColor"))
    )
    assert contrast(ink, paper) >= 7
    assert contrast(soft, paper) >= 4.5
    page.close()


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two CSS colours, by WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_nothing_is_cut_off_on_paper(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 688)  # an A4 page between its margins, in CSS pixels
    page.emulate_media(media="print")
    widths = page.evaluate("[...document.querySelectorAll('table')].map(t => t.getBoundingClientRect().right)")
    assert max(widths) <= 688
    page.close()
