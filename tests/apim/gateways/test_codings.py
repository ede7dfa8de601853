"""Content codings: taken off once and within a bound."""

from __future__ import annotations

import gzip
import zlib

import pytest

from apim.gateways.codings import decoded

TEXT = b"hello " * 10
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BARE_BYTES = BARE.compress(TEXT) + BARE.flush()


@pytest.mark.parametrize(
    ("content", "coding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), " X-GZIP "),
        (zlib.compress(TEXT), "deflate"),
        (BARE_BYTES, "deflate"),
    ],
    ids=["none", "identity", "gzip", "x-gzip", "zlib", "bare deflate"],
)
def test_a_coding_is_taken_off(content: bytes, coding: str) -> None:
    assert decoded(content, coding, 1000) == (TEXT, False)
    assert decoded(content, coding, 7) == (TEXT[:7], True)


def test_what_grows_a_thousandfold_is_cut() -> None:
    assert decoded(gzip.compress(bytes(100_000_000)), "gzip", 1000) == (bytes(1000), True)


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "gzip,identity", "zstd"])
def test_other_codings_and_several_are_not_understood(coding: str) -> None:
    assert decoded(gzip.compress(gzip.compress(TEXT)), coding, 1000) is None


def test_what_is_not_what_it_says_is_not_understood() -> None:
    assert decoded(b"\xff" * 50, "gzip", 1000) is None


def test_what_ends_too_early_gives_what_there_is() -> None:
    content, is_cut = decoded(gzip.compress(TEXT * 100)[:-8], "gzip", 100_000) or (b"", True)
    assert content.startswith(TEXT[:20])
    assert not is_cut
