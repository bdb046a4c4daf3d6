"""Whether the next build would give the same as the last one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.application import Application
from localcloud.build_record import BuildRecord, forget

TEMPLATE = """
Resources:
  F: {Type: AWS::Serverless::Function, Properties: {CodeUri: src, Handler: app.handler}}
"""


@pytest.fixture
def application(tmp_path: Path) -> Application:
    for file in (
        "app/src/app.py",
        "app/common/rules.mk",
        "app/.git/index",
        "builds/build/F/app.py",
    ):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first")
    template = tmp_path / "app" / "template.yaml"
    template.write_text(TEMPLATE)
    return Application(template, "stack", builds=tmp_path / "builds")


def changed(application: Application) -> bool:
    return BuildRecord.now(application, "x86_64") != BuildRecord.last(application)


def test_nothing_has_changed_until_a_file_is_saved(application: Application):
    assert changed(application)
    BuildRecord.now(application, "x86_64").store(application)
    (application.template.parent / ".git" / "index").write_text("of no build")
    (application.template.parent / "src" / "__pycache__").mkdir()
    assert not changed(application)
    forget(application)
    assert changed(application)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "src/app.py").write_text("second"),
        lambda folder: (folder / "src/new.py").touch(),
        lambda folder: (folder / "src/app.py").unlink(),
        lambda folder: (folder / "src/.env").touch(),
        lambda folder: (folder / "common/rules.mk").write_text("second"),
        lambda folder: (folder / "template.yaml").write_text(f"{TEMPLATE}Description: new"),
        lambda folder: (folder.parent / "builds/build/F/app.py").unlink(),
    ],
)
def test_what_a_build_reads_or_has_written_counts(
    application: Application, change: Callable[[Path], object]
):
    BuildRecord.now(application, "x86_64").store(application)
    change(application.template.parent)
    assert changed(application)


def test_parameters_and_machine_count(application: Application):
    BuildRecord.now(application, "x86_64").store(application)
    assert BuildRecord.now(application, "arm64") != BuildRecord.last(application)
    other = Application(application.template, "stack", {"Stage": "dev"}, application.builds)
    assert changed(other)


@pytest.mark.parametrize(
    "resource",
    [
        "{Type: AWS::Serverless::Function, Properties: {CodeUri: ../elsewhere}}",
        "{Type: AWS::Serverless::Function, Properties: {Handler: app.handler}}",
        "{Type: AWS::Serverless::Function, Properties: {CodeUri: .}}",
        "{Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: src},"
        " Metadata: {BuildProperties: {ContextPath: ../build}}}",
        "{Type: AWS::Serverless::Application, Properties: {Location: child.yaml}}",
    ],
)
def test_build_that_may_read_anything_else_has_no_record(application: Application, resource: str):
    application.template.write_text(f"Resources: {{R: {resource}}}")
    assert BuildRecord.now(application, "x86_64").read == ""
