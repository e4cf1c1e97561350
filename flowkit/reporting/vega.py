"""The charts' JavaScript and their data, as they go into a page."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from importlib import metadata
from pathlib import Path

from markupsafe import Markup


def bundle() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script; kept on disk, because making it takes seconds."""
    import vl_convert
    from platformdirs import user_cache_path

    version = vl_convert.get_vegalite_versions()[-1]
    kept = (
        user_cache_path("flowkit", appauthor=False) / f"vega-lite-{version}-{metadata.version('vl-convert-python')}.js"
    )
    script = _kept(kept)
    if script is None:
        script = vl_convert.javascript_bundle(vl_version=version)  # type: ignore[call-arg]  # its stub is behind
        _keep(kept, script)
    return script


def safe_json(value: object) -> Markup:
    r"""Return JSON that can stand inside a script element whatever texts are in it.

    >>> safe_json({"peer": "</script><script>alert(1)"})
    Markup('{"peer":"\\u003c/script\\u003e\\u003cscript\\u003ealert(1)"}')
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


def _kept(path: Path) -> str | None:
    """Return the script in a file of ours, or None where there is none or it is not whole."""
    try:
        digest, _, script = path.read_text("utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return script if digest == _digest(script) else None


def _keep(path: Path, script: str) -> None:
    """Write the script, whole or not at all. A home that cannot be written only costs time, so it is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(f"{_digest(script)}\n{script}".encode())
        Path(name).replace(path)
    except OSError:
        return


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()
