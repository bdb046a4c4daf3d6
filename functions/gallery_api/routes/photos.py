"""/photos: create one, look at one, and delete one."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import chain

import msgspec
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayRouter
from aws_lambda_powertools.metrics import MetricUnit

from gallery_api.bodies import decode_body
from gallery_api.claims import signed_in
from gallery_api.deletion import bury, remove_objects, remove_views
from gallery_api.environment import STEP_MS, answers, dynamodb, logger, metrics, s3, settings
from gallery_api.idempotency import answer_once
from gallery_api.models import CreatedPhoto, NewPhoto, PublicPhoto, Upload, public_photo
from gallery_api.problems import ProblemError, no_such_photo
from shared.dynamodb import from_item, to_item
from shared.photo_ids import is_photo_id, new_photo_id
from shared.photos import MAX_UPLOAD_BYTES, Photo, Status, upload_key
from shared.timestamps import iso_milliseconds

UPLOAD_LIFETIME = timedelta(minutes=15)

router = APIGatewayRouter()


@router.post("/photos")
def create_photo() -> Response[CreatedPhoto]:
    """Record a photo that is to come, and give out the form to upload it with."""
    event = router.current_event
    owner = signed_in(event)
    new = decode_body(event, NewPhoto)
    if (key := event.headers.get("Idempotency-Key")) is None:
        created = _create(new, owner)
    else:
        keyed = {"key": key, "request": msgspec.to_builtins(new)}
        context = router.lambda_context
        answer = answer_once(
            answers, context, owner, keyed, lambda: msgspec.to_builtins(_create(new, owner))
        )
        created = msgspec.convert(answer, CreatedPhoto)
    logger.append_keys(photo_id=created.photo.photo_id)
    path = event.request_context.path  # with the stage, as the caller knows it
    return Response(
        status_code=HTTPStatus.CREATED,
        content_type="application/json",
        headers={"Location": f"{path.rstrip('/')}/{created.photo.photo_id}"},
        body=created,
    )


@router.get("/photos/<photo_id>")
def get_photo(photo_id: str) -> PublicPhoto:
    """One photo in any status but DELETED, for anyone who has its id."""
    if is_photo_id(photo_id):
        logger.append_keys(photo_id=photo_id)
        # Consistent: the Location of a 201 must not answer 404, nor a deleted photo linger.
        key = to_item({"photo_id": photo_id})
        found = dynamodb.get_item(TableName=settings.photos_table, Key=key, ConsistentRead=True)
        if (item := found.get("Item")) and (
            photo := from_item(item, Photo)
        ).status is not Status.DELETED:
            return public_photo(photo)
    raise no_such_photo()


@router.delete("/photos/<photo_id>")
def delete_photo(photo_id: str) -> Response[str]:
    """Delete one's own photo and all that belongs to it; after a 503, the same request goes on."""
    owner = signed_in(router.current_event)
    if not is_photo_id(photo_id):
        raise no_such_photo()
    logger.append_keys(photo_id=photo_id)
    by = router.current_event.request_context.request_id
    found = bury(dynamodb, settings.photos_table, photo_id, owner, datetime.now(UTC), by=by)
    if found is None or (found.status is Status.DELETED and found.owner != owner):
        raise no_such_photo()
    if found.owner != owner:
        raise ProblemError(HTTPStatus.FORBIDDEN, "Only its owner can delete a photo.")
    objects = remove_objects(s3, settings.uploads_bucket, settings.media_bucket, photo_id)
    for _ in chain(objects, remove_views(dynamodb, settings.views_table, photo_id)):
        if router.lambda_context.get_remaining_time_in_millis() < STEP_MS:
            raise TimeoutError("too little time is left for another step")
    return Response(status_code=HTTPStatus.NO_CONTENT, body="")


def _create(new: NewPhoto, owner: str) -> CreatedPhoto:
    now = datetime.now(UTC)
    photo = Photo(
        photo_id=new_photo_id(now),
        version=1,
        status=Status.PENDING,
        owner=owner,
        title=new.title,
        content_type=new.content_type,
        bytes=new.bytes,
        created_at=iso_milliseconds(now),
        correlation_id=router.current_event.request_context.request_id,
    )
    logger.append_keys(photo_id=photo.photo_id)
    # The record first: an upload without one would be nobody's.
    _put(photo)
    created = CreatedPhoto(photo=public_photo(photo), upload=_sign_upload(photo, now))
    metrics.add_metric("PhotosCreated", MetricUnit.Count, 1)
    metrics.flush_metrics()  # here, because Powertools' decorator warns when nothing was counted
    return created


def _put(photo: Photo) -> None:
    item = to_item(photo)
    try:
        dynamodb.put_item(
            TableName=settings.photos_table,
            Item=item,
            ConditionExpression="attribute_not_exists(photo_id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        # boto3 tries again when an answer is lost, and then finds what its first try wrote.
        if error.response.get("Item") != item:
            raise


def _sign_upload(photo: Photo, now: datetime) -> Upload:
    post = s3.generate_presigned_post(
        Bucket=settings.uploads_bucket,
        Key=upload_key(photo.photo_id),
        Fields={"Content-Type": photo.content_type},
        # The maximum, not the size announced: S3 refuses in XML that no person reads, while a file
        # that merely differs from its announcement is as good as any.
        Conditions=[
            {"Content-Type": photo.content_type},
            ["content-length-range", 1, MAX_UPLOAD_BYTES],
        ],
        ExpiresIn=UPLOAD_LIFETIME // timedelta(seconds=1),
    )
    return Upload(
        url=post["url"],
        fields=dict(sorted(post["fields"].items())),  # as in an answer that is repeated
        expires_at=iso_milliseconds(now.replace(microsecond=0) + UPLOAD_LIFETIME),  # as S3 counts
    )
