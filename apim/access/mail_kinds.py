"""The mails about subscriptions, keys and applications that move, declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_MEMBERS: Final = _("Everyone in the organization")
_DECIDERS: Final = _("Owners of the product, else admins")
_APPLICATION: Final = Placeholder("application", _("The application"), "shop")
_KEY: Final = Placeholder("key", _("The beginning of the key"), "apim_live_4f7c…")
_ORGANIZATION: Final = Placeholder("organization", _("The organization"), "Initech")
_PRODUCT: Final = Placeholder("product", _("The product"), "Bank accounts")
_PLAN: Final = Placeholder("plan", _("The plan"), "Silver")
_WHO: Final = Placeholder("who", _("Who asks"), "ana@example.com")
_NOTE: Final = Placeholder("note", _("What they say, when they say something"), _("For our web shop."))


def _link(meaning: str | _StrPromise, path: str, name: str = "link") -> Placeholder:
    return Placeholder(name, meaning, f"https://apis.example.com{path}", is_needed=True)


_DECIDE: Final = _link(_("Where to approve or reject with one press"), "/console/decide/…", "decide")
_INBOX: Final = Placeholder("link", _("The page of all that waits"), "https://apis.example.com/console/approvals")
_HOME: Final = _link(_("The reader's home"), "/my")

declare(
    MailKind(
        name="access.subscription_requested",
        title=_("Somebody asks for a plan that is approved by hand"),
        reader=_DECIDERS,
        subject=_("%(organization)s asks for %(product)s (%(plan)s)"),
        template="mail/subscription_requested.txt",
        placeholders=(
            _ORGANIZATION,
            _PRODUCT,
            _PLAN,
            Placeholder("plan_now", _("The plan until then, when they have one"), "Free"),
            _APPLICATION,
            _WHO,
            _NOTE,
            _DECIDE,
            _INBOX,
        ),
    ),
    MailKind(
        name="access.subscription_waits",
        title=_("Somebody still waits for an approval"),
        reader=_DECIDERS,
        subject=_("%(organization)s still waits for %(product)s (%(plan)s)"),
        template="mail/subscription_waits.txt",
        placeholders=(_ORGANIZATION, _PRODUCT, _PLAN, _WHO, _NOTE, _DECIDE, _INBOX),
    ),
    MailKind(
        name="access.subscription_approved",
        title=_("A subscription is approved"),
        reader=_MEMBERS,
        subject=_("Your subscription to %(product)s is approved"),
        template="mail/subscription_decided.txt",
        placeholders=(_ORGANIZATION, _PRODUCT, _PLAN, _HOME),
    ),
    MailKind(
        name="access.subscription_refused",
        title=_("A subscription is not approved"),
        reader=_MEMBERS,
        subject=_("Your subscription to %(product)s was not approved"),
        template="mail/subscription_decided.txt",
        placeholders=(
            _ORGANIZATION,
            _PRODUCT,
            _PLAN,
            Placeholder("reason", _("The reason"), _("Please name a contact first.")),
            _HOME,
        ),
        flags={"is_refused": "1", "is_live": ""},
    ),
    MailKind(
        name="access.key_ends",
        title=_("A key is about to end"),
        reader=_MEMBERS,
        subject=_("The %(noun)s %(key)s of %(application)s ends soon"),
        template="mail/key_ends.txt",
        placeholders=(
            Placeholder("noun", _("What it is: key, certificate or client"), "key"),
            _KEY,
            _APPLICATION,
            Placeholder("ends", _("When it ends, UTC"), "2026-12-01 09:30"),
            Placeholder("label", _("Its label, when it has one"), "production"),
            _link(_("The page of the application"), "/my/apps/app_1"),
        ),
        flags={"is_key": "1"},
    ),
    MailKind(
        name="access.key_leaked",
        title=_("A key was found in public"),
        reader=_MEMBERS,
        subject=_("A key of %(application)s was found in public"),
        template="mail/key_leaked.txt",
        placeholders=(
            _KEY,
            _APPLICATION,
            Placeholder("found_at", _("Where, as the reporter says"), "https://github.com/acme/shop"),
            _link(_("The page of the application"), "/my/apps/app_1"),
        ),
        flags={"is_revoked": "1"},
    ),
    MailKind(
        name="access.transfer_offered",
        title=_("An application is offered"),
        reader=_("Who it is offered to"),
        subject=_("%(organization)s offers you the application %(application)s"),
        template="mail/transfer_offered.txt",
        placeholders=(
            Placeholder("who", _("Who offers it"), "ben@example.com"),
            _ORGANIZATION,
            _APPLICATION,
            _NOTE,
            Placeholder("until", _("Until when the offer is good, UTC"), "2026-12-01 09:30"),
            _link(_("Where to accept or refuse"), "/my/transfers/trf_1"),
        ),
    ),
    MailKind(
        name="access.transfer_accepted",
        title=_("An application has moved"),
        reader=_("Everyone in the organization that had it"),
        subject=_("%(application)s belongs to %(recipient)s now"),
        template="mail/transfer_accepted.txt",
        placeholders=(
            _APPLICATION,
            _ORGANIZATION,
            Placeholder("recipient", _("Whose it is now"), "Globex Corp"),
            Placeholder("link", _("The page of applications"), "https://apis.example.com/my/apps"),
        ),
    ),
    *(
        MailKind(
            name=name,
            title=title,
            reader=_("Everyone in the organization that offered it"),
            subject=subject,
            template="mail/transfer_over.txt",
            placeholders=(
                _APPLICATION,
                Placeholder("to", _("Whom it was offered to"), "Globex Corp"),
                Placeholder("link", _("The page of the application"), "https://apis.example.com/my/apps/app_1"),
            ),
            flags={"is_refused": is_refused},
        )
        for name, title, subject, is_refused in (
            (
                "access.transfer_refused",
                _("An offered application was refused"),
                _("Your offer of %(application)s was refused"),
                "1",
            ),
            (
                "access.transfer_unanswered",
                _("Nobody answered the offer of an application"),
                _("Your offer of %(application)s was not answered in time"),
                "",
            ),
        )
    ),
)
