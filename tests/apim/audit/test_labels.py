"""Labels of the audit log in the language of who reads it."""

from __future__ import annotations

import pytest
from django.utils import translation

from apim.audit.labels import label_words


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Growth version 2", "planversion"),
        ("bank v1 revision 3 in Default", "deployment"),
        ("Ana@example.com in Acme Ltd as owner", "membership"),
        ("apim_live_4f7c… of shop", "credential"),
        ("ceiling of Acme Ltd", "ceiling"),
    ],
)
def test_a_label_of_a_known_form_is_said_in_the_readers_language_and_stays_in_english(label: str, kind: str) -> None:
    with translation.override("en"):
        assert label_words(label, kind).lower() == label.lower()
    with translation.override("ja"):
        said = label_words(label, kind)
    assert said != label
    assert not {" of ", " in ", " as ", " version ", "owner"} & {f" {word} " for word in said.split()}


def test_a_label_of_another_form_stays_as_it_was_stored() -> None:
    with translation.override("ja"):
        assert label_words("Growth", "planversion") == "Growth"
        assert label_words("shop of ours", "api") == "shop of ours"
