"""Session: who applies which documents, and the look-ups that all kinds share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from apim.accounts.models import Membership, Organization, User
from apim.accounts.permissions import organization_ids
from apim.audit.actor import Actor
from apim.catalog.comparisons import Comparisons
from apim.documents.reading import Document
from apim.documents.shapes import nearest
from apim.errors import DomainError, Forbidden, Invalid, Problems
from apim.gateways.models import Environment
from apim.gateways.services import default_environment


@dataclass(frozen=True, slots=True)
class Change:
    """What a document did to its object. Shapes: fields as the document names them, dotted; () for a new object."""

    action: Literal["create", "update", "unchanged"]
    kind: str
    name: str
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Session:
    """One application of documents. Shapes: waiver says why callers may break; "" = they must not."""

    user: User
    by: Actor
    files: Mapping[str, str]
    comparisons: Comparisons
    waiver: str = ""
    warnings: list[str] = field(default_factory=list)

    def owner(self, document: Document) -> Organization:
        """The organization that the document names, else the default one."""
        name = document.spec.get("organization")
        if name is None:
            found = Organization.objects.filter(is_default=True).first()
            if found is None:
                message = "There is no default organization."
                hint = "Name one in `spec.organization`, or finish the set-up."
                raise document.error(("spec",), "documents.no_organization", message, hint)
            return found
        return self.organization(name, document)

    def organization(self, name: str, document: Document) -> Organization:
        """The organization of this name."""
        found = Organization.objects.filter(name=name).first()
        if found is None:
            known = list(Organization.objects.visible_to(self.user).values_list("name", flat=True)[:100])
            message = f"There is no organization `{name}`."
            raise document.error(("spec", "organization"), "documents.no_organization", message, _hint(name, known))
        return found

    def home(self, document: Document) -> Organization:
        """The organization of an application that names none: the only one of the user, else the default one."""
        own = list(Organization.objects.filter(id__in=organization_ids(self.user, *Membership.Role.values))[:2])
        return own[0] if len(own) == 1 else self.owner(document)

    def environment(self, document: Document) -> Environment:
        """The environment that the document names."""
        if document.environment == "default":
            return default_environment()
        found = Environment.objects.filter(name=document.environment).first()
        if found is None:
            message = f"There is no environment `{document.environment}`."
            known = list(Environment.objects.values_list("name", flat=True))
            at = ("metadata", "environment")
            raise document.error(at, "documents.no_environment", message, _hint(document.environment, known))
        return found


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a document that is being applied."""

    document: Document
    session: Session
    at: tuple[str, ...]

    def below(self, *steps: str) -> Spot:
        """A place further in."""
        return Spot(self.document, self.session, (*self.at, *steps))

    def error(self, code: str, message: str, hint: str = "") -> Invalid:
        """An error at this place."""
        return self.document.error(self.at, code, message, hint)


def require(*, allowed: bool, act: str) -> None:
    """Refuse an act that the user's roles do not cover."""
    if not allowed:
        hint = "Ask an owner of the organization or an administrator."
        raise Forbidden("documents.forbidden", f"You may not {act}.", hint=hint)


def pick(spec: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The fields that a document gives, by the names that services know. Shapes: names = {field: attribute}."""
    return {attribute: spec[name] for name, attribute in names.items() if name in spec}


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, ...]:
    """The fields, as documents name them, whose attribute differs."""
    return tuple(name for name, attribute in names.items() if before.get(attribute) != after.get(attribute))


def missing(document: Document, at: Iterable[str], *, noun: str, name: str, known: Iterable[str]) -> DomainError:
    """The error for a name that leads to nothing."""
    message = f"There is no {noun} `{name}`."
    return document.error(at, f"documents.no_{noun.split(maxsplit=1)[0].lower()}", message, _hint(name, list(known)))


def relocated(error: DomainError, document: Document, line: int = 0) -> DomainError:
    """A service's error with the document and line it came from; the class, and so the status, stays."""
    if isinstance(error, Problems):
        line = document.line(("spec",))  # looked for once, however many there are
        return Problems(tuple(relocated(one, document, line) for one in error.errors))
    if error.field.startswith("/"):
        return error  # says its place already
    placed = document.error(("spec",), error.code, error.message, error.hint, line=line)
    message = f"{placed.message} ({error.field})" if error.field else placed.message
    return type(error)(error.code, message, hint=error.hint, field=placed.field, evidence=error.evidence)


def _hint(name: str, known: list[str]) -> str:
    return nearest(name, known) if known else ""
