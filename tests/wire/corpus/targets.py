"""Rules about Host, the forms of a request target, and paths that try to walk around a policy."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wire.corpus.case import ACCOUNTS, BASE, CONTROLS, HOST, Case, Denied, Forwarded, Refused, get, named, shown

_OTHERS = BASE[1:]


def missing_or_doubled_host() -> Iterator[Case]:
    """No Host, or more than one, be they equal.

    Source: RFC 9112 section 3.2, RFC 9110 section 7.2
    """
    yield Case("none", get(base=_OTHERS), Refused())
    yield Case("none, in absolute-form", get(target=b"http://api.example.com" + ACCOUNTS, base=_OTHERS), Refused())
    for second in (HOST, b"Host: other", b"host: api.example.com", b"HOST: other", b"Host:"):
        yield Case(f"{second.decode()} second", get(second), Refused())
        yield Case(f"{second.decode()} first", get(base=(second, *BASE)), Refused())
    yield Case("three", get(HOST, HOST), Refused())
    yield Case("doubled in HTTP/1.0", get(HOST, version=b"HTTP/1.0"), Refused())
    absolute = b"http://api.example.com" + ACCOUNTS
    yield Case("doubled, in absolute-form", get(b"Host: other", target=absolute), Refused())
    yield Case("none in HTTP/1.0", get(base=_OTHERS, version=b"HTTP/1.0"), Forwarded(is_last=True, host=b""))


def malformed_host() -> Iterator[Case]:
    """A Host that is no host with or without a port; user info is no part of it.

    Source: RFC 9110 section 7.2, 4.2.4, RFC 3986 section 3.2
    """
    for name, value in named([
        b"", b" ", b"user@host", b"user:password@host", b"@host", b"host@", b"a b", b"a\tb", b"a, b", b"host/x",
        b"host/", b"/",
        b"host?x", b"host#x", b"host\\x", b"\\\\host", b"http://host", b"//host", b"::1", b"[::1", b"::1]", b"[::1]x",
        b"[::1]]",
        b"[]", b"[....]", b"[1]", b"[::g]", b"[v1.x]", b"[fe80::1%25eth0]", b"[::1]:x", b"host:x", b"host:-1",
        b"host:+80",
        b"host: 80", b"host :80", b"host:80 x", b"host:80:80", b"host:65536", b"host:99999", b"host:000080",
        b"host:0x50", b":80", b":",
        b"%", b"a%", b"a%2", b"a%zz", b"<host>", b'"host"', b"{host}", b"ho|st", b"ho^st", b"ho`st",
        b"b\xc3\xbccher.example",
        b"\xff", b"host\x00", b"ho\x00st", b"\x0bhost", b"host\x7f", b"ho\x01st", b"host\r", b"host\nX: y", b"host\x1b",
    ]):  # fmt: skip
        yield Case(name, get(base=(b"Host: " + value, *_OTHERS)), Refused())


def host_read_alike() -> Iterator[Case]:
    """Hosts that are well formed; the service gets its own, and is told this one in X-Forwarded-Host.

    Source: RFC 3986 section 3.2
    """
    for name, value in named([
        b"a", b"A.Example", b"a.", b"a:80", b"a:", b"a:65535", b"a:0", b"1.2.3.4", b"1.2.3.4:8080", b"[::1]",
        b"[::1]:443", b"[2001:DB8::7]",
        b"a_b", b"a-b.c", b"%41", b"a,b", b"a;b=c", b"~a!$&'()*+",
    ]):  # fmt: skip
        yield Case(name, get(base=(b"Host: " + value, *_OTHERS)), Forwarded(host=value))
    yield Case("whitespace around it", get(base=(b"Host:\t a \t", *_OTHERS)), Forwarded(host=b"a"))


def absolute_form() -> Iterator[Case]:
    """An absolute-form target: its authority and Host name the same host.

    Source: RFC 9112 section 3.2.2
    """
    for name, start in named([
        b"http://api.example.com", b"http://other.example", b"http://other.example:8080", b"HTTP://OTHER",
        b"http://[::1]:80", b"hTTp://a",
    ]):  # fmt: skip
        host = start.partition(b"//")[2]
        base = (b"Host: " + host, *_OTHERS)
        yield Case(name, get(target=start + ACCOUNTS, base=base), Forwarded(host=host))
        yield Case(
            f"{name}, query",
            get(target=start + ACCOUNTS + b"?a=b", base=base),
            Forwarded(target=b"/accounts?a=b", host=host),
        )
        yield Case(
            f"{name}, Host in other letters",
            get(target=start + ACCOUNTS, base=(b"Host: " + host.swapcase(), *_OTHERS)),
            Forwarded(host=host),
        )
        for other in (b"evil.example", host + b":81", host[:-1], b"a." + host):
            yield Case(
                f"{name} beside Host {other.decode()}",
                get(target=start + ACCOUNTS, base=(b"Host: " + other, *_OTHERS)),
                Refused(),
            )
    for name, target in named([b"http://a", b"http://a/", b"http://a?x", b"http://a?/bank/v1/accounts"]):
        yield Case(f"{name}: no such path", get(target=target, base=(b"Host: a", *_OTHERS)), Denied((404,)))
    for name, start in named([
        b"http://", b"http:", b"http:///", b"http://user@a", b"http://user:pw@a", b"http://a:99999", b"http://a:x",
        b"http://a b", b"http://[::1", b"http://a\\", b"http://a,b c", b"ftp://a", b"file://", b"ws://a", b"htt://a",
        b"://a", b"http//a",
        b"http://%zz", b"http://\xc3\xa9", b"http://a\x00", b"http://a\t", b"javascript:", b"gopher://a:70",
        b"http://a#", b"http://:80",
    ]):  # fmt: skip
        yield Case(f"malformed {name}", get(target=start + ACCOUNTS), Refused())
    yield Case("authority as a path", get(target=b"//a" + ACCOUNTS), Denied((404,)))


def other_forms() -> Iterator[Case]:
    """Authority-form, asterisk-form, and what is no form at all.

    Source: RFC 9112 section 3.2.3, 3.2.4
    """
    for name, target in named([b"*", b"api.example.com:80", b"api.example.com", b"127.0.0.1:80", b"[::1]:80", b":80"]):
        for method in (b"GET", b"OPTIONS", b"POST"):
            yield Case(f"{method.decode()} {name}", get(target=target, method=method), Refused())
    for name, target in named(
        [
            b"",
            b"accounts",
            b"bank/v1/accounts",
            b"?a=b",
            b"#a",
            b".",
            b"..",
            b"../",
            b"**",
            b"*/",
            b";",
            b"%2fbank",
            b"\\bank",
        ]
    ):
        yield Case(f"no form {name}", get(target=target), Refused())


def byte_that_no_target_has() -> Iterator[Case]:
    """Control bytes, spaces, bytes beyond ASCII, and those that a URI must escape.

    Source: RFC 9112 section 3.2, RFC 3986 section 2
    """
    for control in (*CONTROLS, b"\t", b" "):
        yield Case(f"path {shown(control)}", get(target=b"/bank/v1/acc" + control + b"ounts"), Refused())
        yield Case(f"query {shown(control)}", get(target=ACCOUNTS + b"?a" + control + b"b"), Refused())
    for name, put in named([b"\x80", b"\xff", b"\xc3\xa9", b"\xe2\x80\xae", b"\xc0\xaf", b"\xef\xbb\xbf", b"\xa0"]):
        yield Case(f"path {name}", get(target=b"/bank/v1/users/" + put), Refused())
        yield Case(f"query {name}", get(target=ACCOUNTS + b"?" + put), Refused())
        yield Case(f"first {name}", get(target=put + ACCOUNTS), Refused())
    for put in (b'"', b"<", b">", b"\\", b"^", b"`", b"{", b"|", b"}", b"#", b"[", b"]"):
        yield Case(f"path {put.decode()}", get(target=b"/bank/v1/users/a" + put + b"b"), Refused())
    for put in (b"#", b"#x", b"x#y?z"):
        yield Case(f"fragment {put.decode()}", get(target=ACCOUNTS + b"?" + put), Refused())
    for name, query in named(
        [b"a=b", b"", b"?", b"a=/../", b"a=%2f%00", b"a=%", b'a="<>\\^`{|}', b"http://a/", b"a=b;c", b"a&&b="]
    ):
        yield Case(f"query kept {name}", get(target=ACCOUNTS + b"?" + query), Forwarded(target=b"/accounts?" + query))


def malformed_escape() -> Iterator[Case]:
    """Escapes that readers undo differently: incomplete ones, no UTF-8, slashes, backslashes, control bytes.

    Source: RFC 3986 section 2.1, 2.4; RFC 3629 section 10
    """
    for name, put in named([
        b"%", b"%2", b"%zz", b"%2g", b"%u0041", b"%-1", b"% 41", b"%%41", b"%25%", b"%c0%af", b"%C0%AE", b"%e0%80%af",
        b"%c1%9c",
        b"%f0%80%80%af", b"%ff", b"%fe", b"%80", b"%ed%a0%80", b"%f4%90%80%80", b"%c3", b"%c3%28", b"%a0",
        b"%2f", b"%2F", b"%5c", b"%5C", b"..%2f", b"..%5c", b"%2e%2e%2f", b"%2e%2e%5c", b"%2f..%2f",
        *(b"%%%02x" % byte for byte in range(0x20)), b"%7f", b"a%00b", b"me%00", b"%0d%0aX:%20y",
    ]):  # fmt: skip
        yield Case(name, get(target=b"/bank/v1/users/" + put), Refused())


def walk_to_a_closed_route() -> Iterator[Case]:
    """Ways to spell the path of an operation that the caller's product does not open: all meet its policy.

    Source: RFC 3986 section 6.2.2, 5.2.4; the one canonical form of a path
    """
    for name, path in named([
        b"/bank/v1/closed", b"/bank/v1/closed?x=1", b"/bank/v1/./closed", b"/bank/v1//closed", b"//bank/v1/closed",
        b"/bank//v1///closed",
        b"/./bank/v1/closed", b"/bank/v1/x/../closed", b"/x/../bank/v1/closed", b"/bank/v1/accounts/../closed",
        b"/bank/v1/accounts/7/../../closed",
        b"/bank/v1/%63losed", b"/bank/v1/%63%6c%6f%73%65%64", b"/%62ank/v1/closed", b"/bank/%761/closed",
        b"/bank/v1/close%64",
        b"/bank/v1/%2e/closed", b"/bank/v1/x/%2e%2e/closed", b"/bank/v1/x/%2E./closed", b"/bank/v1/x/.%2e/closed",
        b"/bank/v1/x//../closed",
        b"/bank/v1/open/x/../../closed", b"/bank/v2/../v1/closed", b"/bank/v1/x/y/../../closed",
        b"/bank/v1/../v1/closed",
        b"/bank/v1/users/me", b"/bank/v1/users/./me", b"/bank/v1/users//me", b"/bank/v1/users/m%65",
        b"/bank/v1/users/%6D%65",
        b"/bank/v1/users/x/../me", b"/bank/v1/users/x/%2e%2e/me", b"/bank/v1/accounts/../users/me",
        b"/bank/v1/users/me?",
        b"http://api.example.com/bank/v1/closed", b"http://api.example.com/bank/v1/x/../users/me",
    ]):  # fmt: skip
        yield Case(name, get(target=path), Denied((403,)))
        yield Case(f"HEAD {name}", get(target=path, method=b"HEAD"), Denied((403,)))


def walk_that_leads_nowhere() -> Iterator[Case]:
    """Spellings that a lenient service reads as a closed route, and that are no route here, nor forwarded as another.

    Source: RFC 3986 section 3.3 (path parameters), 6.2.2.1 (paths are case-sensitive)
    """
    for name, path in named([
        b"/bank/v1/CLOSED", b"/BANK/v1/closed", b"/bank/V1/closed", b"/bank/v1/closed/", b"/bank/v1/closed/.",
        b"/bank/v1/closed;", b"/bank/v1/closed;x=1",
        b"/bank/v1/;/closed", b"/bank/v1/;x/closed", b"/bank;x/v1/closed", b"/bank/v1;x/closed",
        b"/bank/v1/closed%20", b"/bank/v1/%20closed",
        b"/bank/v1/closed.", b"/bank/v1/closed..", b"/bank/v1/closed%2e", b"/bank/v1/.../closed",
        b"/bank/v1/closed.json", b"/bank/v1/closed%3b",
        b"/bank/v1/%2563losed", b"/bank/v1/x/%252e%252e/closed", b"/bank/v1/%252e/closed", b"/bank/v1/closed%23",
        b"/bank/v1/closed%3f", b"/closed",
        b"/bank/v1/users/me;", b"/bank/v1/users/me;x=1", b"/bank/v1/users/me;/", b"/bank/v1/users;x/me",
        b"/bank/v1/users%3Bx/me", b"/bank/v1/users/m%65;x",
        b"/bank/v1/users/me/", b"/bank/v1/users/x/../me/", b"/bank/v1%20/closed", b"/bank/v1.1/closed", b"/",
        b"/bank", b"/bank/", b"/bank/v1", b"/bank/v1/",
        b"/bank/v1/closed@x", b"/bank/v1/closed:80", b"/bank/v1/closed=", b"/bank/v1x", b"/bank/v1x/accounts",
        b"/x/bank/v1/closed",
    ]):  # fmt: skip
        yield Case(name, get(target=path), Denied((404,)))
    for name, path in named([
        b"/..", b"/../", b"/../bank/v1/closed", b"/bank/v1/../../../closed", b"/%2e%2e/bank/v1/closed",
        b"/bank/../../bank/v1/closed", b"/./../bank/v1/closed",
        b"/bank/v1/x/..;/closed", b"/bank/v1/x/..;x=1/closed", b"/bank/v1/x/..%3b/closed", b"/bank/v1/.%3Bx/closed",
        b"/bank/v1/.;/closed", b"/bank/v1/x/%2e%2e;/closed",
        b"/bank/v1/x/.%2e;a/closed",
        b"/bank/v1/users/..%2fclosed", b"/bank/v1/users/..%5cclosed", b"/bank/v1/users/..\\closed",
        b"/bank/v1/users/%2e%2e%2fclosed", b"/bank\\v1\\closed",
        b"/bank/v1/users/x%2f..%2fme", b"/bank/v1/users%2fme", b"/bank%2fv1%2fclosed", b"/bank/v1/closed%00",
        b"/bank/v1/users/me%00x", b"/bank/v1/closed%0a",
        b"/bank/v1/users/me%09", b"/bank/v1/%c0%ae%c0%ae/closed", b"/bank/v1/users/%ef%bc%8f%ff",
    ]):  # fmt: skip
        yield Case(name, get(target=path), Refused())


def parameter_kept_as_it_is() -> Iterator[Case]:
    """Values of a path parameter go on in the canonical form that was matched, undone once and no further.

    Source: RFC 3986 section 2.4 (never undo an escape twice)
    """
    for name, sent, path in (
        ("double-encoded dots", b"%252e%252e", b"%252e%252e"),
        ("double-encoded name", b"m%2565", b"m%2565"),
        ("double-encoded slash", b"x%252fme", b"x%252fme"),
        ("trailing dot", b"me.", b"me."),
        ("trailing space", b"me%20", b"me%20"),
        ("encoded semicolon", b"me%3bx", b"me%3Bx"),
        ("parameter", b"7;x=1", b"7;x=1"),
        ("encoded colon", b"a%3ab", b"a%3Ab"),
        ("encoded letters", b"%61%7A%2d%5f", b"az-_"),
        ("three dots", b"...", b"..."),
        ("hidden file", b".me", b".me"),
        ("another case", b"ME", b"ME"),
        ("UTF-8", b"%c3%a9", b"%C3%A9"),
        ("full-width slash", b"x%ef%bc%8fme", b"x%EF%BC%8Fme"),
        ("sub-delimiters", b"!$&'()*+,=:@", b"!$&'()*+,=:@"),
    ):
        yield Case(name, get(target=b"/bank/v1/users/" + sent), Forwarded(target=b"/users/" + path))
    for name, sent in named(
        [b"/bank/v1/./accounts", b"/bank//v1/accounts", b"/bank/v1/closed/../accounts", b"/bank/v1/%61ccounts"]
    ):
        yield Case(f"other spelling {name}", get(target=sent), Forwarded())
