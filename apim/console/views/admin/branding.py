"""How the portal looks and what it calls itself: tried in a sample, then put live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apim.accounts.services import actor_of
from apim.branding import services
from apim.branding.brand import Brand, brand_of, stylesheet_of
from apim.branding.models import Look
from apim.branding.pictures import read_icon, read_logo
from apim.console.forms.branding import ACCENTS, LookForm, PictureForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, page, posted
from apim.ui.colours import Verdict, judge, normal_colour
from apim.ui.forms import errors_on, errors_told

if TYPE_CHECKING:
    from django.http import QueryDict

    from apim.console.gate import ConsoleRequest

_PLACES: Final = {"logo": read_logo, "icon": read_icon}
_SAMPLE: Final = ".look-sample"


@dataclass(frozen=True, slots=True)
class Offer:
    """A colour that passes, in place of one that does not. Shapes: field is the form's; name is its button's."""

    label: str
    name: str
    colour: str


@admin_page
def branding(request: ConsoleRequest) -> HttpResponse:
    """The form, a sample in light and dark, and what to do with the draft. A colour on offer is taken by its button."""
    tried = services.draft()
    live = Look.objects.select_related("logo", "icon").filter(state=Look.LIVE).first()
    look = tried or live
    data = _with_offer(request)
    form = LookForm(data, initial={name: getattr(look, name) for name in LookForm.Meta.fields} if look else None)
    if data is not None and form.is_valid():
        with errors_on(form):
            services.change_draft(changes=form.cleaned_data, by=actor_of(request.user))
            messages.success(request, _("Kept as a draft. Nobody but admins sees it until it is put live."))
            return redirect(f"{reverse('console:admin-branding')}#sample")
    return _shown(request, form=form, tried=tried, live=live)


@admin_page
def picture_change(request: ConsoleRequest, place: str) -> HttpResponse:
    """Another logo or icon in the draft; without a file, the built-in one."""
    if place not in _PLACES:
        raise Http404
    if request.method != "POST":
        return redirect("console:admin-branding")
    if "remove" in request.POST:
        services.set_picture(place=place, drawn=None, by=actor_of(request.user))
        return redirect(f"{reverse('console:admin-branding')}#sample")
    form = PictureForm(request.POST, request.FILES, prefix=place)
    if form.is_valid():
        with errors_on(form):
            drawn = _PLACES[place](form.cleaned_data["picture"], field="picture")
            services.set_picture(place=place, drawn=drawn, by=actor_of(request.user))
            messages.success(request, _("Kept as a draft. Nobody but admins sees it until it is put live."))
            return redirect(f"{reverse('console:admin-branding')}#sample")
    live = Look.objects.select_related("logo", "icon").filter(state=Look.LIVE).first()
    tried = services.draft()
    look = tried or live
    words = LookForm(initial={name: getattr(look, name) for name in LookForm.Meta.fields} if look else None)
    answer = _shown(request, form=words, tried=tried, live=live, **{place: form})
    answer.status_code = 422
    return answer


@admin_page
def draft_stylesheet(_request: ConsoleRequest) -> HttpResponse:
    """The draft's colours for the sample alone."""
    sheet = stylesheet_of(_brand_tried(), selector=_SAMPLE)
    return HttpResponse(sheet, content_type="text/css; charset=utf-8", headers={"Cache-Control": "no-store"})


@admin_page
@require_POST
def draft_live(request: ConsoleRequest) -> HttpResponse:
    """Puts the draft live."""
    with errors_told(request):
        services.put_live(by=actor_of(request.user))
        messages.success(request, _("Live. Every page and mail looks like this from now on."))
    return redirect("console:admin-branding")


@admin_page
@require_POST
def draft_drop(request: ConsoleRequest) -> HttpResponse:
    """Puts the draft aside."""
    services.drop_draft(by=actor_of(request.user))
    messages.success(request, _("The draft is put aside."))
    return redirect("console:admin-branding")


@admin_page
def reset(request: ConsoleRequest) -> HttpResponse:
    """Asks, then goes back to the built-in look."""
    confirmation = Confirmation(
        title=_("Back to the built-in look?"),
        consequences=(
            _("Name, colours and links of the footer are forgotten, here and in the draft."),
            _("The logo and the icon are deleted; mails that show the logo show none any more."),
        ),
        verb=_("Go back to the built-in look"),
        back=reverse("console:admin-branding"),
        done=_("Every page looks as it did at first."),
    )
    return confirm(request, confirmation, lambda _data, by: services.back_to_built_in(by=by))


def _shown(
    request: ConsoleRequest,
    *,
    form: LookForm,
    tried: Look | None,
    live: Look | None,
    logo: PictureForm | None = None,
    icon: PictureForm | None = None,
) -> HttpResponse:
    sample = brand_of(tried or live)
    return page(
        request,
        "console/admin/branding.html",
        form=form,
        offers=_offers(form),
        logo_form=logo or PictureForm(prefix="logo"),
        icon_form=icon or PictureForm(prefix="icon"),
        sample=sample,
        verdicts=_verdicts(sample),
        is_draft=tried is not None,
        is_changed=live is not None,
    )


def _brand_tried() -> Brand:
    return brand_of(services.draft() or Look.objects.filter(state=Look.LIVE).first())


def _with_offer(request: ConsoleRequest) -> QueryDict | None:
    """What was posted, with the colours whose buttons were pressed in the place of those that were typed."""
    data = posted(request)
    if data is None:
        return None
    data = data.copy()
    for field in ACCENTS:
        if colour := data.get(f"take_{field}"):
            data[field] = colour
    return data


def _offers(form: LookForm) -> list[Offer]:
    """A colour for each accent that was refused for its contrast."""
    offers = []
    for field, theme in ACCENTS.items():
        typed = normal_colour(str(form[field].value() or "")) if form.errors.get(field) else ""
        if typed and not (verdict := judge(typed, theme)).passes:
            offers.append(Offer(str(form.fields[field].label), f"take_{field}", verdict.nearest))
    return offers


def _verdicts(brand: Brand) -> list[tuple[str, Verdict]]:
    return [(_("Light"), judge(brand.accent_light, "light")), (_("Dark"), judge(brand.accent_dark, "dark"))]
