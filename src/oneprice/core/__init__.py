"""The core: frames to books to opportunities. The Python reference, and the choice between it and the Rust build.

`ONEPRICE_CORE` chooses: `rust` (an error where it is not built), `python`, or `auto` (the default: Rust where built).
`backend` says which it is, `backend_note` why.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from oneprice.errors import ConfigError

if TYPE_CHECKING:
    from oneprice.core.hub import Hub


def _choose() -> tuple[str, str]:
    wanted = os.environ.get("ONEPRICE_CORE", "auto")
    if wanted not in ("auto", "rust", "python"):
        raise ConfigError(f"ONEPRICE_CORE is {wanted!r}; allowed are auto, rust, python")
    if wanted == "python":
        return "python", "chosen by ONEPRICE_CORE"
    try:
        import oneprice._core as _core
    except ImportError as error:
        if wanted == "rust":
            raise ConfigError(f"ONEPRICE_CORE is rust, but the Rust core is not built ({error})") from error
        return "python", "the Rust core is not built: install with cargo on the PATH to have it"
    return "rust", f"version {_core.__version__}"


backend, backend_note = _choose()

if not TYPE_CHECKING:
    if backend == "rust":
        from oneprice._core import Hub
    else:
        from oneprice.core.hub import Hub

__all__ = ["Hub", "backend", "backend_note"]
