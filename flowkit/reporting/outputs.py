"""What a cell showed, as parts of a page: charts, tables and notes, prose, text; whatever else is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from markupsafe import Markup

from flowkit.reporting.frames import TABLE
from flowkit.reporting.prose import markdown
from flowkit.reporting.vega import safe_json

CHART = "application/vnd.flowkit.chart+json"
WIDGET = "application/vnd.jupyter.widget-view+json"

_TAGS = (
    "table caption thead tbody tfoot tr th td colgroup col "
    "div span p br hr h2 h3 h4 h5 h6 ul ol li dl dt dd strong em b i code pre small sub sup abbr details summary"
)
_ATTRIBUTES = {
    "th": {"scope", "colspan", "rowspan"},
    "td": {"colspan", "rowspan"},
    "abbr": {"title"},
}
_CLASSES = {"number", "note", "warning", "muted", "dataframe", "flowkit-case", "flowkit-findings"}
_CODES = ("port", "protocol", "tcp_flags", "traffic_path", "version")
_UNIT = re.compile(r"(?<=\d) (?=(?:[kMGT]?B\b|%))")
_SHORT = re.compile(r"<td>(?=[^<]{1,24}</td>)")
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]+")


@dataclass(frozen=True)
class Table:
    """A table: the names of its columns, its rows, and how many rows there are in all, shown or not."""

    columns: list[str]
    rows: list[list[Any]]
    height: int

    kind = "table"

    def numeric(self) -> list[bool]:
        """Return of each column whether it holds numbers, which stand to the right."""
        columns = [[row[place] for row in self.rows if row[place] is not None] for place in range(len(self.columns))]
        return [bool(column) and all(map(_number, column)) for column in columns]


@dataclass(frozen=True)
class Chart:
    """A chart: what Vega draws, and what stands there for those who cannot see it drawn."""

    spec: Markup
    title: str
    alt: str
    numbers: Table

    kind = "chart"


@dataclass(frozen=True)
class Piece:
    """Any other part of the page: `kind` is html, text, printed or image, `body` is what goes there."""

    kind: str
    body: str | Markup


def parts(outputs: Iterable[Mapping[str, Any]]) -> list[Chart | Table | Piece]:
    """Return the parts of the page that a cell's outputs make, in their order."""
    return [part for output in outputs for part in _parts(output)]


def tame(html: str) -> Markup:
    """Return HTML with nothing but tables, text and our own notes left in it: no script, style, link, picture or form.

    >>> tame('<p class="note x">a <a href="javascript:b">b</a><script>c</script><img src=x onerror=d></p>')
    Markup('<p class="note">a b</p>')
    """
    import nh3

    classes = dict.fromkeys(("table", "ul", "p", "div", "span", "td", "th", "strong", "small"), _CLASSES)
    return Markup(  # noqa: S704
        nh3.clean(html, tags=set(_TAGS.split()), attributes=_ATTRIBUTES, allowed_classes=classes, link_rel=None)
    )


def boxed(html: Markup) -> Markup:
    """Return clean HTML with each table in a box of its own, so that a wide one scrolls and the words beside it stay.

    A short value stays in one line.

    >>> boxed(Markup("<p>a</p><table><tr><td>b</td></tr></table>"))
    Markup('<p>a</p><div class="scroll" ...><table><tr><td class="whole">b</td></tr></table></div>')
    """
    box = '<div class="scroll" tabindex="0" role="group" aria-label="Table">'
    marked = _SHORT.sub('<td class="whole">', str(html))
    return Markup(marked.replace("<table", f"{box}<table").replace("</table>", "</table></div>"))  # noqa: S704


def breakable(name: str) -> Markup:
    """Return the name of a column, which may go on in the next line after an underscore.

    >>> breakable("failed_in_a_<row>")
    Markup('failed_<wbr>in_<wbr>a_<wbr>&lt;row&gt;')
    """
    return Markup("_<wbr>").join(name.split("_"))


def plain(text: str) -> str:
    r"""Return text as a terminal would leave it: no colours, only the last state of a line, no addresses in memory.

    >>> plain("\x1b[31m10 %\r100 %\x1b[0m <Line at 0x7f12ab>")
    '100 % <Line at 0x…>'
    """
    lines = _TERMINAL.sub("", text).replace("\r\n", "\n").split("\n")
    return _ADDRESS.sub("0x…", "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)).strip("\n")


def written(value: object, column: str) -> str:
    """Return a value as it stands in a table of numbers; what only looks like a number is left as it is.

    >>> [written(value, "bytes") for value in (1234567, 0.5, 3.14159, 1e-7, None, "10.0.0.1")]
    ['1,234,567', '0.5', '3.142', '<0.0001', '–', '10.0.0.1']
    >>> written(50123, "srcport")
    '50123'
    """
    if value is None:
        return "–"
    if not _number(value) or column.endswith(_CODES):
        return str(value)
    if 0 < value < 0.0001:
        return "<0.0001"
    return f"{value:,.4g}" if abs(value) < 1 or not float(value).is_integer() else f"{value:,.0f}"


def _number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parts(output: Mapping[str, Any]) -> Iterator[Chart | Table | Piece]:
    if output["output_type"] == "stream":
        if output["name"] == "stdout" and plain(output["text"]).strip():
            yield Piece("printed", plain(output["text"]))
    elif output["output_type"] == "error":  # only of a cell that is tagged as one that may fail
        yield Piece("text", plain(f"{output['ename']}: {output['evalue']}"))
    else:
        yield from _shown(output["data"])


def _shown(data: Mapping[str, Any]) -> Iterator[Chart | Table | Piece]:
    """Give the richest form of a displayed object that a page can hold."""
    if CHART in data:
        yield _chart(data[CHART])
    elif TABLE in data:
        yield _table(data[TABLE])
    elif WIDGET in data:
        return
    elif "text/html" in data:
        html = boxed(tame(data["text/html"]))
        if html.strip():
            yield Piece("html", html)
    elif "text/markdown" in data:
        yield Piece("html", boxed(markdown(data["text/markdown"])))
    elif "image/png" in data:
        yield Piece("image", "data:image/png;base64," + re.sub(r"[^A-Za-z0-9+/=]", "", data["image/png"]))
    elif "text/plain" in data:
        yield Piece("text", plain(data["text/plain"]))


def _chart(data: Mapping[str, Any]) -> Chart:
    spec = {key: value for key, value in data["spec"].items() if key != "usermeta"}  # it could change how it is drawn
    title = str(data.get("title") or _text(spec.pop("title", "")))
    alt = str(data.get("alt") or spec.get("description") or title or "A chart without a description")
    spec.pop("title", None)  # it stands above the chart as text, where it can wrap
    spec["description"] = alt
    title = _UNIT.sub("\N{NO-BREAK SPACE}", title)
    return Chart(safe_json(spec), title, alt, _table(data.get("table") or {}))


def _table(data: Mapping[str, Any]) -> Table:
    rows = list(data.get("rows", []))
    return Table(list(data.get("columns", [])), rows, int(data.get("height", len(rows))))


def _text(title: Any) -> str:
    """Return the words of a Vega title, which is a text, lines of text, or an object that holds one."""
    if isinstance(title, Mapping):
        return _text(title.get("text", ""))
    return " ".join(map(str, title)) if isinstance(title, list) else str(title)
