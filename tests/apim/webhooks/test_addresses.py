"""Where webhooks may go: hostile input 31 of a developer who would reach what is behind us."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from apim.errors import Invalid
from apim.webhooks.addresses import check_url, rules_for


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "http://127.0.0.1/hook",
        "https://127.0.0.1/hook",
        "https://10.0.0.1/hook",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://user:secret@example.com/",
        "https:///hook",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "https://example.com/\0",
        "https://example.com/" + "x" * 2000,
        "example.com",
        "",
    ],
)
def test_what_is_no_https_url_of_the_public_internet_is_refused_with_the_field(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_url(url)
    assert refused.value.field == "url"


@pytest.mark.parametrize("url", ["https://example.com", "https://example.com:8443/a?b=c", "https://bücher.example/ö"])
def test_https_urls_with_names_are_taken(url: str) -> None:
    assert check_url(f" {url}#part ").startswith("https://")
    assert "#" not in check_url(f"{url}#part")


def test_http_is_taken_to_loopback_where_the_installation_says_so(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8", "10.1.0.0/16"]
    assert check_url("http://127.0.0.1:9000/") == "http://127.0.0.1:9000/"
    assert check_url("http://localhost:9000/x") == "http://localhost:9000/x"
    assert check_url("https://10.1.2.3/") == "https://10.1.2.3/"
    for url in ("http://10.1.2.3/", "https://10.2.0.1/", "http://example.com/", "https://169.254.169.254/"):
        with pytest.raises(Invalid):
            check_url(url)


def test_by_http_nothing_but_loopback_is_connected_to(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8", "10.0.0.0/8"]
    assert rules_for("http").admits("127.0.0.1", 9000)
    assert not rules_for("http").admits("10.0.0.1", 80)
    assert not rules_for("http").admits("93.184.216.34", 80)
    assert rules_for("https").admits("10.0.0.1", 443)
    assert not rules_for("https").admits("192.168.0.1", 443)


def test_our_own_ports_are_out_of_reach_even_where_loopback_is_allowed(settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8"]
    settings.FORBIDDEN_UPSTREAMS = ["127.0.0.1:8000"]
    with pytest.raises(Invalid):
        check_url("http://127.0.0.1:8000/api/v1/tokens")
    assert not rules_for("http").admits("127.0.0.2", 8000)
