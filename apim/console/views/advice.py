"""Gateway or mesh? Six questions, a verdict with its reasons, a picture and the next step; nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apim.advice import KEYS, advise
from apim.console.advice_picture import advice_picture
from apim.console.forms.advice import AdviceForm
from apim.console.gate import publisher_page
from apim.console.pages import page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

BANK = {key: "yes" if key == "offered_as_product" else "no" for key in KEYS}


@publisher_page
def advice_page(request: ConsoleRequest) -> HttpResponse:
    """The questions, and the advice once all six are answered in the URL."""
    is_asked = any(key in request.GET for key in KEYS)
    form = AdviceForm(request.GET if is_asked else None)
    if not is_asked or not form.is_valid():
        return page(request, "console/advice.html", form=form, example=BANK)
    answers = form.answers()
    advice = advise(answers)
    return page(
        request,
        "console/advice.html",
        form=form,
        advice=advice,
        is_gateway=advice.verdict != "mesh",
        picture=advice_picture(advice.verdict, answers),
    )
