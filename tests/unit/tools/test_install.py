"""tools/install.py, with the real uv and an index in a folder, which only pip's settings name."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tools import install

WHEEL = "greeting-1.0-py3-none-any.whl"
FILES = {
    "greeting.py": 'TEXT = "hello"\n',
    "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
    "greeting-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel in an index: what pip calls a simple repository."""
    file = tmp_path / "index" / "greeting" / WHEEL
    file.parent.mkdir(parents=True)
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(digest(text)).decode().rstrip('=')},{len(text)}\n"
        for name, text in FILES.items()
    )
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
        archive.writestr("greeting-1.0.dist-info/RECORD", record)
    (file.parent / "index.html").write_text(f'<a href="{WHEEL}">{WHEEL}</a>')
    return file


@pytest.fixture
def index(wheel: Path) -> str:
    return wheel.parent.parent.as_uri()


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def installed(folder: Path, index_url: str, sha256: str) -> subprocess.CompletedProcess[str]:
    """What the command says about `greeting` with that hash, in a new environment."""
    requirements = folder / "requirements.txt"
    requirements.write_text(f"greeting==1.0 --hash=sha256:{sha256}\n")
    (folder / "pip.conf").write_text(f"[global]\nindex-url = {index_url}\n")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True
    )
    command = [sys.executable, "tools/install.py", str(folder / "venv")]
    return subprocess.run(
        [*command, "--only-binary", ":all:", "--requirement", str(requirements)],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PIP_CONFIG_FILE": str(folder / "pip.conf"),
            "UV_CACHE_DIR": str(folder / "cache"),
            "UV_HTTP_RETRIES": "0",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_package_comes_from_the_index_of_pips_settings(tmp_path: Path, wheel: Path, index: str):
    done = installed(tmp_path, index, hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "venv").rglob("greeting.py"))
    assert "Installed 1 package" in done.stderr
    assert "greeting==1.0" not in done.stderr  # with hundreds of packages, nobody reads the list


def test_package_with_another_hash_is_refused(tmp_path: Path, index: str):
    done = installed(tmp_path, index, hashlib.sha256(b"another file").hexdigest())
    assert done.returncode == 1
    assert "Hash mismatch for `greeting==1.0`" in done.stderr
    assert not list((tmp_path / "venv").rglob("greeting.py"))


def test_without_a_network_the_message_says_where_packages_come_from(tmp_path: Path):
    done = installed(tmp_path, "http://127.0.0.1:9/simple", "0" * 64)
    assert done.returncode == 2
    assert "Failed to fetch: http://127.0.0.1:9/simple/greeting/" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        f"uv could not install into {tmp_path / 'venv'}: its message is above. Packages come from"
    )


def test_settings_of_pip_become_variables_of_uv():
    listed = r"""
:env:.index-url='https://packages.example.com/of-the-shell'
freeze.timeout='10'
global.cert='/etc/company.pem'
global.client-cert='/etc/me.pem'
global.extra-index-url='\nhttps://one.example.com\nhttps://two.example.com'
global.index-url='https://packages.example.com/simple'
global.proxy='http://proxy.example.com:3128'
global.timeout='60'
install.cert='/etc/of-install.pem'
install.trusted-host='packages.example.com'
"""
    assert install.variables(listed) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "true",
        "UV_DEFAULT_INDEX": "https://packages.example.com/of-the-shell",
        "UV_INDEX": "\nhttps://one.example.com\nhttps://two.example.com",
        "UV_INSECURE_HOST": "packages.example.com",
        "ALL_PROXY": "http://proxy.example.com:3128",
        "SSL_CERT_FILE": "/etc/of-install.pem",
        "SSL_CLIENT_CERT": "/etc/me.pem",
    }
