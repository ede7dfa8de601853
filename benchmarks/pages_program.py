"""`python -m benchmarks.pages_program`: builds the data of P10 unless it is there; prints what pages take, as JSON.

It works on the database that DATABASE_URL names, or SQLite in APIM_HOME; it touches none with data of anybody else.
"""

from __future__ import annotations

import sys

import django

django.setup()

from benchmarks.pages_measuring import main  # noqa: E402 - models want Django to be set up

if __name__ == "__main__":
    sys.exit(main())
