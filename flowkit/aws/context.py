"""A load balancer as one JSON file, for a colleague without access to AWS. It is read as what it is: foreign data."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from flowkit.aws.model import LoadBalancer
from flowkit.errors import FlowkitError, KnowledgeError

KIND = "flowkit load balancer"
VERSION = 1

T = TypeVar("T")


def save(balancer: LoadBalancer, path: str | Path) -> Path:
    """Write a load balancer as JSON and return the path; raises `FlowkitError` where that cannot be written."""
    target = Path(path).expanduser()
    words = json.dumps({"kind": KIND, "version": VERSION, **asdict(balancer)}, default=_plain, indent=1)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{words}\n", "utf-8")
    except OSError as error:
        raise FlowkitError(f"the context file {target} cannot be written: {error.strerror}") from None
    return target


def read(path: str | Path) -> LoadBalancer:
    """Return the load balancer in a file that `save` wrote; raises `KnowledgeError` where it is none."""
    source = Path(path).expanduser()
    try:
        held = json.loads(source.read_text("utf-8"))
    except OSError as error:
        raise KnowledgeError(
            f"the context file {source} cannot be read: {error.strerror}; make it with  flowkit nlb NAME -o {source}"
        ) from None
    except ValueError:
        raise KnowledgeError(
            f"{source} is no context file: it holds no JSON; make one with  flowkit nlb NAME -o FILE"
        ) from None
    if not isinstance(held, dict) or held.get("kind") != KIND:
        raise KnowledgeError(f"{source} is no context file of flowkit's; make one with  flowkit nlb NAME -o FILE")
    if held.get("version") != VERSION:
        raise KnowledgeError(
            f"{source} was written by another version of flowkit: make it anew with  flowkit nlb NAME -o FILE"
        )
    try:
        return _made(LoadBalancer, held)
    except (TypeError, ValueError, KeyError) as error:
        raise KnowledgeError(
            f"{source} is a damaged context file ({error}): make it anew with  flowkit nlb NAME -o FILE"
        ) from None


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{value!r} cannot stand in a context file")


def _made(cls: type[T], held: Any) -> T:
    """Return an object of a dataclass made from plain data, each value checked against its type."""
    if not isinstance(held, dict):
        raise TypeError(f"{cls.__name__} is not an object")
    hints = get_type_hints(cls)
    names = [f.name for f in fields(cls) if f.name in held]  # type: ignore[arg-type]
    return cls(**{name: _value(hints[name], held[name], name) for name in names})


def _value(kind: Any, held: Any, name: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if held is None else _value(inner[0], held, name)
    if origin is tuple:
        if not isinstance(held, list):
            raise TypeError(f"{name} is not a list")
        kinds = inner[:1] * len(held) if inner[1:] == (...,) else inner
        return tuple(_value(k, item, name) for k, item in zip(kinds, held, strict=True))
    if is_dataclass(kind):
        return _made(kind, held)  # type: ignore[arg-type]
    if kind is datetime:
        moment = datetime.fromisoformat(held)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not isinstance(held, kind) or (kind is int and isinstance(held, bool)):
        raise TypeError(f"{name} is not {'a number' if kind is int else 'text' if kind is str else 'true or false'}")
    return held
