"""The look of the portal: tried as a draft, refused with the number, put live for everyone, undone."""

from __future__ import annotations

import re
import struct
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from apim.audit.models import AuditEvent
from apim.branding.brand import forget_brand
from apim.branding.models import Look, Picture
from tests.factories.accounts import user

pytestmark = pytest.mark.django_db

PAGE = "/console/admin/branding"
EMPTY = {"portal_name": "", "accent_light": "", "accent_dark": "", "links": ""}


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head, rows = struct.pack(">IIBBBBB", 40, 40, 8, 0, 0, 0, 0), zlib.compress((b"\0" + b"\x80" * 40) * 40)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def upload(client: Client, place: str, content: bytes) -> int:
    file = SimpleUploadedFile("../../logo.svg.png", content, "image/svg+xml")
    return client.post(f"{PAGE}/pictures/{place}", {f"{place}-picture": file}).status_code


@pytest.fixture
def admins() -> Client:
    client = Client()
    client.force_login(user(is_platform_admin=True))
    return client


def portal() -> str:
    return Client().get("/").content.decode()


def test_a_contrast_that_misses_by_a_hair_is_not_told_to_be_enough(admins: Client) -> None:
    refused = admins.post(PAGE, {**EMPTY, "accent_light": "#0A7F5A"}).content.decode()
    assert "#0a7f5a has a contrast of 4.49 on light pages; words need 4.5." in refused


def test_a_colour_that_cannot_be_read_is_refused_with_its_number_and_one_press_takes_the_nearest(
    admins: Client,
) -> None:
    refused = admins.post(PAGE, {**EMPTY, "accent_light": "#FFCC00"})
    text = refused.content.decode()
    assert refused.status_code == 422
    assert "#ffcc00 has a contrast of 1.41 on light pages; words need 4.5." in text
    button = re.search(r'name="take_accent_light" value="(#\w+)"', text)
    assert button is not None
    assert not Look.objects.exists()
    taken = admins.post(PAGE, {**EMPTY, "accent_light": "#FFCC00", "take_accent_light": button[1]})
    assert taken.status_code == 302
    assert Look.objects.get().accent_light == button[1] == "#886c00"


def test_a_draft_is_seen_in_the_sample_alone_until_it_is_live(
    admins: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    links = "Status | https://status.example.com\nGuides | /apis"
    words = {
        "portal_name": "Bank <APIs>",
        "accent_light": "#0a6b4f",
        "links": links,
        "imprint_url": "https://a.example",
    }
    admins.post(PAGE, {**EMPTY, **words})
    assert upload(admins, "logo", png()) == upload(admins, "icon", png()) == 302
    page = admins.get(PAGE).content.decode()
    assert "Bank &lt;APIs&gt;" in page
    assert ".look-sample {" in admins.get(f"{PAGE}/draft.css").content.decode()
    assert "Bank" not in portal()
    with django_capture_on_commit_callbacks(execute=True):
        admins.post(f"{PAGE}/live")
    shown = portal()
    assert "· Bank &lt;APIs&gt;</title>" in shown
    assert re.search(
        r'<img class="brand__logo" src="/brand/\w+\.png" alt="Bank &lt;APIs&gt;" width="40" height="40">', shown
    )
    assert re.search(r'<link rel="icon" href="/brand/\w+\.png" type="image/png">', shown)
    assert '<a href="https://status.example.com">Status</a><a href="/apis">Guides</a>' in shown
    assert '<a href="https://a.example">Imprint</a>' in shown
    kept = AuditEvent.objects.get(action="branding.put_live").after
    assert kept is not None
    assert kept["accent_light"] == "#0a6b4f"


def test_files_of_the_look_are_kept_by_browsers_for_good_and_run_nothing(
    admins: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    admins.post(PAGE, {**EMPTY, "accent_light": "#0a6b4f"})
    upload(admins, "logo", png())
    with django_capture_on_commit_callbacks(execute=True):
        admins.post(f"{PAGE}/live")
    found = re.findall(r'(?:href|src)="(/brand/[^"]+)"', portal())
    sheet, logo = (Client().get(path) for path in sorted(found, key=lambda path: path.endswith("png")))
    assert "--accent: light-dark(#0a6b4f, " in sheet.content.decode()
    for answer in (sheet, logo):
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer["X-Content-Type-Options"] == "nosniff"
    assert (logo["Content-Type"], logo.content) == ("image/png", png())
    assert logo["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert Client().get("/brand/0123456789abcdef.css")["Cache-Control"] == "no-cache"


def test_a_page_asks_once_in_a_while_how_it_looks(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = Client()
    forget_brand()
    client.get("/account/login/")
    with django_assert_num_queries(0):
        client.get("/account/login/")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("links", "Click | javascript:alert(1)", "neither a web address nor a path"),
        ("links", "Click | //evil.example", "neither a web address nor a path"),
        ("links", "| https://a.example", "needs a label"),
        ("links", "\n".join(f"{number} | /x" for number in range(9)), "too many for a footer"),
        ("accent_light", "#12345", "is no colour"),
        ("accent_dark", "#001133", "on dark pages"),
        ("portal_name", "Bank\u202egnp", "not shown"),
        ("portal_name", "Bank\u2028Bcc: a@example.com", "not shown"),
        ("portal_name", "x" * 41, "40"),
        ("imprint_url", "javascript:alert(1)", "Enter a valid URL"),
    ],
)
def test_what_would_harm_is_refused_beside_its_field(admins: Client, field: str, value: str, words: str) -> None:
    answer = admins.post(PAGE, {**EMPTY, field: value})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Look.objects.exists()


def test_a_hostile_file_is_refused_in_words(admins: Client) -> None:
    file = SimpleUploadedFile("logo.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/png")
    answer = admins.post(f"{PAGE}/pictures/logo", {"logo-picture": file})
    assert answer.status_code == 422
    assert "SVG files can carry programs" in answer.content.decode()
    assert not Picture.objects.exists()
    assert admins.post(f"{PAGE}/pictures/nose").status_code == 404


def test_the_built_in_look_comes_back_after_a_yes_and_pictures_go(
    admins: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    admins.post(PAGE, {**EMPTY, "portal_name": "Bank"})
    upload(admins, "logo", png())
    with django_capture_on_commit_callbacks(execute=True):
        admins.post(f"{PAGE}/live")
        assert "deleted" in admins.get(f"{PAGE}/reset").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        admins.post(f"{PAGE}/reset")
    assert "· apim</title>" in portal()
    assert not Look.objects.exists()
    assert not Picture.objects.exists()


def test_a_draft_put_aside_leaves_the_live_look(admins: Client) -> None:
    admins.post(PAGE, {**EMPTY, "portal_name": "Bank"})
    upload(admins, "logo", png())
    admins.post(f"{PAGE}/pictures/logo", {"remove": "1"})
    assert not Picture.objects.exists()
    admins.post(f"{PAGE}/drop")
    assert not Look.objects.exists()
    answer = admins.post(f"{PAGE}/live", follow=True).content.decode()
    assert "There is no draft to put live." in answer
