"""Markdown to HTML: headings, lists, tables, emphasis and code; no raw HTML, and no way out of the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup


@dataclass(frozen=True)
class Heading:
    """A heading of the page: 2 to 6, its words, and the id to jump to."""

    level: int
    text: str
    anchor: str


@dataclass
class Prose:
    """The written parts of one page; remembers the title (the first `#` heading) and the headings for the contents."""

    title: str = ""
    headings: list[Heading] = field(default_factory=list)

    def cell(self, text: str) -> Markup:
        """Return a markdown cell as HTML. Its headings get an id, as JupyterLab makes it, and go to the contents."""
        markdown, tokens = _parse(text)
        tokens = self._without_title(tokens)
        for opening, words in pairwise(tokens):
            if opening.type == "heading_open":
                heading = Heading(int(opening.tag[1]), _words(words), self._anchor(_words(words)))
                opening.attrSet("id", heading.anchor)
                self.headings.append(heading)
        return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704

    def _without_title(self, tokens: list[Token]) -> list[Token]:
        places = [
            place for place, token in enumerate(tokens) if token.type == "heading_open" and token.markup in ("#", "=")
        ]
        if self.title or not places:
            return tokens
        self.title = _words(tokens[places[0] + 1])
        return tokens[: places[0]] + tokens[places[0] + 3 :]

    def _anchor(self, text: str) -> str:
        wanted = text.replace(" ", "-")
        taken = {heading.anchor for heading in self.headings}
        return next(name for name in _names(wanted) if name not in taken)


def markdown(text: str) -> Markup:
    r"""Return markdown from a cell's output as HTML; the same rules, but nothing in it can be jumped to.

    >>> markdown("**9** refused by [them](javascript:x) and <img src=x onerror=y>")
    Markup('<p><strong>9</strong> refused by [them](javascript:x) and &lt;img src=x onerror=y&gt;</p>\n')
    >>> markdown("see [the guide](https://example.com)")
    Markup('<p>see the guide (https://example.com)</p>\n')
    """
    parser, tokens = _parse(text)
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704


def _parse(text: str) -> tuple[MarkdownIt, list[Token]]:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    for token in tokens:
        if token.type == "inline":
            token.children = list(_inside(token.children or []))
        elif token.type in ("heading_open", "heading_close"):
            token.tag = f"h{max(2, int(token.tag[1]))}"  # the page has one h1, its title
    return parser, tokens


def _inside(tokens: Iterable[Token]) -> Iterator[Token]:
    """Give the inline tokens with links that leave the page, and pictures, turned into words."""
    target, shown = "", ""
    for token in tokens:
        if token.type == "link_open":
            target, shown = str(token.attrGet("href") or ""), ""
            leaves = not target.startswith("#")
            if not leaves:
                yield token
        elif token.type == "link_close":
            if target.startswith("#"):
                yield token
            elif target != shown:
                yield Token("text", "", 0, content=f" ({target})")
        elif token.type == "image":
            yield Token("text", "", 0, content=token.content)
        else:
            shown += token.content
            yield token


def _words(token: Token) -> str:
    return "".join(
        child.content if child.content else " " * (child.type == "softbreak") for child in token.children or []
    )


def _names(wanted: str) -> Iterator[str]:
    yield wanted
    number = 2
    while True:
        yield f"{wanted}-{number}"
        number += 1
