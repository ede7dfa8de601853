"""`apim jobs` against a control plane that listens."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from apim.accounts.models import User
from apim.jobs.models import Job, JobPart
from tests.apim.cli.conftest import Run

pytestmark = pytest.mark.django_db(transaction=True)


def test_long_work_is_followed_and_its_file_fetched(apim: Run, boss: User, tmp_path: Path) -> None:
    common = {"asked_by": boss, "actor_kind": "user", "actor_label": boss.email}
    done = Job.objects.create(
        kind="audit-export", subject="a", title="audit.csv", state="done", file_name="audit.csv", **common
    )
    JobPart.objects.create(job=done, number=0, data=zlib.compress(b"one,two\n"), bytes=8)
    waiting = Job.objects.create(kind="import", subject="b", title="bank", **common)
    assert waiting.pk in apim("jobs", "list", "--state", "waiting").stdout
    assert '"state": "canceled"' in apim("jobs", "cancel", waiting.pk, "-o", "json").stdout
    assert apim("jobs", "wait", waiting.pk).returncode == 1
    assert apim("jobs", "wait", done.pk).returncode == 0
    fetched = apim("jobs", "download", done.pk, "--to", str(tmp_path / "audit.csv"))
    assert (tmp_path / "audit.csv").read_bytes() == b"one,two\n", fetched.stderr
    refused = apim("jobs", "download", waiting.pk)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
