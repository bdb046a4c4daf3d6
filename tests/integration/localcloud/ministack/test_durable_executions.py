"""Durable executions: invoked again after failures and waits, with what is done so far."""

from typing import Any

from tests.support.ministack_process import inside_ministack

START = """
    import asyncio, json, time
    from ministack.core.responses import request_scope
    from ministack.services import lambda_durable, lambda_svc
    from localcloud.ministack import durable_executions

    durable_executions._WAIT_SECONDS = 0
    durable_executions.install()
    lambda_svc._functions["f"] = {"config": {
        "FunctionName": "f", "Version": "$LATEST", "DurableConfig": {"ExecutionTimeout": 600},
    }, "versions": {}, "aliases": {}}
    events, outputs = [], []

    def execute(function, event):
        events.append(event)
        output = outputs.pop(0)
        return output(event) if callable(output) else output

    lambda_svc._execute_function = execute
    failed = {"error": True, "body": {"errorType": "Runtime.ExitError", "errorMessage": "killed"}}
    done = {"body": {"Status": "SUCCEEDED", "Result": '"done"'}}

    def checkpoint(token, **update):
        arn = events[-1]["DurableExecutionArn"]
        body = json.dumps({"CheckpointToken": token, "Updates": [update]}).encode()
        return lambda_durable.handle_checkpoint(arn, body)[0]

    def invoke(**headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        with request_scope("000000000000", "us-east-1"):
            status, answered, body = asyncio.run(lambda_svc._invoke("f", {"n": 1}, headers))
        return status, answered, json.loads(body or "null")

    def state(execution):
        with request_scope("000000000000", "us-east-1"):
            return lambda_durable._executions[execution]
"""


def run(program: str) -> Any:
    return inside_ministack(START + program)


def test_invocation_that_failed_is_repeated_and_its_token_is_not_valid_any_more():
    status, answer, invocations, late = run("""
    tokens = []
    def fail(event):
        tokens.append(event["CheckpointToken"])
        return failed
    def succeed(event):
        with request_scope("000000000000", "us-east-1"):
            late.append(checkpoint(tokens[0], Id="1", Type="STEP", Action="START"))
        return done
    late = []
    outputs += [fail, succeed]
    status, headers, answer = invoke()
    print(json.dumps([status, answer, len(events), late]))
    """)
    assert (status, answer, invocations) == (200, "done", 2)
    assert late == [400]


def test_execution_fails_after_six_failures_in_a_row():
    error, answer, invocations = run("""
    outputs += [failed] * 6
    status, headers, answer = invoke()
    print(json.dumps([headers["X-Amz-Function-Error"], answer, len(events)]))
    """)
    assert error == "Unhandled"
    assert answer == {"errorType": "Runtime.ExitError", "errorMessage": "killed"}
    assert invocations == 6


def test_handler_that_returns_no_status_has_failed():
    error, kind, invocations = run("""
    outputs += [{"body": {"sold": 1}}] * 3 + [{"body": "text"}] * 3
    status, headers, answer = invoke()
    print(json.dumps([headers["X-Amz-Function-Error"], answer["errorType"], len(events)]))
    """)
    assert (error, kind, invocations) == ("Unhandled", "InvalidParameterValueException", 6)


def test_execution_fails_if_its_function_is_deleted():
    error = run("""
    def delete(event):
        with request_scope("000000000000", "us-east-1"):
            del lambda_svc._functions["f"]
        return failed
    outputs += [delete]
    print(json.dumps(invoke()[2]["errorMessage"]))
    """)
    assert error == "The function f does not exist."


def test_failure_without_an_error_is_a_failure():
    error = run("""
    outputs += [{"body": {"Status": "FAILED"}}]
    print(json.dumps(invoke()[1]["X-Amz-Function-Error"]))
    """)
    assert error == "Unhandled"


def test_callback_that_arrives_while_the_function_runs_starts_no_second_invocation():
    statuses, invocations, callback = run("""
    def send_callback(event):
        arn = event["DurableExecutionArn"]
        with request_scope("000000000000", "us-east-1"):
            token = event["CheckpointToken"]
            checkpoint(token, Id="c", Type="CALLBACK", Action="START")
            execution = lambda_durable._executions[arn]
            token = execution["CheckpointToken"]
            [_, operation] = execution["Operations"]
            lambda_durable.handle_callback_success(operation["CallbackDetails"]["CallbackId"], b"1")
            lambda_durable._resume_execution(arn)
            answers.append(checkpoint(token, Id="s", Type="STEP", Action="SUCCEED"))
            answers.append(len(events))
        return {"body": {"Status": "PENDING"}}
    answers = []
    outputs += [send_callback, done]
    invoke()
    operations = events[1]["InitialExecutionState"]["Operations"]
    print(json.dumps([answers, len(events), operations[1]["Status"]]))
    """)
    assert (statuses, invocations, callback) == ([200, 1], 2, "SUCCEEDED")


