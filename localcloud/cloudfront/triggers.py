"""The events that Lambda@Edge functions get."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from localcloud.cloudfront.behaviours import Distribution, Origin, Trigger
from localcloud.cloudfront.messages import Headers, Request, Response, without

HIDDEN: Final = re.compile(
    r"connection|expect|keep-alive|proxy-(authenticate|authorization|connection)|trailer|upgrade"
    r"|x-accel-(buffering|charset|limit-rate|redirect)|x-amz-cf-.*|x-cache|x-edge-.*"
    r"|x-amzn-(auth|cf-billing|cf-id|cf-xff|errortype|fle-profile|header-count|header-order"
    r"|lambda-integration-tag|requestid)|x-forwarded-proto|x-real-ip"
)


def edge_event(
    trigger: Trigger,
    distribution: Distribution,
    request: Request,
    request_id: str,
    *,
    origin: Origin | None = None,
    response: Response | None = None,
) -> dict[str, Any]:
    """What the function gets.

    With `origin`, `request` is what is sent to the origin. Without it, `request` is the viewer's.
    """
    config = {
        "distributionDomainName": distribution.domain,
        "distributionId": distribution.id,
        "eventType": trigger.value,
        "requestId": request_id,
    }
    cf: dict[str, Any] = {"config": config, "request": _request(request, origin)}
    if response:
        cf["response"] = {
            "headers": _exposed(response.headers),
            "status": str(response.status),
            "statusDescription": _phrase(response.status),
        }
    return {"Records": [{"cf": cf}]}


def _request(request: Request, origin: Origin | None) -> dict[str, Any]:
    cf_request = {
        "clientIp": request.client_ip,
        "headers": _exposed(request.headers),
        "method": request.method,
        "querystring": request.query,
        "uri": request.path,
    }
    if origin is None:
        return cf_request
    custom = {name.lower() for name, _ in origin.custom_headers}
    return {
        **cf_request,
        "headers": _exposed(without(request.headers, custom)),
        "origin": {"s3": _bucket(origin)} if origin.bucket else {"custom": _api(origin)},
        "uri": request.path.removeprefix(origin.path),
    }


def _bucket(origin: Origin) -> dict[str, Any]:
    return {
        "authMethod": "none",  # AWS documents values for origin access identities only
        "customHeaders": _listed(origin.custom_headers),
        "domainName": origin.domain,
        "path": origin.path,
        "region": origin.region,
    }


def _api(origin: Origin) -> dict[str, Any]:
    return {
        "customHeaders": _listed(origin.custom_headers),
        "domainName": origin.domain,
        "keepaliveTimeout": origin.settings.get("OriginKeepaliveTimeout", 5),
        "path": origin.path,
        "port": origin.settings.get("HTTPSPort", 443),
        "protocol": "https",
        "readTimeout": origin.settings.get("OriginReadTimeout", 30),
        "sslProtocols": origin.settings.get("OriginSslProtocols", {}).get("Items", []),
    }


def _exposed(headers: Headers) -> dict[str, list[dict[str, str]]]:
    return _listed((name, value) for name, value in headers if not HIDDEN.fullmatch(name.lower()))


def _listed(headers: Iterable[tuple[str, str]]) -> dict[str, list[dict[str, str]]]:
    by_name: dict[str, list[dict[str, str]]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append({"key": _capitalised(name), "value": value})
    return by_name


def _capitalised(name: str) -> str:
    """A header's name as in CloudFront's events; the HTTP server passes it in lower case."""
    return name.title() if name.islower() else name


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
