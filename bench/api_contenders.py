"""FastAPI on Mangum and Powertools with its own validation, as their documentation shows.

Both read the same item as the API, answer the same photo, and write a log line by the same logger.
"""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import fastapi
import mangum
from api_requests import ITEM, PAGE_SIZE, PHOTO, ROWS
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.logging.correlation_paths import API_GATEWAY_REST
from pydantic import BaseModel, ConfigDict, Field

from gallery_api.handler import logger
from gallery_api.models import ContentType
from shared.dynamodb import from_item, to_item
from shared.photos import MAX_UPLOAD_BYTES


class AnsweringClient:
    """A client of AWS whose calls answer at once, as far as the routes read the answers."""

    def __init__(self) -> None:
        self.exceptions = SimpleNamespace(ConditionalCheckFailedException=LookupError)

    def get_item(self, **_: object) -> dict[str, Any]:
        return {"Item": ITEM}

    def query(self, **_: object) -> dict[str, Any]:
        return {"Items": ROWS}

    def put_item(self, **_: object) -> dict[str, Any]:
        return {}

    def generate_presigned_url(self, *_: object, **__: object) -> str:
        return "https://uploads.s3.eu-central-1.amazonaws.com/uploads/019aa1a0?X-Amz-Signature=0123"


class NewPhotoModel(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
    content_type: ContentType
    bytes: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES)]


class RenditionModel(BaseModel):
    path: str
    width: int
    height: int
    bytes: int


class PhotoModel(BaseModel):
    photo_id: str
    status: Literal["PENDING", "READY", "FAILED"]
    error: str | None = None
    title: str
    content_type: str
    bytes: int
    width: int | None = None
    height: int | None = None
    color: str | None = None
    renditions: dict[str, RenditionModel] = {}
    created_at: str
    uploaded_at: str | None = None
    ready_at: str | None = None
    replicated_at: str | None = None
    version: int


class PageModel(BaseModel):
    photos: list[PhotoModel]
    cursor: str | None


class CreatedModel(BaseModel):
    photo: PhotoModel
    upload: dict[str, str]


client = AnsweringClient()


def as_model(item: dict[str, Any]) -> PhotoModel:
    values = from_item(item, dict)
    for rendition in values.get("renditions", {}).values():
        rendition["path"] = f"/{rendition['key']}"
    return PhotoModel.model_validate(values)


def read() -> PhotoModel:
    return as_model(client.get_item()["Item"])


def read_page() -> PageModel:
    return PageModel(
        photos=[as_model(item) for item in client.query()["Items"][:PAGE_SIZE]], cursor="x"
    )


def create(new: NewPhotoModel) -> CreatedModel:
    photo = PhotoModel(
        photo_id=PHOTO.photo_id,
        status="PENDING",
        created_at=PHOTO.created_at,
        version=1,
        **new.model_dump(),
    )
    client.put_item(Item=to_item(photo.model_dump(exclude_none=True)))
    return CreatedModel(photo=photo, upload={"url": client.generate_presigned_url()})


fast = fastapi.FastAPI()


@fast.get("/photos/{photo_id}")
async def fast_get(photo_id: str) -> PhotoModel:
    logger.append_keys(photo_id=photo_id)
    return read()


@fast.get("/photos")
async def fast_list() -> PageModel:
    return read_page()


@fast.post("/photos", status_code=201)
async def fast_create(new: NewPhotoModel) -> CreatedModel:
    return create(new)


powertools = APIGatewayRestResolver(enable_validation=True)


@powertools.get("/photos/<photo_id>")
def powertools_get(photo_id: str) -> PhotoModel:
    logger.append_keys(photo_id=photo_id)
    return read()


@powertools.get("/photos")
def powertools_list() -> PageModel:
    return read_page()


@powertools.post("/photos")
def powertools_create(new: NewPhotoModel) -> CreatedModel:
    return create(new)


def logged(answer: Callable[[dict[str, Any], Any], dict[str, Any]]) -> Callable[..., Any]:
    """A handler that writes the log line of the API."""

    @logger.inject_lambda_context(correlation_id_path=API_GATEWAY_REST, clear_state=True)
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        answered = answer(event, context)
        logger.info(
            "request_answered",
            method=event["httpMethod"],
            path=event["path"],
            status=answered["statusCode"],
            viewer_address="192.0.2.1",
        )
        return answered

    return handler


asyncio.set_event_loop(asyncio.new_event_loop())  # Mangum expects one
FASTAPI = logged(mangum.Mangum(fast, lifespan="off"))
POWERTOOLS = logged(powertools.resolve)
