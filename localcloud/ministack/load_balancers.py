"""Functions as targets of load balancers; runs inside ministack's process.

ministack ignores the targets of a template. For a target group with multi-value headers, it sends
the other fields too, and decodes the query. It shows the caller the error of a function.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from contextvars import ContextVar
from typing import Any, Final

from localcloud.ministack.stack_resources import Properties, extend

_BAD_GATEWAY: Final = b"""<html>\r
<head><title>502 Bad Gateway</title></head>\r
<body>\r
<center><h1>502 Bad Gateway</h1></center>\r
</body>\r
</html>\r
"""

type Event = dict[str, Any]
type Answer = tuple[int, dict[str, Any], bytes]


def install() -> None:
    """Register the targets of a template; send events and hide errors as a load balancer does."""
    from ministack.services import alb, lambda_svc  # noqa: PLC0415

    def register(arn: str, properties: Properties) -> None:
        alb._targets[arn] = [dict(each) for each in properties.get("Targets", [])]  # noqa: SLF001

    extend("AWS::ElasticLoadBalancingV2::TargetGroup", register)
    invoke = alb._invoke_lambda_target  # noqa: SLF001
    execute = lambda_svc._execute_function_with_config_scope  # noqa: SLF001
    raw_query: ContextVar[str | None] = ContextVar("raw_query", default=None)

    async def invoke_as_target(*request: Any) -> Any:
        token = raw_query.set(request[-1])
        try:
            return answer_to_caller(await invoke(*request))
        finally:
            raw_query.reset(token)

    def execute_as_target(function: Any, event: Any) -> Any:
        query = raw_query.get()
        return execute(function, event if query is None else event_of_target(event, query))

    alb._invoke_lambda_target = invoke_as_target  # noqa: SLF001
    lambda_svc._execute_function_with_config_scope = execute_as_target  # noqa: SLF001


def answer_to_caller(answer: Answer) -> Answer:
    """The answer of the function, or of the load balancer without the function's error."""
    status, _, body = answer
    if status == 502 and body.startswith(b'{"message": "Lambda '):  # ministack's, not a function's
        return status, {"Content-Type": "text/html"}, _BAD_GATEWAY
    return answer


def event_of_target(event: Event, query: str) -> Event:
    """Either single or multiple values, never both, and the query as it is in the URL."""
    if "multiValueHeaders" not in event:
        return event
    multiple: dict[str, list[str]] = {}
    for parameter in filter(None, query.split("&")):
        name, _, value = parameter.partition("=")
        multiple.setdefault(name, []).append(value)
    single = ("headers", "queryStringParameters")
    kept = {name: value for name, value in event.items() if name not in single}
    return kept | {"multiValueQueryStringParameters": multiple}