def test_asynchronous_execution_continues_after_a_wait_with_what_is_done():
    status, execution, operations = run("""
    def wait(event):
        with request_scope("000000000000", "us-east-1"):
            checkpoint(event["CheckpointToken"], Id="w", Type="WAIT", Action="START",
                       WaitOptions={"WaitSeconds": 0})
        return {"body": {"Status": "PENDING"}}
    outputs += [wait, done]
    status, headers, _ = invoke(x_amz_invocation_type="Event")
    arn = headers["X-Amz-Durable-Execution-Arn"]
    deadline = time.monotonic() + 60
    while state(arn)["Status"] == "RUNNING" and time.monotonic() < deadline:
        time.sleep(0.01)
    operations = events[1]["InitialExecutionState"]["Operations"]
    seen = [[each["Type"], each["Status"]] for each in operations]
    print(json.dumps([status, state(arn)["Status"], seen]))
    """)
    assert (status, execution) == (202, "SUCCEEDED")
    assert operations == [["EXECUTION", "STARTED"], ["WAIT", "SUCCEEDED"]]


def test_attempts_of_a_step_are_counted_and_a_failed_step_is_ready_when_its_time_has_come():
    steps = run("""
    def retry(delay):
        def output(event):
            with request_scope("000000000000", "us-east-1"):
                checkpoint(event["CheckpointToken"], Id="s", Type="STEP", Action="RETRY",
                           StepOptions={"NextAttemptDelaySeconds": delay})
            return failed
        return output
    outputs += [retry(600), retry(0), done]
    invoke()
    steps = [event["InitialExecutionState"]["Operations"][1:] for event in events]
    print(json.dumps([[s["Status"], s["StepDetails"]["Attempt"]] for [s] in steps[1:]]))
    """)
    assert steps == [["PENDING", 1], ["READY", 2]]


def test_name_is_of_one_execution_with_one_input():
    first, second, other = run("""
    outputs += [done]
    named = {"x_amz_durable_execution_name": "october"}
    first, second = (invoke(**named)[1]["X-Amz-Durable-Execution-Arn"] for _ in range(2))
    state(first)["InputPayload"] = "{}"
    print(json.dumps([first, second, invoke(**named)[2]["__type"]]))
    """)
    assert first == second
    assert other == "DurableExecutionAlreadyStartedException"


def test_event_of_another_service_starts_an_execution():
    payloads = run("""
    outputs += [done]
    with request_scope("000000000000", "us-east-1"):
        lambda_svc.invoke_async_with_retry(lambda_svc._functions["f"], {"source": "s3"})
    deadline = time.monotonic() + 60
    while not events and time.monotonic() < deadline:
        time.sleep(0.01)
    [started] = events[0]["InitialExecutionState"]["Operations"]
    print(json.dumps(started["ExecutionDetails"]))
    """)
    assert payloads == {"InputPayload": '{"source": "s3"}'}


def test_execution_continues_with_the_version_that_it_began_with():
    versions = run("""
    def newer(event):
        function["aliases"]["live"]["FunctionVersion"] = "2"
        return failed
    function = lambda_svc._functions["f"]
    for number in ("1", "2"):
        function["versions"][number] = {"config": function["config"] | {"Version": number}}
    function["aliases"]["live"] = {"FunctionVersion": "1"}
    ran, execute = [], lambda_svc._execute_function
    def record(function, event):
        ran.append(function["config"]["Version"])
        return execute(function, event)
    lambda_svc._execute_function = record
    outputs += [newer, done]
    with request_scope("000000000000", "us-east-1"):
        asyncio.run(lambda_svc._invoke("f", {}, {}, "live"))
    print(json.dumps(ran))
    """)
    assert versions == ["1", "1"]


def test_dry_run_starts_no_execution():
    status, executions = run("""
    status, _, _ = invoke(x_amz_invocation_type="DryRun")
    with request_scope("000000000000", "us-east-1"):
        print(json.dumps([status, len(lambda_durable._executions)]))
    """)
    assert (status, executions) == (204, 0)
