"""The family of errors. Catch `FlowkitError` for all of them.

    FlowkitError          anything flowkit has to tell a person
    ├── SourceError       nothing there, nothing matched, broken on the way
    ├── AwsError          AWS refused, the session expired, or AWS answered something unforeseen
    │   └── AwsBusyError  AWS was too busy, or could not be reached: the same may work later
    ├── FormatError       it is there, but it is not a flow log, or the given fields do not fit
    ├── TimeError         a time, a span or a zone that cannot be understood
    ├── KnowledgeError    what was said about a load balancer cannot be understood
    ├── QuestionError     a column or an option that a question does not know
    ├── CacheError        the cache cannot be written or read
    ├── NotebookError     a notebook's cell failed while a report was made
    └── MissingExtraError an optional package is needed and not installed

Every message is one sentence or two: what happened, what was seen, what to do.
"""

from __future__ import annotations


class FlowkitError(Exception):
    """Anything flowkit has to tell a person; the message is the whole story."""


class SourceError(FlowkitError):
    """Nothing there, nothing matched, or broken on the way."""


class AwsError(FlowkitError):
    """AWS refused, the session expired, or AWS answered something unforeseen."""


class AwsBusyError(AwsError):
    """AWS was too busy, or could not be reached: the same may work later."""


class FormatError(FlowkitError):
    """It is there, but it is not a flow log, or the given fields do not fit."""


class TimeError(FlowkitError):
    """A time, a span or a zone that cannot be understood."""


class KnowledgeError(FlowkitError):
    """What was said about a load balancer (its addresses, its target groups) cannot be understood."""


class QuestionError(FlowkitError):
    """A column or an option that a question does not know."""


class CacheError(FlowkitError):
    """The cache cannot be written or read."""


class NotebookError(FlowkitError):
    """A notebook's cell failed while a report was made."""


class MissingExtraError(FlowkitError, ImportError):
    """An optional package is needed and not installed."""


def missing_extra(what: str, package: str, extra: str) -> MissingExtraError:
    """Return the error that names what was asked for and the exact line that installs it.

    >>> str(missing_extra("Opening JupyterLab", "jupyterlab", "lab"))
    "Opening JupyterLab needs the 'jupyterlab' package, which is not installed: run  pip install 'flowkit[lab]'"
    """
    return MissingExtraError(
        f"{what} needs the '{package}' package, which is not installed: run  pip install 'flowkit[{extra}]'"
    )
