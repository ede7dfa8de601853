"""Whether the installation is well, by the checks of `apim doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apim.console.gate import admin_page
from apim.console.pages import page
from apim.platform.health import examine
from apim.platform.health.verdicts import Colour

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_WORST_FIRST = (Colour.RED, Colour.AMBER, Colour.GREEN)


@admin_page
def health(request: ConsoleRequest) -> HttpResponse:
    """Each check with its colour, words and mend, the worst first. It waits some seconds at most."""
    findings = sorted(examine(), key=lambda finding: _WORST_FIRST.index(finding.verdict.colour))
    counts = {colour.value: sum(each.verdict.colour is colour for each in findings) for colour in Colour}
    return page(request, "console/admin/health.html", findings=findings, counts=counts)
