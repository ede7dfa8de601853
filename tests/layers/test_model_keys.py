"""Foreign keys given as text escape import-linter; here they are held to the same order."""

from __future__ import annotations

import tomllib

import pytest
from django.apps import apps
from django.db.models import Field, Model

from apim.up.options import ROOT


def layer_order() -> list[str]:
    """Django apps from the highest layer to the lowest, as the import contract has them; siblings share a place."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["name"] == "Who imports what")
    return [layer.replace("|", " ") for layer in layers]


def place_of(model: type[Model]) -> int | None:
    """The layer of the model's app; None for apps of others, which everybody may point at."""
    name = apps.get_app_config(model._meta.app_label).name
    for place, layer in enumerate(layer_order()):
        if name in layer.split():
            return place
    return None


OURS = [
    model
    for model in apps.get_models(include_auto_created=True)
    if model.__module__.startswith(("apim", "portal", "gateway_sync"))
]
KEYS = [
    (model, field)
    for model in OURS
    for field in model._meta.get_fields()
    if isinstance(field, Field) and field.is_relation
]


def test_there_are_keys_to_check() -> None:
    assert len(KEYS) > 20


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_model_has_a_layer(model: type[Model]) -> None:
    assert place_of(model) is not None


@pytest.mark.parametrize(("model", "field"), KEYS, ids=lambda value: getattr(value, "name", None) or value._meta.label)
def test_keys_point_down(model: type[Model], field: Field) -> None:
    target = place_of(field.related_model)
    if target is not None:
        assert place_of(model) <= target, (
            f"{model._meta.label}.{field.name} points up to {field.related_model._meta.label}"
        )
