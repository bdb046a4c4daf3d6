"""`/photos`: create, get and delete a photo.

Each route is also an event of `GalleryApiFunction` in template.yaml.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import chain
from typing import Any

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.metrics import MetricUnit

from gallery_api.bodies import decode_body
from gallery_api.cached_answers import cached
from gallery_api.claims import signed_in
from gallery_api.deletion import mark_deleted, remove_objects, remove_views
from gallery_api.idempotency import answer_once
from gallery_api.models import CreatedPhoto, NewPhoto, PublicPhoto, Upload, public_photo
from gallery_api.problems import ProblemError, no_such_photo
from gallery_api.resources import Resources, resources_of
from shared.deadlines import Deadline
from shared.dynamodb import from_item, to_item
from shared.photo_ids import is_photo_id, new_photo_id
from shared.photos import Photo, Status, upload_key
from shared.timestamps import iso_milliseconds

UPLOAD_LIFETIME = timedelta(minutes=15)
DELETION_RESERVE_SECONDS = 14.0  # a step makes at most two calls, of 7 s each

router = APIGatewayRouter()


@router.post("/photos")
def create_photo() -> Response[CreatedPhoto]:
    """Create a PENDING photo, and sign the request to upload it with."""
    resources = resources_of(router)
    event = router.current_event
    owner = signed_in(event)
    new = decode_body(event, NewPhoto)
    key = event.headers.get("Idempotency-Key")
    if key is None:
        created = _create(resources, new, owner, new_photo_id(resources.clock()))
    else:
        keyed = {"key": key, "request": msgspec.to_builtins(new)}
        context = router.lambda_context
        answer = answer_once(
            resources.answers,
            context,
            owner,
            keyed,
            lambda photo_id: msgspec.to_builtins(_create(resources, new, owner, photo_id)),
        )
        try:
            created = msgspec.convert(answer, CreatedPhoto)
        except msgspec.ValidationError:  # an earlier release presigned a POST, not a PUT
            created = _create(resources, new, owner, answer["photo"]["photo_id"])
    resources.logger.append_keys(photo_id=created.photo.photo_id)
    path = event.request_context.path  # with the stage, as in the caller's URL
    return Response(
        status_code=HTTPStatus.CREATED,
        content_type="application/json",
        headers={"Location": f"{path.rstrip('/')}/{created.photo.photo_id}"},
        body=created,
    )


@router.get("/photos/<photo_id>")
def get_photo(photo_id: str) -> Response[PublicPhoto]:
    """One photo in any status but DELETED, for anyone who has its id.

    Only READY photos are cached. While a photo is PENDING, its owner waits for the change.
    """
    resources = resources_of(router)
    if not is_photo_id(photo_id):
        raise no_such_photo()
    resources.logger.append_keys(photo_id=photo_id)
    # The read is consistent: a photo is found as soon as its 201 is sent, and a deletion is seen at
    # once.
    found = resources.dynamodb.get_item(
        TableName=resources.settings.photos_table,
        Key=to_item({"photo_id": photo_id}),
        ConsistentRead=True,
    )
    if "Item" not in found:
        raise no_such_photo()
    photo = from_item(found["Item"], Photo)
    if photo.status is Status.DELETED:
        raise no_such_photo()
    if photo.status is Status.READY:
        return cached(public_photo(photo))
    return Response(
        status_code=HTTPStatus.OK, content_type="application/json", body=public_photo(photo)
    )


@router.delete("/photos/<photo_id>")
def delete_photo(photo_id: str) -> Response[str]:
    """Delete the caller's photo and all that belongs to it; after a 503, repeat the request."""
    resources = resources_of(router)
    settings = resources.settings
    owner = signed_in(router.current_event)
    if not is_photo_id(photo_id):
        raise no_such_photo()
    resources.logger.append_keys(photo_id=photo_id)
    by = router.current_event.request_context.request_id
    now = resources.clock()
    found = mark_deleted(resources.dynamodb, settings.photos_table, photo_id, owner, now, by=by)
    if found is None or (found.status is Status.DELETED and found.owner != owner):
        raise no_such_photo()
    if found.owner != owner:
        raise ProblemError(HTTPStatus.FORBIDDEN, "Only its owner can delete a photo.")
    deadline = Deadline(
        router.lambda_context.get_remaining_time_in_millis, DELETION_RESERVE_SECONDS
    )
    objects = remove_objects(resources.s3, settings.uploads_bucket, settings.media_bucket, photo_id)
    views = remove_views(resources.dynamodb, settings.views_table, photo_id, now)
    for _ in chain(objects, views):
        deadline.check()
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


def _create(resources: Resources, new: NewPhoto, owner: str, photo_id: str) -> CreatedPhoto:
    """Create the photo, or find the one that an earlier attempt has created with this id."""
    now = resources.clock()
    wanted = Photo(
        photo_id=photo_id,
        version=1,
        status=Status.PENDING,
        owner=owner,
        title=new.title,
        content_type=new.content_type,
        bytes=new.bytes,
        created_at=iso_milliseconds(now),
        correlation_id=router.current_event.request_context.request_id,
    )
    resources.logger.append_keys(photo_id=photo_id)
    # The record first: an upload without a record would have no owner.
    photo = _put(resources, wanted)
    if photo.status is Status.DELETED:  # its owner deleted it after the earlier attempt
        wanted = msgspec.structs.replace(wanted, photo_id=new_photo_id(now))
        photo = _put(resources, wanted)
    created = CreatedPhoto(photo=public_photo(photo), upload=_sign_upload(resources, photo, now))
    if photo == wanted:
        resources.metrics.add_metric("PhotosCreated", MetricUnit.Count, 1)
        # Not by the decorator, which warns if there are no metrics.
        resources.metrics.flush_metrics()
    return created


def _put(resources: Resources, photo: Photo) -> Photo:
    """The photo as it is stored.

    Raises:
        ClientError: the id is another owner's.
    """
    try:
        resources.dynamodb.put_item(
            TableName=resources.settings.photos_table,
            Item=to_item(photo),
            ConditionExpression="attribute_not_exists(photo_id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except resources.dynamodb.exceptions.ConditionalCheckFailedException as error:
        # botocore repeats a put whose answer was lost, and finds the item of its first attempt.
        item: Any = error.response.get("Item")
        stored = from_item(item, Photo)
        if stored.owner != photo.owner:
            raise
        return stored
    return photo


def _sign_upload(resources: Resources, photo: Photo, now: datetime) -> Upload:
    # The signature covers these headers, so S3 refuses a request that lacks any of them.
    url = resources.s3.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": resources.settings.uploads_bucket,
            "Key": upload_key(photo.photo_id),
            "ContentType": photo.content_type,
            "ContentLength": photo.bytes,
            "IfNoneMatch": "*",
        },
        ExpiresIn=UPLOAD_LIFETIME // timedelta(seconds=1),
    )
    return Upload(
        method="PUT",
        url=url,
        # No Content-Length: browsers set it themselves, and allow no script to do so.
        headers={"Content-Type": photo.content_type, "If-None-Match": "*"},
        # S3 counts from the whole second.
        expires_at=iso_milliseconds(now.replace(microsecond=0) + UPLOAD_LIFETIME),
    )
