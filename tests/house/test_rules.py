"""The house's own rules, checked on the tree as it stands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import oneprice

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 500
DRAWERS = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "legacy", "old"}
TEXTS = {".py", ".pyi", ".rs", ".toml", ".md", ".yml", ".txt", ".sh", ".ini", ""}
LEFT_OUT = {".venv", ".git", "target", "__pycache__", "build", "dist", "results", "oneprice.egg-info"}


def files(*places: str) -> Iterator[Path]:
    for place in places:
        start = ROOT / place
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            inside = path.relative_to(ROOT).parts
            if path.is_file() and path.suffix in TEXTS and LEFT_OUT.isdisjoint(inside):
                yield path


def test_import_rules_hold() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    sources = [path for path in files("src", "crates") if path.suffix in {".py", ".pyi", ".rs"}]
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources
        if (count := len(path.read_text().splitlines())) > LINES_MAX
    }
    assert sources
    assert not long


def test_no_machine_paths() -> None:
    pattern = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|tmp|Users)/")
    places = ("src", "crates", "tests", "bench", "docs", "README.md", "Makefile", "ARCHITECTURE.md", ".ci")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files(*places)
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_each_room_says_its_purpose_in_its_first_line() -> None:
    silent = []
    for path in files("src"):
        if path.name == "__init__.py":
            docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
            if not docstring.splitlines()[:1] or not docstring.splitlines()[0].endswith((".", ":")):
                silent.append(str(path.relative_to(ROOT)))
    assert not silent


def test_no_drawers() -> None:
    names = {path: set(re.split(r"[_.]", path.stem)) | set(path.parts[-2:-1]) for path in files("src", "crates")}
    found = [str(path.relative_to(ROOT)) for path, words in names.items() if words & DRAWERS]
    assert not found


def test_only_the_binding_crate_knows_pyo3() -> None:
    manifests = [path for path in files("crates") if path.name == "Cargo.toml"]
    knowing = {path.parent.name for path in manifests if "pyo3" in path.read_text()}
    assert knowing <= {"python"}


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == oneprice.__version__
    assert f"## {oneprice.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    for manifest in files("crates"):
        if manifest.name == "Cargo.toml":
            package = tomllib.loads(manifest.read_text()).get("package", {})
            assert package.get("version") in (None, oneprice.__version__, {"workspace": True}), manifest


def test_each_public_name_loads_and_is_documented() -> None:
    undocumented = []
    for name in oneprice.__all__:
        value = getattr(oneprice, name)
        if isinstance(value, type) and not (value.__doc__ or "").strip():
            undocumented.append(name)
    assert not undocumented
    assert 25 <= len(oneprice.__all__) <= 60


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        oneprice.nonsense  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import oneprice, sys; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    heavy = {"msgspec", "aiohttp", "picows", "rich", "click", "asyncio", "zstandard"}
    assert heavy.isdisjoint(loaded.split())


def locked(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


def test_lock_files_agree_and_have_hashes() -> None:
    runtime, dev, build = locked("runtime"), locked("dev"), locked("build")
    assert runtime.items() <= dev.items()
    assert build.items() <= dev.items()
    for name in ("runtime", "dev", "build", "lock"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        entries = re.split(r"^(?=[A-Za-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
        assert entries
        assert all("--hash=sha256:" in entry for entry in entries), name


def test_every_dependency_is_locked_and_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    explained = (ROOT / "docs" / "dependencies.md").read_text()
    dev = locked("dev")
    for requirement in wanted:
        name = re.split(r"[<>=;\s]", requirement)[0]
        assert name in dev, f"{name} is not in requirements/dev.txt: make lock"
        assert f"`{name}`" in explained, f"{name} is not in docs/dependencies.md"


def test_make_help_lists_the_chores_of_the_readme() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for chore in re.findall(r"^`?make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert re.search(rf"make {chore}\b", listed), f"README names make {chore}, which make help does not list"


def test_each_scar_names_a_test_that_exists() -> None:
    named = re.findall(r"`(test_\w+)`", (ROOT / "docs" / "scars.md").read_text())
    there = {name for path in files("tests") for name in re.findall(r"def (test_\w+)\(", path.read_text())}
    assert named
    assert set(named) <= there, sorted(set(named) - there)


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert not broken
