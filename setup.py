"""Adds the Rust core to the build where it can be built; everything else is in pyproject.toml.

`ONEPRICE_CORE` at install time: `python` leaves the Rust core out, `rust` makes its failure fatal, and `auto`
(the default) builds it where cargo is on the PATH and goes on without it when that fails.
"""

import os
import shutil
from pathlib import Path

from setuptools import setup

MANIFEST = Path("crates/python/Cargo.toml")
wanted = os.environ.get("ONEPRICE_CORE", "auto")

if wanted not in ("auto", "rust", "python"):
    raise SystemExit(f"ONEPRICE_CORE is {wanted!r}; allowed are auto, rust, python")
if wanted == "rust" and shutil.which("cargo") is None:
    raise SystemExit("ONEPRICE_CORE is rust, but cargo is not on the PATH: install a Rust toolchain")

extensions = []
if wanted == "rust" or (wanted == "auto" and MANIFEST.exists() and shutil.which("cargo")):
    from setuptools_rust import Binding, RustExtension

    # Where there is no registry, give up soon: the Python reference must not wait for minutes.
    os.environ.setdefault("CARGO_NET_RETRY", "1")
    os.environ.setdefault("CARGO_HTTP_TIMEOUT", "10")
    extensions.append(
        RustExtension(
            "oneprice._core",
            path=str(MANIFEST),
            binding=Binding.PyO3,
            debug=False,  # editable installs too: a debug core would be slower than the reference
            optional=wanted != "rust",
            py_limited_api=True,
            args=["--locked"],  # exactly the crates of Cargo.lock
        )
    )

setup(rust_extensions=extensions)
