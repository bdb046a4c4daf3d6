"""The artifacts of sam build: complete, compiled, for the right architecture, and small."""

import importlib.util
import json
import re
import subprocess
from pathlib import Path

import pytest

from localcloud.cloud import RUNTIME_PYTHON
from localcloud.deployment import architecture
from tests.e2e.conftest import OWN_ENVIRONMENT, Build
from tests.support.repository import ROOT, load_template

LIMIT_MB = 250  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
BUDGET_MB = {"SharedLayer": 25, "ImagingLayer": 30}
PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
LAYERS = ("imaging", "shared")
ELF_MACHINES = {"x86_64": 62, "arm64": 183}

TEMPLATE = load_template()
FUNCTIONS = [
    name
    for name, resource in TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
]


def layers_of(function: str) -> list[str]:
    resource = TEMPLATE["Resources"][function]
    declared = [] if "IgnoreGlobals" in resource else TEMPLATE["Globals"]["Function"]["Layers"]
    own = resource["Properties"].get("Layers", [])
    return [layer["Ref"] for layer in [*declared, *own]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_handler_imports_with_only_artifact_and_layers(function: str, built: Build):
    properties = TEMPLATE["Resources"][function]["Properties"]
    path = [
        built.folder / function,
        *(built.folder / layer / "python" for layer in layers_of(function)),
    ]
    declared = properties.get("Environment", {"Variables": []})["Variables"]
    script = f"""
import sys
assert not [entry for entry in sys.path if "site-packages" in entry and "runtime" not in entry]
sys.path[:0] = {[str(entry) for entry in path]}
from {properties["Handler"].rsplit(".", 1)[0]} import handler
assert callable(handler)
outside = [
    module.__file__ for module in sys.modules.values()
    if getattr(module, "__file__", None) and "site-packages" in module.__file__
]
assert not outside, outside
"""
    done = subprocess.run(
        [RUNTIME_PYTHON, "-I", "-B", "-c", script],
        env={
            **dict.fromkeys(declared, "unused"),
            "API_CALLERS": "anyone",
            "REPEATED_VIEWS": "counted",
            "LOGGED_FRACTION": "1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "POWERTOOLS_METRICS_NAMESPACE": "Test",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("layer", BUDGET_MB)
def test_every_module_of_a_layer_has_its_bytecode(layer: str, built: Build):
    sources = list((built.folder / layer).rglob("*.py"))
    assert sources
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        header = compiled.read_bytes()[:8]
        assert header[:4] == importlib.util.MAGIC_NUMBER, source
        assert header[4] == 0b01, f"{source}: bytecode would be checked against the source"


def test_artifacts_are_the_same_wherever_they_are_built(built: Build):
    """Otherwise each machine would publish versions of its own, because the checksums decide."""
    artifacts = [folder for folder in built.folder.iterdir() if folder.is_dir()]
    assert artifacts
    for path in (path for folder in artifacts for path in folder.rglob("*") if path.is_file()):
        assert str(ROOT).encode() not in path.read_bytes(), path


def test_layers_are_within_lambdas_limit_and_their_budget(built: Build):
    for layer, budget in BUDGET_MB.items():
        assert 1 < built.megabytes[layer] <= budget, layer
    for function in FUNCTIONS:
        parts = [function, *layers_of(function)]
        assert sum(built.megabytes[part] for part in parts) <= LIMIT_MB / 4, function


def test_bill_of_materials_lists_all_that_is_built(built: Build, tmp_path: Path):
    python = ROOT / ".venv-audit" / "bin" / "python"
    if not python.exists():
        missing = ".venv-audit is missing: make test installs it"
        if OWN_ENVIRONMENT.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    file = tmp_path / "sbom.json"
    subprocess.run([python, ROOT / "tools" / "sbom.py", built.folder, file], check=True)
    components = json.loads(file.read_text())["components"]
    names = {each["name"] for each in components}
    assert {each.name for each in built.folder.iterdir() if each.is_dir()} <= names
    packages = {each["purl"] for each in components if "purl" in each}
    requirements = [(ROOT / "layers" / name / "requirements.txt").read_text() for name in LAYERS]
    pinned = [pin for text in requirements for pin in PIN.findall(text)]
    assert packages == {f"pkg:pypi/{name}@{version}" for name, version in pinned}
    libraries = {path.name for path in built.folder.rglob("*.libs/*.so*")}
    listed = {Path(each["bom-ref"]).name for each in components if "hashes" in each}
    assert libraries == listed
    assert all(each.get("licenses") for each in components if each["type"] == "library")


def test_every_layer_has_a_budget():
    layers = {
        name
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }
    assert layers == set(BUDGET_MB)


def test_native_code_is_for_the_architecture_that_was_built_for(built: Build):
    for library in (path for path in built.folder.rglob("*.so*") if path.is_file()):
        header = library.read_bytes()[:20]
        assert header[:4] == b"\x7fELF", library
        machine = int.from_bytes(header[18:20], "little")
        assert machine == ELF_MACHINES[architecture()], library


@pytest.mark.parametrize("chosen", ELF_MACHINES)
def test_layers_follow_the_parameter_architecture(chosen: str, tmp_path: Path):
    """As `sam build --parameter-overrides Architecture=…` runs them, by their Makefile."""
    done = subprocess.run(
        [
            "make",
            "--makefile",
            ROOT / "layers" / "build" / chosen / "Makefile",
            "--dry-run",
            "build-XLayer",
        ],
        cwd=ROOT / "layers",
        env={"ARTIFACTS_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    wheels = {"arm64": "aarch64", "x86_64": "x86_64"}[chosen]
    assert f"--platform manylinux2014_{wheels}" in done.stdout
    assert "--require-hashes" in done.stdout


def test_the_edge_function_answers_with_the_one_security_policy_and_is_small(
    built: Build,
):
    """Lambda@Edge does not support layers, so the build copies the module."""
    own = built.folder / "EdgeHeadersFunction" / "edge_headers" / "security_headers.py"
    shared = built.folder / "SharedLayer" / "python" / "shared" / "security_headers.py"
    assert not own.is_symlink()
    assert own.read_bytes() == shared.read_bytes()
    assert built.megabytes["EdgeHeadersFunction"] < 1
