"""`manage.py print_documents_reference FILE...`: docs/reference/documents.md, from the shapes of the kinds."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand

from apim.documents.reference import reference_lines


class Command(BaseCommand):
    """Prints the reference of documents as Markdown."""

    help = "Print the reference of documents as Markdown."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the files with the examples."""
        parser.add_argument(
            "examples", type=Path, nargs="+", help="documents, of which the first of each kind is the example"
        )

    def handle(self, *, examples: list[Path], **_options: object) -> None:
        """Print it."""
        self.stdout.write("\n".join(reference_lines("\n---\n".join(each.read_text() for each in examples))))
