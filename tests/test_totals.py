"""What the golden invoices cost is the same here and at Stripe."""

from __future__ import annotations

import re

from apim.up.options import ROOT

ROW = re.compile(r"\| \w+ \| [^|]+ \| [^|]+ \| (?P<here>[\d.]+) \| (?P<stripe>[\d.]+) \|")


def test_every_row_agrees_to_the_minor_unit() -> None:
    """That the page is what `script/docs` writes is held by tests/test_docs.py."""
    page = (ROOT / "docs" / "reference" / "totals.md").read_text()
    rows = list(ROW.finditer(page))
    assert len(rows) > 40
    assert [row[0] for row in rows if row["here"] != row["stripe"]] == []
