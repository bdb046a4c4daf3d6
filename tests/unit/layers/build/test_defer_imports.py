"""Deferred imports: names are there when they are asked for, and what cannot wait is refused."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

LISTED = """
packages = ["shop"]
[functions]
"shop/orders.py" = ["price", "Decimal"]
"""
FILES = {
    "shop/__init__.py": '''"""A shop."""
from __future__ import annotations

from shop.orders import Order
from .catalog import (
    find,
    search,
)
from .settings import NAME
from .tags import tags

__all__ = ["Order", "find"]
TITLE = NAME.title()
''',
    "shop/catalog.py": "def find(): return 'found'\ndef search(): return 'searched'\n",
    "shop/settings.py": "NAME = 'shop'\n",
    "shop/tags.py": "tags = ['new']\n",
    "shop/prices.py": "def price(): return '2'\n\ndef discount(): return '1'\n",
    "shop/orders.py": '''"""Orders."""
from decimal import Decimal
from .prices import discount, price

LEAST = discount()

class Order:
    """An order."""

    def total(self):
        """The price."""
        return Decimal(price()) - Decimal(LEAST)

    def parts(self):
        for part in [lambda: price()]:
            yield part()

def is_decimal(value):
    return isinstance(value, Decimal)

class Empty:
    def nothing(self):
        """Only a docstring."""
''',
}


class Packages:
    """Packages of a layer, and the script beside a list."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "packages"
        self.script = shutil.copy(ROOT / "layers/build/defer_imports.py", folder)
        self.list = folder / "deferred_imports.toml"
        for name, text in FILES.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def defer(self, listed: str = LISTED) -> subprocess.CompletedProcess[str]:
        self.list.write_text(listed)
        return self.run(str(self.script), str(self.folder))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path)


USES = """
import sys, shop
before = [name for name in sorted(sys.modules) if name.startswith("shop.")]
assert before == ["shop.settings", "shop.tags"], before
from shop import Order, find, tags, TITLE
assert (find(), shop.search(), TITLE) == ("found", "searched", "Shop")
assert str(Order().total()) == "1" and list(Order().parts()) == ["2"]
assert shop.tags == tags == ["new"]
from shop.orders import is_decimal, Empty
assert not is_decimal(1) and Empty().nothing() is None
import shop.prices
try:
    shop.nothing
except AttributeError as error:
    assert str(error) == "module 'shop' has no attribute 'nothing'"
else:
    raise AssertionError
"""


def test_names_are_imported_when_they_are_asked_for(packages: Packages):
    done = packages.defer()
    assert done.returncode == 0, done.stderr
    used = packages.run("-c", USES)
    assert used.returncode == 0, used.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("shop/orders.py", "def total", "def total(self, least=price()): ...\n    def all", "line"),
        ("shop/orders.py", "is_decimal(value)", "is_decimal(value: Decimal)", "uses Decimal in"),
        ("shop/orders.py", "(value):\n   ", "(value):", "has a function on one line"),
        ("shop/orders.py", ", price", "", "has no import of price"),
        ("shop/orders.py", ", price", ", cost as price", "has no import of price"),
        ("shop/__init__.py", FILES["shop/__init__.py"], "", "shop has no import that can wait"),
    ],
)
def test_import_that_cannot_be_deferred_fails_the_build(
    packages: Packages, file: str, old: str, new: str, message: str
):
    path = packages.folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    done = packages.defer()
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.endswith(". Change layers/build/deferred_imports.toml.\n")


@pytest.mark.parametrize("missing", ["packages = ['stall']", "[functions]\n'shop/a.py' = ['b']"])
def test_missing_module_fails_the_build(packages: Packages, missing: str):
    both = {"packages": "packages = []", "[functions]": "[functions]"}
    listed = "\n".join(missing if missing.startswith(key) else both[key] for key in both)
    done = packages.defer(listed)
    assert done.returncode == 1
    assert "there is no " in done.stderr
