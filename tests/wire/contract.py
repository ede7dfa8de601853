"""A version's document that policies go by, and its routes."""

from __future__ import annotations

from gateway_sync.snapshot import Route

DOCUMENT = """
openapi: 3.1.0
info: { title: Bank, version: "1" }
paths:
  /accounts/{id}:
    parameters:
      - { name: id, in: path, required: true, schema: { type: integer, minimum: 1 } }
    get:
      parameters:
        - { name: limit, in: query, required: true, schema: { type: integer, maximum: 100 } }
        - { name: kinds, in: query, schema: { type: array, items: { enum: [a, b] } } }
        - { name: X-Strict, in: header, schema: { type: boolean } }
      responses:
        "200":
          description: ok
          content:
            application/json:
              examples: { rich: { value: { balance: 12.5 } }, poor: { value: { balance: 0 } } }
        "404": { description: none, content: { application/json: { example: { code: none } } } }
    put:
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: "#/components/schemas/Account" } } }
      responses: { "204": { description: done } }
components:
  schemas:
    Account:
      type: object
      required: [owner]
      additionalProperties: false
      properties:
        owner: { type: string, pattern: "^[a-z]+$" }
        born: { type: string, format: date }
        heirs: { type: array, items: { $ref: "#/components/schemas/Account" } }
"""
ROUTES = tuple(Route(f"{method} /accounts/{{id}}", method, "/accounts/{id}", ("prd_1",)) for method in ("GET", "PUT"))
