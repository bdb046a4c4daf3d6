"""Who runs a laptop cloud, and for which template."""

import os
from pathlib import Path

from localcloud import owners


def test_owner_says_what_it_deploys_until_it_is_removed(tmp_path: Path):
    folder = tmp_path / "4566"
    folder.mkdir()
    assert owners.read(folder) is None
    owners.write(folder, "127.0.0.1")
    template = Path("/home/ann/template.yaml")
    owners.add(folder, template=template, stack="ann-local", parameters={"Stage": "local"})
    [(port, owner)] = owners.running(tmp_path)
    assert (port, owner.process, owner.host) == (4566, os.getpid(), "127.0.0.1")
    assert (owner.template, owner.stack) == (str(template), "ann-local")
    assert owner.parameters == {"Stage": "local"}
    owners.remove(folder)
    assert list(owners.running(tmp_path)) == []


def test_owner_whose_process_has_ended_does_not_run(tmp_path: Path):
    folder = tmp_path / "4566"
    folder.mkdir()
    child = os.fork()
    if child == 0:
        owners.write(folder, "127.0.0.1")
        os._exit(0)
    os.waitpid(child, 0)
    assert owners.read(folder)
    assert list(owners.running(tmp_path)) == []


def test_file_of_another_version_is_ignored(tmp_path: Path):
    (tmp_path / "owner.json").write_text('{"pid": 1}')
    assert owners.read(tmp_path) is None
