"""What the repository may not hold, and which way its imports run."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ("bootstrap", "run", "dev", "node")
LOCKS = (*(f"requirements/{name}.txt" for name in REQUIREMENTS), "package-lock.json")
ADDRESS = re.compile(r"://|--(?:extra-)?index-url|--find-links|\"resolved\"")
SOMEBODYS = re.compile(r"(?<![\w.}*])/(?:work/(?:main|shared)\b|(?:farm|root|home/[a-z]+|Users/[a-z]+|tmp/[a-z]+)/)")
MADE = re.compile(r"(^|/)(node_modules|build|\.venv)/|\.(mo|ttf|otf|woff2?|min\.js|min\.css|sqlite3)$")
FREE = re.compile(r"\b(MIT|0?BSD|Apache|ISC|PSF|OFL|LGPL)")
BOUND = re.compile(r"\b(A?GPL|MPL|SSPL|BUSL|EUPL)|Mozilla|(?<!Lesser )General Public")

WITHOUT_DJANGO = """
import importlib, pkgutil, sys
sys.modules["django"] = None
import wastetrack.regulations as rules
shelf = {"admin", "api", "apps", "management", "migrations", "models", "selectors", "services"}
names = {found.name for found in pkgutil.iter_modules(rules.__path__)} - shelf
for name in [f"wastetrack.regulations.{name}" for name in sorted(names)] + sys.argv[1:]:
    importlib.import_module(name)
"""
DJANGO_FREE = ("wastetrack.errors", "wastetrack.units", "wastetrack.ledger.verify", "labels.codes")


def tracked():
    """Names of the files that are in the repository or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


def locked(lock):
    """Names of the packages in a compiled requirements file."""
    text = (ROOT / f"requirements/{lock}.txt").read_text()
    return set(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==", text, re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_name_no_host(name):
    assert ADDRESS.findall((ROOT / name).read_text()) == []


def test_every_front_end_package_is_locked_by_its_hash():
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    hashes = {name: entry.get("integrity", "") for name, entry in packages.items() if name}
    assert [name for name, digest in hashes.items() if not digest.startswith("sha512-")] == []


@pytest.mark.parametrize("lock", REQUIREMENTS)
def test_lock_files_hold_what_the_project_asks_for(lock):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = {"run": [], **project["dependency-groups"]}[lock]
    if lock in {"run", "dev"}:
        asked += project["project"]["dependencies"]
    assert {re.split(r"[^a-z0-9_-]", name)[0].replace("_", "-") for name in asked} <= locked(lock)


def licence(package):
    """What a Python package says of its licence, in whichever of three places it does."""
    about = metadata.metadata(package)
    if expression := about.get_all("License-Expression"):
        return expression[0]
    named = [line for line in about.get_all("Classifier") or [] if line.startswith("License")]
    return " ".join([*named, *(text[:60] for text in about.get_all("License") or [])])


def free(text):
    """Whether a licence asks nothing of a site that uses the package."""
    return FREE.search(text) and not BOUND.search(text)


def test_python_packages_of_a_site_have_free_licences():
    installed = {package.name.lower().replace("_", "-") for package in metadata.distributions()}
    names = (locked("bootstrap") | locked("run")) & installed
    assert len(names) > 30
    assert {name: licence(name) for name in names if not free(licence(name))} == {}


def test_front_end_packages_of_a_site_have_free_licences():
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    said = {name: entry["license"] for name, entry in packages.items() if not entry.get("dev")}
    assert {name: text for name, text in said.items() if not free(text)} == {}


def test_no_file_names_a_path_of_somebodys_machine():
    found = {}
    for name in tracked():
        try:
            hits = SOMEBODYS.findall((ROOT / name).read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue  # an image
        if hits:
            found[name] = hits
    assert found == {}


def test_nothing_that_is_made_or_fetched_is_tracked():
    assert [name for name in tracked() if MADE.search(name)] == []


def test_imports_run_one_way():
    linter = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout


def test_rules_and_the_offline_verifier_run_without_django():
    command = [sys.executable, "-c", WITHOUT_DJANGO, *DJANGO_FREE]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
