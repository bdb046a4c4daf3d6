"""Runs ministack until its owner ends; localcloud/cloud.py starts it in ministack's environment.

Standard input is a pipe that the owner holds open and never writes to. When the owner ends, also
when it is killed, the pipe closes and the cloud ends too. The only argument is the interpreter of
functions, which has the packages of Lambda's runtime and no others.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

_END_SECONDS = 5
"""How long requests under way may still take after the owner has ended."""


def _end_with_owner() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)
    # The server waits for requests under way, also for one whose client never sends the rest. The
    # keeper ends the execution environments.
    time.sleep(_END_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    sys.path[0] = str(Path(__file__).parents[2])
    from localcloud.ministack import reentrant_threads  # noqa: PLC0415 - on the path only now

    reentrant_threads.install()  # first: ministack's services import what it replaces
    from ministack.app import main as serve  # noqa: PLC0415 - not in the development environment

    from localcloud.ministack import (  # noqa: PLC0415 - its folder is on the path only now
        alarms,
        api_deployments,
        cloudwatch,
        decisions,
        deployments,
        durable_executions,
        durable_permissions,
        executions,
        functions,
        http_apis,
        load_balancers,
        message_moves,
        own_requests,
        parameter_names,
        queue_actions,
        rest_apis,
        rule_targets,
        scheduler,
        secret_arns,
        secure_transport,
        sequence_numbers,
        set_back_clock,
        shard_iterators,
        state_machines,
        stream_mappings,
        subscriptions,
        time_to_live,
        topic_rules,
        topics,
        user_pools,
    )

    alarms.install()
    api_deployments.install()
    functions.install()
    http_apis.install()
    load_balancers.install()
    rest_apis.install()
    environments = None
    if sys.platform == "linux":
        environments = executions.install(Path(sys.argv[1]))
        durable_executions.install()
        cloudwatch.install(environments.running)
        own_requests.install(
            {
                own_requests.SAVED_CODE: environments.use_saved_code,
                own_requests.DEBUGGER: environments.use_debugger,
            }
        )
    else:
        print(
            f"Functions run in ministack's workers: awslambdaric has no wheels for {sys.platform}."
        )
        cloudwatch.install(executions.running_in_workers)
    durable_permissions.install()
    deployments.install()  # after executions: it wraps asynchronous invocations
    message_moves.install()
    parameter_names.install()
    queue_actions.install()
    rule_targets.install()
    scheduler.install()
    secret_arns.install()
    secure_transport.install()
    sequence_numbers.install()
    set_back_clock.install()
    shard_iterators.install()
    state_machines.install()
    stream_mappings.install()
    subscriptions.install()
    time_to_live.install()
    topic_rules.install()
    topics.install()
    user_pools.install()
    if file := os.environ.get(decisions.SETTING):
        decisions.install(Path(file))
    sys.executable = sys.argv.pop(1)  # ministack's own executors start it
    threading.Thread(target=_end_with_owner, daemon=True).start()
    try:
        serve()
    finally:
        if environments is not None:
            environments.close()


if __name__ == "__main__":
    main()
