"""What stands between texts is the reader's language's, wherever people read them."""

from __future__ import annotations

import ast

import pytest
from django.conf import settings
from django.template import engines
from django.utils import translation

from apim.listing import clauses, enumerated, labelled
from tests.separators import separators_in_python, separators_in_template

ROOT = settings.STATICFILES_DIRS[0].parent
# What programs read, what is stored in English, and what people typed: no sentence of a page.
_NOT_SAID = {
    "apim/billing/catalogue.py": "names at Stripe",
    "apim/billing/migrating.py": "a note that is stored",
    "apim/billing/standing.py": "why an event waits, as it is stored",
    "apim/catalog/faults.py": "sentences that apim.ui.said knows again",
    "apim/console/forms/fields.py": "what a form is filled with, and read again",
    "apim/console/forms/price_rows.py": "what a form is filled with, and read again",
    "apim/console/offers.py": "the name of a meter, as it is stored",
    "apim/notifications/services.py": "what a server said",
    "apim/platform/health/examining.py": "what an exception said",
    "apim/platform/job_kinds.py": "the title of a job, as it is stored",
    "apim/products/models.py": "an exception for programmers",
    "apim/ui/rated.py": "the words of rating, known again",
    "gateway_sync/delivery/trials.py": "why a publication was made, as it is stored",
    "portal/samples.py": "a command line",
}
_API = ROOT / "templates" / "api"  # the reference of the REST API is in English alone


def test_names_phrases_and_values_are_put_side_by_side_as_each_language_does() -> None:
    said = {}
    for language in ("en", "ja", "ko", "zh-hans"):
        with translation.override(language):
            said[language] = (enumerated("ab"), clauses("ab"), labelled("a", "b"))

    assert said == {
        "en": ("a, b", "a; b", "a: b"),
        "ja": ("a、b", "a／b", "a：b"),  # noqa: RUF001
        "ko": ("a, b", "a; b", "a: b"),
        "zh-hans": ("a、b", "a；b", "a：b"),  # noqa: RUF001
    }


def test_templates_put_texts_side_by_side_in_the_same_way() -> None:
    template = engines["django"].from_string(
        "{{ names|enumerated }}{% semicolon %}{{ names|clauses }}{% comma %}{{ one }}{% colon %}2"
    )

    with translation.override("ja"):
        assert template.render({"names": ["a", "<b>"], "one": "1"}) == "a、&lt;b&gt;／a／&lt;b&gt;、1：2"  # noqa: RUF001


@pytest.mark.parametrize("package", ["apim", "gateway_sync", "portal"])
def test_no_module_that_speaks_to_people_has_english_separators(package: str) -> None:
    wrong = [
        f"{source}:{node.lineno}: {ast.unparse(node)}: use apim.listing"
        for path in sorted((ROOT / package).rglob("*.py"))
        if (source := path.relative_to(ROOT).as_posix()) not in _NOT_SAID
        for node in separators_in_python(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_no_template_has_english_separators() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {place}: use comma, semicolon, colon, enumerated or clauses"
        for path in sorted((ROOT / "templates").rglob("*.html"))
        if not path.is_relative_to(_API) and "mail" not in path.relative_to(ROOT).parts
        for place in separators_in_template(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "written",
    [
        '{{ a|join:", " }}',
        "{{ a }}: {{ b }}",
        '<a href="x">{{ a }}</a>, {{ b }}',
        "{% if a %}a{% endif %}; {% translate 'b' %}",
    ],
)
def test_the_class_is_known(written: str) -> None:
    assert list(separators_in_template(written))


def test_every_exception_is_still_one() -> None:
    assert {name for name in _NOT_SAID if not any(separators_in_python((ROOT / name).read_text()))} == set()
