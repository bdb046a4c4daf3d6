"""Writes a CycloneDX bill of materials of the artifacts that sam build has made.

`.venv-audit/bin/python tools/sbom.py ARTIFACTS FILE`: it lists functions, layers, the packages of
each layer, and the shared libraries in their wheels. Nothing else of the repository is imported,
because only .venv-audit has the library.
"""

import hashlib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

LICENCES: Final = Path(__file__).with_name("licences.toml")
_VERSION: Final = SchemaVersion.V1_6
_license: Final = LicenseFactory().make_from_string


class SbomError(Exception):
    """The bill of materials cannot be written; the message says why."""


def bill_of_materials(artifacts: Path, licences: Mapping[str, Any]) -> Bom:
    """The bill of materials of a folder of artifacts.

    Raises:
        SbomError: there are no layers, or licences.toml lacks a package or library.
    """
    bom = Bom()
    application = Component(
        name="lambda-gallery", type=ComponentType.APPLICATION, bom_ref="lambda-gallery"
    )
    bom.metadata.component = application
    folders = sorted(folder for folder in artifacts.glob("*") if folder.is_dir())
    layers = [folder for folder in folders if (folder / "python").is_dir()]
    if not layers:
        raise SbomError(f"{artifacts} has no built layers. Run make build first.")
    parts = []
    for folder in folders:
        part = Component(name=folder.name, type=ComponentType.APPLICATION, bom_ref=folder.name)
        parts.append(part)
        bom.components.add(part)
        contents = list(_packages(folder, licences)) if folder in layers else []
        for package, libraries in contents:
            for component in (package, *libraries):
                bom.components.add(component)
            bom.register_dependency(package, libraries)
        bom.register_dependency(part, [package for package, _ in contents])
    bom.register_dependency(application, parts)
    return bom


def _packages(
    layer: Path, licences: Mapping[str, Any]
) -> Iterator[tuple[Component, list[Component]]]:
    """The packages of a layer, each with the shared libraries in its wheel."""
    found = sorted(
        distributions(path=[str(layer / "python")]), key=lambda each: each.metadata["Name"]
    )
    for distribution in found:
        name = distribution.metadata["Name"].lower().replace("_", "-")
        url = PackageURL("pypi", None, name, distribution.version)
        package = Component(
            name=name,
            version=distribution.version,
            purl=url,
            bom_ref=str(url),
            licenses=[_license(_licence(licences["packages"], name)["licence"])],
        )
        yield package, list(_libraries(distribution, layer / "python", licences["libraries"]))


def _libraries(
    distribution: Distribution, folder: Path, licences: Mapping[str, Any]
) -> Iterator[Component]:
    for file in distribution.files or ():
        if ".libs" not in file.parts[0] or ".so" not in file.name:
            continue
        name = file.name.partition("-")[0]
        content = (folder / file).read_bytes()
        yield Component(
            name=name,
            bom_ref=str(file),
            licenses=[_license(_licence(licences, name))],
            hashes=[
                HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())
            ],
            properties=[Property(name="file", value=str(file))],
        )


def _licence(licences: Mapping[str, Any], name: str) -> Any:
    if name not in licences:
        raise SbomError(f"licences.toml has no licence of {name}, which is deployed")
    return licences[name]


def as_json(bom: Bom) -> str:
    """The bill as JSON.

    Raises:
        SbomError: it does not match the schema of CycloneDX.
    """
    text: str = make_outputter(bom, OutputFormat.JSON, _VERSION).output_as_string(indent=2)
    if error := JsonStrictValidator(_VERSION).validate_str(text):
        raise SbomError(f"the bill does not match the schema of CycloneDX: {error}")
    return text


def main(artifacts: Path, file: Path) -> int:
    """Return 0 only if the bill is written."""
    try:
        text = as_json(bill_of_materials(artifacts, tomllib.loads(LICENCES.read_text())))
    except SbomError as error:
        print(error, file=sys.stderr)
        return 1
    file.write_text(text + "\n")
    print(f"bill of materials: {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
