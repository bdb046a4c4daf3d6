"""`.venv/bin/python tools/install.py ENVIRONMENT OPTION…`: `uv pip install` with pip's settings.

uv reads neither pip.conf nor PIP_…, where a company names its index, proxy and certificate.
"""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

_PIP: Final = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
_VARIABLES: Final = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
}
# pip, too, takes a package from any index and trusts the machine's certificates. The requirements
# have hashes, so another index cannot replace a package.
_AS_PIP_DOES: Final = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "true"}
_INSTALLED: Final = " + "  # uv lists every package, some hundreds in all
_PRECEDENCE: Final = ("global", "install", ":env:")  # of pip: the last one wins


def variables(pip_config_list: str) -> dict[str, str]:
    """uv's variables for the settings that `pip config list` prints."""
    settings: dict[str, dict[str, str]] = {section: {} for section in _PRECEDENCE}
    for line in pip_config_list.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.partition(".")
        if section in settings and option in _VARIABLES:
            settings[section][_VARIABLES[option]] = ast.literal_eval(value)
    merged: dict[str, str] = {}
    for section in _PRECEDENCE:
        merged |= settings[section]
    return _AS_PIP_DOES | merged


def main(environment: str, *options: str) -> int:
    """Return uv's exit status. A variable of uv that is already set stays as it is."""
    listed = subprocess.run(
        [*_PIP, "config", "list"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--python", environment]
    with subprocess.Popen(
        [*uv, "--require-hashes", *options],
        env=variables(listed) | os.environ,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        for line in running.stderr or ():
            if not line.startswith(_INSTALLED):
                print(line, end="", file=sys.stderr, flush=True)
    if running.returncode:
        print(
            f"uv could not install into {environment}: its message is above. Packages come from"
            " PyPI, or from the index that `.venv/bin/pip config list` names. The next try uses"
            " what this one has downloaded.",
            file=sys.stderr,
        )
    return running.returncode


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends uv too; no stack trace
    sys.exit(main(*sys.argv[1:]))
