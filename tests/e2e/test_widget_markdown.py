"""How the widget reads the Markdown of an answer: in chromium, out of the files themselves, with no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

FILES = Path(__file__).parents[2] / "ui" / "widget"
SITE = "http://127.0.0.1:1"
RENDER = """async (text) => {
    const { render, element } = await import("/embed-markdown.js");
    const place = document.createElement("div");
    const start = performance.now();
    place.append(render(text, (number) => (number === 1 ? element("a", "", "[1]") : null)));
    return [place.innerHTML, performance.now() - start];
}"""
LINK = 'target="_blank" rel="noopener noreferrer"'
Render = Callable[[str], tuple[str, float]]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    def send(route: Any) -> None:
        name = route.request.url.removeprefix(f"{SITE}/")
        if name:
            route.fulfill(content_type="text/javascript", path=FILES / name)
        else:
            route.fulfill(content_type="text/html", body="<!doctype html><title>a</title>")

    with closing(browser.new_page()) as opened:
        opened.route(f"{SITE}/**", send)
        opened.goto(f"{SITE}/")
        yield opened


@pytest.fixture
def render(page: Page) -> Render:
    """A text as HTML, and the milliseconds that it took."""

    def rendered(text: str) -> tuple[str, float]:
        html, took = page.evaluate(RENDER, text)
        return html, took

    return rendered


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>"),
        ("one  \ntwo", "<p>one<br>two</p>"),
        ("**bold** and *stressed* and _too_", "<p><strong>bold</strong> and <em>stressed</em> and <em>too</em></p>"),
        ("snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"),
        ("`docker run` [1]", "<p><code>docker run</code> <a>[1]</a></p>"),
        ("`` a`b ``", "<p><code>a`b</code></p>"),
        ("a lone ` backtick", "<p>a lone ` backtick</p>"),
        ("`[1]` \\[1] [2]", "<p><code>[1]</code> [1] [2]</p>"),
        ("\\*not\\* \\`code\\`", "<p>*not* `code`</p>"),
        ("# Heading", '<p class="heading"><strong>Heading</strong></p>'),
        ("> quoted\n> on", "<blockquote><p>quoted\non</p></blockquote>"),
        ("- a\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>"),
        ("- a\n  - b\n- c", "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li><li><p>c</p></li></ul>"),
        ("* a\n    * b", "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li><p>a</p></li><li><p>b</p></li></ol>'),
        ("- a\ngoes on", "<ul><li><p>a\ngoes on</p></li></ul>"),
        ("- a\n\n  b\n\nc", "<ul><li><p>a</p><p>b</p></li></ul><p>c</p>"),
        ("```sh\nls *\n```\nb", '<pre tabindex="0"><code>ls *</code></pre><p>b</p>'),
        ("```\nopen", '<pre tabindex="0"><code>open</code></pre>'),
        ("~~~~\n```\n~~~~", '<pre tabindex="0"><code>```</code></pre>'),
        ("- a\n  ```\n    in\n  ```", '<ul><li><p>a</p><pre tabindex="0"><code>  in</code></pre></li></ul>'),
        ("[a](https://a.example/b)", f'<p><a href="https://a.example/b" {LINK}>a</a></p>'),
        ("<https://a.example/>", f'<p><a href="https://a.example/" {LINK}>https://a.example/</a></p>'),
        ("[a](other.md)", "<p><span>a</span></p>"),
        ("[a](javascript:alert)", "<p><span>a</span></p>"),
        ("![a](https://a.example/b.png)", "<p>a</p>"),
        ("<b>a</b> &amp; c", "<p>&lt;b&gt;a&lt;/b&gt; &amp;amp; c</p>"),
        ("a\u202eb\x1b[0m\u0000", "<p>ab[0m</p>"),
        ("", ""),
    ],
)
def test_markdown_becomes(render: Render, text: str, html: str) -> None:
    assert render(text)[0] == html


@pytest.mark.parametrize(
    "text",
    ["`" * 20_000, "`a``b" * 5_000, "**a" * 8_000, "*a " * 8_000, "[" * 20_000, "[a](" * 6_000, "> " * 9_000,
     "- " * 9_000, "".join(" " * n + "- a\n" for n in range(300)), "```\n" * 5_000, "\\" * 20_000, "<http://" * 3_000,
     "- a\n" * 5_000, "_a" * 9_000, "[a\\" * 6_000],
)  # fmt: skip
def test_no_text_takes_long(render: Render, text: str) -> None:
    assert render(text)[1] < 1_500
