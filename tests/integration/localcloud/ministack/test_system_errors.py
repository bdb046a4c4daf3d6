"""An environment that cannot be created is an error of the system, as on a full disk."""

from pathlib import Path

from localcloud.cloud import RUNTIME_PYTHON
from tests.support.ministack_process import inside_ministack

PROGRAM = """
    import io, json, os, sys, time, zipfile
    from pathlib import Path
    folder = Path({folder!r})
    os.environ["TMPDIR"] = str(folder)
    (folder / "lambda").mkdir()
    in_the_way = folder / "lambda" / "environments"
    in_the_way.touch()  # in place of the folder of environments

    from ministack.core.responses import request_scope
    from ministack.services import lambda_svc
    from localcloud.ministack import executions
    installed = executions.install(Path({python!r}))
    attempts, invoke = [], installed.pool.invoke
    installed.pool.invoke = lambda *given: attempts.append(1) or invoke(*given)

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        code = "def handler(event, context): open(event['done'], 'w').close()"
        files.writestr("function.py", code)
    name = "arn:aws:lambda:us-east-1:000000000000:function:f"
    config = dict(FunctionName="f", FunctionArn=name, Runtime="python3.13", Timeout=600,
                  Handler="function.handler", CodeSha256="1", Role="", MemorySize=512)
    function = dict(config=config, code_zip=archive.getvalue(),
                    event_invoke_config=dict(MaximumRetryAttempts=0))
    done = folder / "done"
    with request_scope("000000000000", "us-east-1"):
        try:
            lambda_svc._execute_function(function, dict(done=str(done)))
            synchronous = "an answer"
        except OSError as error:
            synchronous = str(error)
        lambda_svc.invoke_async_with_retry(function, dict(done=str(done)))
    deadline = time.monotonic() + 60
    while len(attempts) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    waited = not done.exists()
    in_the_way.unlink()
    while not done.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    print(json.dumps([synchronous, len(attempts), waited, done.exists()]))
    installed.close()
"""


def test_asynchronous_event_waits_until_an_environment_can_be_created(tmp_path: Path):
    program = PROGRAM.format(folder=str(tmp_path), python=str(RUNTIME_PYTHON))
    output, attempts, waited, is_done = inside_ministack(program)
    assert "environments" in output
    assert attempts > 2
    assert (waited, is_done) == (True, True)
