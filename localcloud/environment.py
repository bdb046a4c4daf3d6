"""Environment variables of the laptop cloud. They inherit no setting of AWS.

ministack, sam deploy, functions and this process get test credentials and one endpoint on this
machine. For every other address they get a proxy on which nothing listens. sam build keeps the
person's variables, without those of AWS, and its network.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
ACCESS_KEY: Final = "test"  # of ministack's root user, which deploys; functions get their role's
_NO_AWS_FILES: Final = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
_CLOSED_PROXY: Final = "http://127.0.0.1:9"


def laptop_environment(endpoint: str, home: Path) -> dict[str, str]:
    """For ministack, sam deploy, functions and this process: only the variables named here."""
    host = endpoint.removeprefix("http://").rsplit(":", 1)[0]
    return {
        **_NO_AWS_FILES,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), *_system_folders()]),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",  # as Lambda sets it: Powertools stores idempotency records by local time
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "HTTP_PROXY": _CLOSED_PROXY,
        "HTTPS_PROXY": _CLOSED_PROXY,
        "NO_PROXY": f"127.0.0.1,localhost,.localhost,{host}",
        "SAM_CLI_TELEMETRY": "0",
    }


def build_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """For sam build, which downloads packages: the person's own variables without those of AWS."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    return {**kept, **_NO_AWS_FILES, "PATH": path, "SAM_CLI_TELEMETRY": "0"}


def _system_folders() -> list[str]:
    return ["/usr/local/bin", "/usr/bin", "/bin"]
