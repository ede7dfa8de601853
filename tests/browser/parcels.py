"""A document of an API that the journeys of owners bring."""

from __future__ import annotations

DOCUMENT = """\
openapi: 3.0.3
info: {title: Parcels, version: "1"}
paths:
  /parcels:
    get: {operationId: listParcels, summary: List parcels, responses: {"200": {description: ok}}}
"""
