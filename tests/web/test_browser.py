"""The pages for people in a real Chromium: both themes, a phone, a path below a proxy."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.sim.world import World
from tests.web.sites import Site
from tests.web.test_browse import peopled

PREFIX = "/below/it"
AXE = Path(sys.prefix) / "programs" / "axe.min.js"
PATHS = ("/", "/search", "/projects/click", "/projects/celery", "/roots", "/generations",
         "/generations/2", "/problems", "/problems/unmet", "/setup", "/projects/none")  # fmt: skip
DESKTOP, PHONE = 1200, 390  # pixels
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


class Proxy(BaseHTTPRequestHandler):
    """Puts a mirror below a path, as the guide says."""

    site = ""

    def do_GET(self) -> None:
        """Pass a request on."""
        if not self.path.startswith(PREFIX + "/"):
            self.send_error(404, "outside of the mirror")
            return
        connection = HTTPConnection(self.site, timeout=20)
        sent = {name: self.headers[name] for name in ("Host", "Accept") if name in self.headers}
        sent |= {"X-Forwarded-Prefix": PREFIX, "Connection": "close"}
        connection.request("GET", self.path.removeprefix(PREFIX), headers=sent)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A mirror of two generations below a path, behind a proxy."""
    site = Site(tmp_path_factory.mktemp("browser"), peopled())
    site.bench.packages = {"flask": ["latest"], "celery": ["latest"], "markupsafe": [">=2"]}
    site.bench.retention = 86400
    site.bench.sync()
    site.world.publish("click", "8.2")
    site.bench.clock += 3600
    site.bench.sync()
    site.bench.clock += 3600
    site.bench.sync()
    with site.running():
        handler = type("Handler", (Proxy,), {"site": urlsplit(site.address).netloc})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
            thread = Thread(target=proxy.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{proxy.server_port}{PREFIX}"
            proxy.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Chromium without a window."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    lacking = [name for name, found in programs.items() if found is None]
    if lacking:
        pytest.skip(f"there is no {' and no '.join(lacking)} on this machine")
    options = ChromeOptions()
    options.binary_location = programs["chromium"] or ""
    for word in (
        *("headless=new", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"),
        *("disable-background-networking", "disable-component-update"),
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
        *(("no-sandbox",) if os.geteuid() == 0 else ()),
    ):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(programs["chromedriver"]))
    try:
        yield driver
    finally:
        driver.quit()


def shown(browser: Chrome, width: int, theme: str) -> None:
    """Take this width and theme."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_accessible(browser: Chrome, address: str, path: str) -> None:
    """In both widths and themes: the page is loaded once, for it has no script of its own."""
    if not AXE.exists():
        pytest.skip("axe-core is not here: tests/programs.sh fetches it, with npm")
    browser.get(address + path)
    opened = "for (const one of document.querySelectorAll('details')) one.open = true"
    browser.execute_script(opened)
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    for width, theme in product((DESKTOP, PHONE), ("light", "dark")):
        shown(browser, width, theme)
        assert browser.execute_script("return window.innerWidth") == width
        assert browser.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches") \
            is (theme == "dark")  # fmt: skip
        found: dict[str, Any] = browser.execute_async_script(
            "axe.run({runOnly: arguments[0]}).then(arguments[1])", list(RULES)
        )
        assert "color-contrast" in {one["id"] for one in found["passes"]}
        wrong = {one["id"]: [node["html"] for node in one["nodes"]] for one in found["violations"]}
        assert wrong == {}, (width, theme)
        wide = "return document.documentElement.scrollWidth > window.innerWidth"
        assert not browser.execute_script(wide), (width, theme)


LONG = ("opentelemetry-instrumentation-elasticsearch", "azure-mgmt-recoveryservicesbackup")
VERSION = "1.0.dev20261130142356+local.version.of.many.parts"


@pytest.fixture(scope="module")
def long_names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A mirror of projects with long names that need each other and what nothing meets."""
    world = World()
    for name in LONG:
        world.publish(name, "1.0", requires=[LONG[0], f"{name}-lacks>=2"])
    world.publish("wide", VERSION)
    site = Site(tmp_path_factory.mktemp("long"), world)
    site.bench.packages = {name: ["latest"] for name in LONG} | {"wide": [f"=={VERSION}"]}
    site.bench.sync()
    with site.running():
        yield site.address


@pytest.mark.parametrize("path", ["/search", "/roots", f"/projects/{LONG[0]}", "/problems/unmet"])
def test_long_names_take_few_lines_on_a_phone(browser: Chrome, long_names: str, path: str) -> None:
    shown(browser, PHONE, "light")
    browser.get(long_names + path)
    # The pieces that each link and requirement was broken into, one a line.
    lines = "return [...document.querySelectorAll('th a, td a, th code:not(.hash), td code')]"
    found = browser.execute_script(f"{lines}.map(one => one.getClientRects().length)")
    assert max(found) > 1 or path == "/roots"  # it is a narrow page
    assert max(found) <= 4
    over = """return [...document.querySelectorAll('.graph g')].filter(one => {
        const text = one.querySelector('text').getBBox(), box = one.querySelector('rect').getBBox()
        return text.x + text.width > box.x + box.width }).length"""
    assert browser.execute_script(over) == 0


def test_a_long_version_makes_no_page_wider_than_a_phone(browser: Chrome, long_names: str) -> None:
    shown(browser, PHONE, "light")
    browser.get(f"{long_names}/projects/wide")
    assert VERSION in browser.find_element(By.CSS_SELECTOR, "summary .version").text
    assert browser.execute_script("return document.documentElement.scrollWidth") == PHONE


def soon(browser: Chrome, found: Callable[[], bool]) -> None:
    """Wait until it is so: a key or a click only begins the way to the next page."""
    passing = (NoSuchElementException, StaleElementReferenceException)
    WebDriverWait(browser, 60, ignored_exceptions=passing).until(lambda _: found())


def test_a_walk_by_links_below_a_path(browser: Chrome, address: str) -> None:
    shown(browser, DESKTOP, "light")
    browser.get_log("browser")  # type: ignore[no-untyped-call]
    browser.get(f"{address}/")
    assert "1 requirement is unmet" in browser.page_source
    browser.find_element(By.NAME, "q").send_keys("cli", Keys.ENTER)
    soon(browser, lambda: browser.find_element(By.LINK_TEXT, "click").is_displayed())
    browser.find_element(By.LINK_TEXT, "click").click()
    soon(browser, lambda: browser.current_url == f"{address}/projects/click")
    assert f"--index-url {address}/simple/ click" in browser.page_source
    box = browser.find_element(By.CSS_SELECTOR, ".graph .root + *, .graph a")
    assert box.is_displayed()
    for name in ("Roots", "Generations", "Problems", "Set up", "Overview"):
        browser.find_element(By.LINK_TEXT, name).click()
        current = (By.CSS_SELECTOR, "[aria-current=page]")
        soon(browser, lambda: browser.find_element(*current).text == name)  # noqa: B023 - at once
        assert browser.current_url.startswith(address)
    # The style came, and nothing that the policy of the pages forbids was tried.
    ground = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(ground) == "rgb(251, 251, 250)"
    messages = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [entry["message"] for entry in messages] == []


def test_the_keyboard_reaches_the_content_first(browser: Chrome, address: str) -> None:
    shown(browser, DESKTOP, "light")
    browser.get(f"{address}/projects/click")
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.get_attribute("textContent") == "Skip to content"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    soon(browser, lambda: browser.switch_to.active_element.tag_name == "main")
    browser.switch_to.active_element.send_keys(Keys.TAB)
    focused = browser.switch_to.active_element
    assert focused.tag_name == "pre"
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert browser.execute_script(outline) == "solid"
