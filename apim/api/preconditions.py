"""ETags of objects and the `If-Match` that guards their change."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from apim.api.conventions import API_PATH
from apim.api.problems import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import Model
    from rest_framework import serializers

    from apim.api.request import APIRequest

# They change without anyone's edit, so an editor need not read the object again because of them.
VOLATILE: Final = frozenset(
    {
        "last_used_at",
        "seen_at",
        "workers",
        "deployments",
        "revision",
        "published_revision",
        "access_seq",
        "published_access_seq",
        "is_waiting_to_publish",
        "published_at",
        "standing",
        "promised",
    }
)


def etag_of(representation: Mapping[str, Any]) -> str:
    """The strong ETag of an object as the API shows it, without what changes by itself."""
    stable = {name: value for name, value in representation.items() if name not in VOLATILE}
    text = json.dumps(stable, cls=JSONEncoder, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def answer(
    request: APIRequest,
    instance: Any,
    shape: type[serializers.BaseSerializer[Any]],
    **once: str,
) -> Response:
    """The object as shape shows it, with its ETag; `once` are secrets that shape shows this one time."""
    body = shape(instance, context={"request": request, **once}).data
    return Response(body, headers={"ETag": etag_of(body)})


def answer_created(
    request: APIRequest,
    instance: Any,
    shape: type[serializers.BaseSerializer[Any]],
    at: str,
    **once: str,
) -> Response:
    """201 with the new object, its ETag and its place: `at` is the resource's plural noun."""
    response = answer(request, instance, shape, **once)
    response.status_code = HTTPStatus.CREATED
    response["Location"] = f"{API_PATH}/{at}/{response.data['id']}"
    return response


def check_match(request: APIRequest, instance: Any, shape: type[serializers.BaseSerializer[Any]]) -> None:
    """Raise 412 when `If-Match` names another state than instance's; 428 when a PUT comes without it."""
    wanted = request.headers.get("If-Match", "")
    if not wanted:
        if request.method == "PUT":
            raise RequestError(
                HTTPStatus.PRECONDITION_REQUIRED,
                "request.precondition_required",
                "PUT replaces the whole object and needs If-Match.",
                hint="Send the ETag of the last GET.",
            )
        return
    current = etag_of(shape(instance, context={"request": request}).data)
    if wanted.strip() != "*" and current not in {each.strip() for each in wanted.split(",")}:
        raise RequestError(
            HTTPStatus.PRECONDITION_FAILED,
            "request.precondition_failed",
            "The object changed since you read it.",
            hint="Read it again, then repeat the change.",
        )


def lock(instance: Model) -> None:
    """Hold instance's row until the transaction ends, so that nobody changes it between check and write."""
    manager = type(instance)._base_manager  # noqa: SLF001 - the unfiltered manager is public by documentation
    # Without the model's order, which may join tables whose rows need not be there: these cannot be held.
    manager.select_for_update().filter(pk=instance.pk).order_by().values_list("pk").first()
    instance.refresh_from_db()
