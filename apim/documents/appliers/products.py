"""Product documents."""

from __future__ import annotations

from typing import Any

from apim.accounts.permissions import owns
from apim.catalog.models import API, APIVersion
from apim.documents.reading import Document
from apim.documents.session import Change, Session, changed_fields, missing, pick, require
from apim.products.models import Plan, Product
from apim.products.services import create_product, update_product
from apim.products.services.products import Item, state_of_product

_FIELDS = {"displayName": "display_name", "description": "description", "visibility": "visibility"}


def apply_product(document: Document, session: Session) -> Change:
    """Make the product what the document says; its APIs are the whole list, its plans too when they are named."""
    product = Product.objects.select_related("organization").filter(name=document.name).first()
    content: dict[str, Any] = {"items": _items(document, session), **pick(document.spec, _FIELDS)}
    if "plans" in document.spec or product is None:
        content["plans"] = _plans(document, session)
    if product is None:
        organization = session.owner(document)
        require(allowed=owns(session.user, organization.pk), act=f"make products of {organization.name}")
        create_product(organization=organization, name=document.name, by=session.by, **content)
        return Change("create", document.kind, document.name)
    is_editable = Product.objects.editable_by(session.user).filter(pk=product.pk).exists()
    require(allowed=is_editable, act=f"change the product {product.name}")
    if document.spec.get("organization", product.organization.name) != product.organization.name:
        message = f"The product belongs to {product.organization.name}, and that cannot be changed."
        raise document.error(("spec", "organization"), "documents.other_organization", message)
    before = state_of_product(product)
    update_product(product=product, changes=content, by=session.by)
    fields = changed_fields(before, state_of_product(product), _FIELDS | {"apis": "items", "plans": "plans"})
    return Change("update" if fields else "unchanged", document.kind, document.name, fields)


def _items(document: Document, session: Session) -> list[Item]:
    items: list[Item] = []
    for index, entry in enumerate(document.spec["apis"]):
        at = ("spec", "apis", str(index))
        visible = API.objects.visible_to(session.user)
        api = visible.filter(name=entry["api"]).first()
        if api is None:
            raise missing(
                document,
                (*at, "api"),
                noun="API",
                name=entry["api"],
                known=visible.values_list("name", flat=True)[:500],
            )
        versions: dict[str, APIVersion] = {version.name: version for version in api.versions.select_related("api")}
        for number, name in enumerate(entry["versions"]):
            if name not in versions:
                raise missing(
                    document, (*at, "versions", str(number)), noun=f"version of {api.name}", name=name, known=versions
                )
            items.append((versions[name], entry.get("operations", [])))
    return items


def _plans(document: Document, session: Session) -> list[Plan]:
    names = document.spec.get("plans", [])
    visible = Plan.objects.visible_to(session.user).select_related("organization")
    found = {plan.name: plan for plan in visible.filter(name__in=names)}
    for index, name in enumerate(names):
        if name not in found:
            known = visible.values_list("name", flat=True)[:500]
            raise missing(document, ("spec", "plans", str(index)), noun="plan", name=name, known=known)
    return [found[name] for name in names]
