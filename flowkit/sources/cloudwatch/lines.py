"""Events as lines of one text with one header, whatever formats are mixed in their group."""

from __future__ import annotations

from collections.abc import Sequence

from flowkit.errors import FormatError
from flowkit.formats.form import fits
from flowkit.schema import is_header


class Lines:
    r"""Give each event as a line below one header: that of the one format, or the fields of all.

    An event of several formats' group is known by its values. One that fits none is left as it is: the reader puts it
    into the quarantine. An event is never taken for a header.

    >>> lines = Lines([("version", "srcaddr"), ("srcaddr", "action", "version")], "group")
    >>> lines.header, lines.line("2 10.0.0.1"), lines.line("10.0.0.1 ACCEPT 3"), lines.line("version srcaddr")
    ('version srcaddr action\n', '2 10.0.0.1 -\n', '3 10.0.0.1 ACCEPT\n', '- version srcaddr\n')
    """

    def __init__(self, formats: Sequence[tuple[str, ...]], group: str) -> None:
        self.formats, self.group = formats, group
        self.names = list(dict.fromkeys(name for names in formats for name in names))
        self.header = " ".join(self.names) + "\n"

    def line(self, message: str) -> str:
        """Return an event as one line."""
        text = message if message.isprintable() else " ".join(message.split())
        if not text[:1].isdigit() and is_header(text.split()):
            text = f"- {text}"
        return f"{text if len(self.formats) == 1 else self._aligned(text)}\n"

    def _aligned(self, text: str) -> str:
        words = text.split()
        values = [dict(zip(names, words, strict=True)) for names in self.formats if fits(words, names)]
        ways = {" ".join(held.get(name, "-") for name in self.names) for held in values}
        if len(ways) > 1:
            raise FormatError(
                f"an event of {self.group} fits two of the formats that are written to it ({text[:120]!r}): "
                "name the one you want with fields="
            )
        return ways.pop() if ways else text
