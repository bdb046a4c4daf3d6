"""What Python files import."""

from pathlib import Path

import pytest

from tools.extract.python_files import functions_of, imports


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    files = {
        "functions/counter/__init__.py": "",
        "functions/counter/handler.py": "import boto3\nfrom shared import clock\n",
        "layers/shared/__init__.py": "",
        "layers/shared/clock.py": "import time\n",
        "layers/shared/other.py": "",
        "tests/unit/test_it.py": (
            "from typing import TYPE_CHECKING\nfrom counter.handler import count\n"
            "if TYPE_CHECKING:\n    import mypy_boto3_s3\n"
        ),
        "ops/redrive.py": "",
        "tests/unit/test_ops.py": "from ops.redrive import main\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_files_are_found_through_each_other_with_their_packages(repository: Path):
    found = imports(repository, [Path("tests/unit/test_it.py")])
    assert {str(path) for path in found.files} == {
        "tests/unit/test_it.py",
        "functions/counter/__init__.py",
        "functions/counter/handler.py",
        "layers/shared/__init__.py",
        "layers/shared/clock.py",
    }
    assert found.packages == {"boto3", "time", "typing"}
    assert functions_of(found.files) == {"counter"}


def test_package_of_the_repository_without_init_is_no_package_of_others(repository: Path):
    found = imports(repository, [Path("tests/unit/test_ops.py")])
    assert Path("ops/redrive.py") in found.files
    assert found.packages == set()
