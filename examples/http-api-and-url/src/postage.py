"""Answers `GET /postage/{country}?grams=…`, for an HTTP API and for a function URL."""

from decimal import Decimal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

EUROS_PER_50_GRAMS = {"AT": Decimal("0.95"), "FR": Decimal("1.40"), "JP": Decimal("2.10")}
MAXIMUM_GRAMS = 2000

logger = Logger()
# A function URL sends the event of an HTTP API (format 2.0), with routeKey "$default".
app = APIGatewayHttpResolver()


@app.get("/postage/<country>")
def get_postage(country: str) -> dict[str, str]:
    """The price of a letter: its country's price for each started 50 grams."""
    if country not in EUROS_PER_50_GRAMS:
        raise NotFoundError(f"no letters to {country!r}: {', '.join(EUROS_PER_50_GRAMS)}")
    grams = app.current_event.query_string_parameters.get("grams", "")
    if not (grams.isascii() and grams.isdigit() and 0 < int(grams) <= MAXIMUM_GRAMS):
        raise BadRequestError(f"grams: expected 1 to {MAXIMUM_GRAMS}, got {grams!r}")
    return {"euros": str(EUROS_PER_50_GRAMS[country] * -(-int(grams) // 50))}


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event: dict[str, object], context: LambdaContext) -> dict[str, object]:
    """Answer one request, whichever of the two addresses it came to."""
    answer = app.resolve(event, context)
    logger.info("answered", route=app.current_event.route_key, status=answer["statusCode"])
    return answer
