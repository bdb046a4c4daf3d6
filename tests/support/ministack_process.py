"""Programs that drive ministack's functions, with our changes, in a process of its own."""

import json
import subprocess
import textwrap
from typing import Any

from localcloud.cloud import MINISTACK_PYTHON
from localcloud.environment import laptop_environment
from tests.support.repository import ROOT


def inside_ministack(program: str) -> Any:
    """The JSON that a program prints as its last line."""
    done = subprocess.run(
        [MINISTACK_PYTHON, "-c", textwrap.dedent(program)],
        env={**laptop_environment("http://127.0.0.1:9", ROOT), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def answer_in_account(helpers: str, program: str) -> Any:
    """What a program that uses these helpers assigns to `answer`, in the scope of an account."""
    body = textwrap.indent(textwrap.dedent(program), "    ")
    return inside_ministack(f"""
import json
from ministack.core.responses import request_scope
{helpers}
with request_scope("000000000000", "us-east-1"):
{body}
    print(json.dumps(answer))
""")
