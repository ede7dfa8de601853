"""What the last publications said is wrong, for the page of the object that caused it."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import F, OuterRef, Subquery
from django.urls import reverse

from apim.catalog.models import API, APIVersion
from gateway_sync.delivery.models import Publication


def latest_publications() -> list[Publication]:
    """The last publication of each environment, without its manifest."""
    newest = Publication.objects.filter(environment=OuterRef("environment")).order_by("-revision")
    latest = Publication.objects.annotate(newest=Subquery(newest.values("revision")[:1])).filter(revision=F("newest"))
    return list(latest.select_related("environment").defer("manifest"))


def problems_of(ids: Collection[str]) -> list[dict[str, str]]:
    """The published problems of these objects, each with the name of its environment, and of its version or API."""
    problems = [
        {**problem, "environment": str(publication.environment)}
        for publication in latest_publications()
        for problem in publication.problems
        if problem.get("where_id") in ids
    ]
    places = _places({problem["where_id"] for problem in problems})
    return [{**problem, **places.get(problem["where_id"], {})} for problem in problems]


def _places(ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Label and URL of what can be opened."""
    if not ids:
        return {}
    versions = APIVersion.objects.filter(id__in=ids).select_related("api")
    apis = API.objects.filter(id__in=ids)
    return {
        **{row.id: _place(f"{row.api.name} {row.name}", "version", row.api.name, row.name) for row in versions},
        **{row.id: _place(row.name, "api", row.name) for row in apis},
    }


def _place(label: str, page: str, *names: str) -> dict[str, str]:
    return {"label": label, "url": reverse(f"console:{page}", args=names)}
