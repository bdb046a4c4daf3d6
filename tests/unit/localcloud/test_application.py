"""Applications do not share a folder, and stacks have names that CloudFormation takes."""

from pathlib import Path

import pytest

from localcloud.application import Application, default_stack_name
from localcloud.cloud import CloudError


def template(folder: Path, name: str = "template.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    return folder / name


def test_each_template_has_a_folder_of_its_own(tmp_path: Path):
    templates = [
        template(tmp_path / "one" / "orders"),
        template(tmp_path / "two" / "orders"),
        template(tmp_path / "two" / "orders", "other.yaml"),
    ]
    folders = {Application(each, "orders-local").folder for each in templates}
    assert len(folders) == 3
    assert all(folder.name.startswith("orders-") for folder in folders)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("orders", "orders-local"), ("my_shop.v2", "my-shop-v2-local"), ("2nd", "app-2nd-local")],
)
def test_stack_is_named_for_the_folder(folder: str, name: str):
    assert default_stack_name(Path("/home/ann") / folder / "template.yaml") == name


def test_missing_template_and_impossible_name_are_refused(tmp_path: Path):
    with pytest.raises(CloudError, match="There is no template"):
        Application(tmp_path / "template.yaml", "orders")
    with pytest.raises(CloudError, match="'my_stack' is not a stack name"):
        Application(template(tmp_path), "my_stack")
