"""Making environments: a further place to run, beside the default one."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment
from apim.gateways.services import touch


@transaction.atomic
def create_environment(*, name: str, by: Actor, display_name: str = "") -> Environment:
    """A new environment, empty and without a gateway. Errors: Conflict gateways.name_taken; Invalid."""
    if Environment.objects.filter(name=name).exists():
        raise Conflict(
            "gateways.name_taken", gettext("There is an environment %(name)s already.") % {"name": name}, field="name"
        )
    environment = Environment(name=name, display_name=display_name)
    others = {field.name for field in Environment._meta.fields} - {"name", "display_name"}  # noqa: SLF001 - documented
    try:
        environment.clean_fields(exclude=others)
    except ValidationError as error:
        field, texts = next(iter(error.message_dict.items()))
        raise Invalid("gateways.invalid_value", texts[0], field=field) from error
    environment.save()
    record(by=by, action="environment.create", target=environment, after=state_of(environment))
    touch([environment.pk])
    return environment
