"""Where builds copy source files to, found by comparing; and what is different after a save."""

from pathlib import Path

import pytest

from localcloud.execution.saved_code import SavedFile
from localcloud.source_files import Copies, files_below


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path.with_suffix(path.suffix or ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def function(tmp_path: Path) -> Copies:
    """As sam's Python builder copies CodeUri, beside what requirements.txt installs."""
    source = write(tmp_path / "src", app="1", shop__orders="2", shop__more="3")
    (source / "requirements.txt").write_text("httpx")
    built = write(tmp_path / "built", app="1", shop__orders="2", shop__more="3", httpx__app="x")
    (built / "requirements.txt").write_text("httpx")
    return Copies.of(source, built)


@pytest.fixture
def layer(tmp_path: Path) -> Copies:
    """As a Makefile copies one of several packages into a layer."""
    source = write(tmp_path / "layers", shared__logs="1", shared__rows="2", other__logs="9")
    (source / "shared" / "packages.in").write_text("httpx")
    built = write(tmp_path / "built", python__shared__logs="1", python__shared__rows="2")
    write(built, python__httpx__logs="x")
    return Copies.of(source, built)


def test_unchanged_sources_are_not_different(function: Copies, layer: Copies):
    assert [*function.different(), *layer.different()] == []


def test_saved_file_of_a_function_is_different(function: Copies):
    write(function.source, shop__orders="saved")
    assert dict(function.different()) == {
        function.source / "shop/orders.py": ("shop/orders.py", SavedFile(b"saved"))
    }


def test_saved_file_of_a_layer_goes_where_the_makefile_copied_it(layer: Copies):
    write(layer.source, shared__logs="saved", other__logs="saved")
    [(source, (target, _))] = layer.different()
    assert source == layer.source / "shared" / "logs.py"
    assert target == "python/shared/logs.py"


def test_new_file_is_copied_to_the_folder_of_its_neighbours(function: Copies, layer: Copies):
    write(function.source, shop__new="n", shop__inner__deep="d")
    write(layer.source, shared__new="n", third__new="n")
    (layer.source / "shared" / "notes.txt").write_text("of another kind than what was copied")
    targets = [target for copies in (function, layer) for _, (target, _) in copies.different()]
    assert targets == ["shop/inner/deep.py", "shop/new.py", "python/shared/new.py"]


def test_deleted_file_is_different(function: Copies):
    (function.source / "shop" / "more.py").unlink()
    assert list(function.different()) == [
        (function.source / "shop/more.py", ("shop/more.py", None))
    ]


def test_inputs_of_a_build_are_left_to_the_build(function: Copies, layer: Copies):
    (function.source / "requirements.txt").write_text("httpx\nboto3")
    (layer.source / "shared" / "packages.in").write_text("httpx\nboto3")
    assert [*function.different(), *layer.different()] == []
    assert layer.target(Path("shared/packages.in")) is None


def test_file_saved_during_the_build_is_different_afterwards(tmp_path: Path):
    source, built = write(tmp_path / "src", app="saved"), write(tmp_path / "built", app="1")
    assert [target for _, (target, _) in Copies.of(source, built).different()] == ["app.py"]


def test_executable_file_stays_executable(tmp_path: Path):
    source, built = write(tmp_path / "src", bootstrap="1"), write(tmp_path / "built", bootstrap="1")
    copies = Copies.of(source, built)
    write(source, bootstrap="2")
    (source / "bootstrap.py").chmod(0o755)
    [(_, (_, saved))] = copies.different()
    assert saved
    assert saved.is_executable


def test_installed_hidden_and_temporary_files_are_not_sources(tmp_path: Path):
    write(tmp_path, app="1", venv__x="1", node_modules__x="1", __pycache__x="1")
    for name in (".git/config", "app.py~", ".app.py.swp", "app.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert {path.name for path in files_below(tmp_path)} == {"app.py"}
