"""The API: answers a request with the answer of its route, or with a problem."""

import os
import random
from http import HTTPStatus
from typing import Any

import msgspec
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.typing import LambdaContext

from gallery_api.cached_answers import with_etag
from gallery_api.function_url import as_rest_request, as_url_answer, is_from_function_url
from gallery_api.problems import as_problem
from gallery_api.resources import make_resources
from gallery_api.routes import feed, health, photos, views
from gallery_api.viewers import viewer_address
from shared.events import check_event
from shared.security_headers import api_headers

# On every answer, errors too. Only the answers that are the same for everybody have a Cache-Control
# of their own.
_HEADERS = {name: [text] for name, text in (api_headers() | {"Cache-Control": "no-store"}).items()}


class _Identity(msgspec.Struct, rename="camel"):
    source_ip: str


class _RequestContext(msgspec.Struct, rename="camel"):
    request_id: str
    identity: _Identity


class _Request(msgspec.Struct, rename="camel"):
    http_method: str
    path: str
    request_context: _RequestContext


resources = make_resources(os.environ)
logger = resources.logger
app = APIGatewayRestResolver(serializer=lambda body: msgspec.json.encode(body).decode())
app.include_router(feed.router)
app.include_router(health.router)
app.include_router(photos.router)
app.include_router(views.router)


def _refuse_line_break(
    app: APIGatewayRestResolver, next_middleware: NextMiddleware
) -> Response[Any]:
    """Answer 404 to a path that ends with a line break.

    The patterns of Powertools end with `$`, which also matches before a line break at the end.
    """
    if app.current_event.path.endswith("\n"):
        raise NotFoundError
    return next_middleware(app)


app.use([_refuse_line_break])


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]
def _answer_problem(error: Exception) -> Response[str]:
    problem = as_problem(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.exception("request_failed")
        # By version: CodeDeploy judges a release by the errors of its own version.
        with single_metric("ServerErrors", MetricUnit.Count, 1) as metric:
            metric.add_dimension("version", app.lambda_context.function_version)
    else:
        logger.info("request_rejected", status=problem.status, detail=problem.detail)
    return problem.response(app.lambda_context.aws_request_id)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request, of a REST API or of the function URL of the views.

    Raises:
        UnexpectedEventError: the event is neither of them.
    """
    if is_from_function_url(event):
        return as_url_answer(_answer(as_rest_request(event), context))
    check_event("gallery_api", "requests of a REST API of API Gateway", event, _Request)
    return _answer(event, context)


def _answer(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    logger.set_correlation_id(event["requestContext"]["requestId"])
    app.append_context(**resources.as_context())
    answer = app.resolve(event, context)
    answer["multiValueHeaders"] = _HEADERS | answer["multiValueHeaders"]
    answer = with_etag(answer, event.get("headers"))
    if _is_logged(event["httpMethod"], event["path"], answer["statusCode"]):
        logger.info(
            "request_answered",
            method=event["httpMethod"],
            path=event["path"],
            status=answer["statusCode"],
            viewer_address=viewer_address(
                event, behind_cloudfront=resources.settings.api_callers == "cloudfront"
            ),
        )
    return answer


def _is_logged(method: str, path: str, status: int) -> bool:
    """Whether to log a request: every change, every error, and a fraction of reads and views."""
    is_frequent = method == "GET" or path.endswith("/views")
    if not is_frequent or status >= HTTPStatus.BAD_REQUEST:
        return True
    return random.random() < resources.settings.logged_fraction  # noqa: S311
