"""What the shell's commands are given: mistakes are told in one line, numbers are numbers."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[Any]"
"""What a command is added to."""


class Parser(argparse.ArgumentParser):
    """A parser that tells a mistake in one line, and names the option that was probably meant."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with status 2."""
        self.exit(2, f"flowkit: {message.removeprefix('argument ')} ({self.prog} --help says what there is)\n")

    def parse_known_args(  # type: ignore[override]  # argparse's own has overloads for the namespace's type
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse the arguments of this command; one that it does not know is told by itself and not by its parent."""
        given, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(self._unknown(rest))
        return given, rest

    def _unknown(self, words: Sequence[str]) -> str:
        from difflib import get_close_matches

        option = next((word for word in words if word.startswith("-")), None)
        if option is None:
            hint = "name the folder, or put a pattern in quotes, as 'logs/*.log'"
            return f"one at a time: {', '.join(words[:4])}{', …' if len(words) > 4 else ''} is too many; {hint}"
        near = get_close_matches(option.partition("=")[0], re.findall(r"--[a-z-]+", self.format_help()), 1)
        return f"there is no option {option}" + (f": did you mean {near[0]}?" if near else "")


def number(what: str, *, least: float, most: float = math.inf, whole: bool = False) -> Callable[[str], float]:
    """Return what reads a number of an option.

    >>> number("number of days", least=0)("1.5")
    1.5
    >>> number("number of records", least=1, whole=True)("0")
    Traceback (most recent call last):
    argparse.ArgumentTypeError: '0' is no number of records: it is a whole number from 1 on
    """

    def read(word: str) -> float:
        try:
            value = int(word) if whole else float(word)
        except ValueError:
            value = math.nan
        if not least <= value <= most or math.isinf(value):
            kind = "a whole number" if whole else "a number"
            until = f"to {most:,g}" if most < math.inf else "on"
            raise argparse.ArgumentTypeError(f"{word!r} is no {what}: it is {kind} from {least:g} {until}")
        return value

    return read
