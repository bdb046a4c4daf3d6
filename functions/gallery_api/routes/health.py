"""`/health`: which version answers, and in which region; it reads no table."""

from aws_lambda_powertools.event_handler.router import APIGatewayRouter

from gallery_api.models import Health
from gallery_api.resources import resources_of

router = APIGatewayRouter()


@router.get("/health")
def get_health() -> Health:
    """Say that the function runs."""
    return Health(
        status="ok",
        version=router.lambda_context.function_version,
        region=resources_of(router).region,
    )
