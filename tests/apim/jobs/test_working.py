"""Jobs: taken by one worker, ended once, cancelled, lost and taken up again (promise R16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.accounts.services import actor_of
from apim.errors import Conflict, DomainError, Forbidden, Invalid, Problems
from apim.jobs import kinds, services, working
from apim.jobs.models import Job, JobPart
from apim.jobs.work import Canceled, Lost, Work
from apim.jobs.working import MOST_ATTEMPTS
from apim.notifications.models import Message, Notification
from apim.notifications.notices import set_mail_choices

Do = Callable[[Work], None]


@pytest.fixture
def doing() -> Iterator[Callable[[Do], None]]:
    """`doing(do)`: jobs of the kind "test" do that."""

    def declare(do: Do) -> None:
        kinds._KINDS["test"] = kinds.JobKind("test", "Test", do)

    yield declare
    kinds._KINDS.pop("test", None)


def asked(user: User, subject: str = "a", **options: object) -> Job:
    return services.ask(
        kind="test", subject=subject, title="A test", wanted={"n": 1}, by=actor_of(user), user=user, **options
    )  # type: ignore[arg-type]


def test_a_job_is_done_once_however_often_it_is_announced(admin: User, doing: Callable[[Do], None]) -> None:
    done: list[str] = []

    def do(work: Work) -> None:
        done.append(work.by.label)
        work.finish("/console/")

    doing(do)
    job = asked(admin)
    assert [working.run(job.pk) for _ in range(2)] == [True, False]
    job.refresh_from_db()
    assert (job.state, job.percent, job.page, job.wanted) == ("done", 100, "/console/", {})
    assert done == [admin.email]


def test_one_that_needs_longer_goes_on_from_where_it_was(admin: User, doing: Callable[[Do], None]) -> None:
    def do(work: Work) -> None:
        step = (work.cursor or 0) + 1
        work.report(step, 3, "Step by step")
        work.write(f"{step}\n")
        work.keep(step)
        if step == 3:
            work.finish()

    doing(do)
    job = asked(admin, file=("steps.txt", "text/plain"))
    assert [working.run(job.pk) for _ in range(4)] == [True, True, True, False]
    job.refresh_from_db()
    assert job.state == "done"
    assert b"".join(services.file_chunks(job)) == b"1\n2\n3\n"
    assert services.file_bytes(job) == 6


def test_the_last_beat_does_not_keep_the_next_worker_away(
    admin: User, doing: Callable[[Do], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = working._Pulse.__exit__

    def beat_and_leave(pulse: working._Pulse, *error: object) -> None:
        pulse._work.beat()
        leave(pulse, *error)

    monkeypatch.setattr(working._Pulse, "__exit__", beat_and_leave)
    doing(lambda work: work.keep(1))
    job = asked(admin)
    assert [working.run(job.pk) for _ in range(2)] == [True, True]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Invalid("x.bad", "It is bad.", hint="Mend it."), [("x.bad", "It is bad.", "Mend it.")]),
        (Problems((Invalid("x.a", "A."), Invalid("x.b", "B."))), [("x.a", "A.", ""), ("x.b", "B.", "")]),
        (Canceled(), []),
    ],
    ids=["refusal", "refusals", "canceled"],
)
def test_what_stops_it_is_kept_in_words(
    admin: User, doing: Callable[[Do], None], error: Exception, told: list[tuple[str, ...]]
) -> None:
    def do(work: Work) -> None:
        work.write("half of it")
        raise error

    doing(do)
    job = asked(admin)
    working.run(job.pk)
    job.refresh_from_db()
    assert [(each["code"], each["message"], each["hint"]) for each in job.problems] == told
    assert job.state == ("failed" if told else "canceled")
    assert not JobPart.objects.exists()


def test_a_fault_of_the_product_is_told_with_the_name_of_the_job(admin: User, doing: Callable[[Do], None]) -> None:
    def do(_: Work) -> None:
        raise ZeroDivisionError

    doing(do)
    job = asked(admin)
    working.run(job.pk)
    job.refresh_from_db()
    assert job.problems[0]["code"] == "jobs.fault"
    assert job.pk in job.problems[0]["message"]


def test_one_that_waits_is_cancelled_at_once_and_one_that_runs_before_it_is_done(
    admin: User, doing: Callable[[Do], None]
) -> None:
    job = asked(admin)
    assert services.cancel(job=job, by=actor_of(admin)).state == "canceled"
    assert not working.run(job.pk)
    with pytest.raises(Conflict):
        services.cancel(job=job, by=actor_of(admin))

    def do(work: Work) -> None:
        assert services.cancel(job=Job.objects.get(pk=work.id), by=actor_of(admin)).state == "running"
        work.finish()  # too late: the cancel came first

    doing(do)
    other = asked(admin)
    working.run(other.pk)
    other.refresh_from_db()
    assert other.state == "canceled"


def test_a_beat_tells_how_far_it_is_and_hears_of_a_cancel(admin: User, doing: Callable[[Do], None]) -> None:
    def do(work: Work) -> None:
        work.report(2, 8, "Two")
        work.beat()
        job = Job.objects.get(pk=work.id)
        assert (job.percent, job.note) == (25, "Two")
        services.cancel(job=job, by=actor_of(admin))
        work.beat()
        work.report(3, 8)
        raise AssertionError("it went on")

    doing(do)
    job = asked(admin)
    working.run(job.pk)
    job.refresh_from_db()
    assert job.state == "canceled"


def test_who_was_taken_for_dead_writes_nothing_any_more(admin: User, doing: Callable[[Do], None]) -> None:
    ended: list[str] = []

    def second(work: Work) -> None:
        work.finish("/second")
        ended.append("second")

    def first(work: Work) -> None:
        Job.objects.update(beat_at=timezone.now() - timedelta(minutes=1))  # it slept
        doing(second)
        assert working.run(work.id)
        for write in (lambda: work.keep(1), work.finish):
            with pytest.raises(Lost):
                write()
        ended.append("first")
        work.finish("/first")

    doing(first)
    job = asked(admin)
    assert working.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.page, ended) == ("done", "/second", ["second", "first"])


def test_a_dead_workers_job_is_sent_for_again_and_given_up_after_some_tries(admin: User) -> None:
    job = asked(admin)
    assert working.tend() == 1
    Job.objects.update(state="running", attempts=MOST_ATTEMPTS - 1, beat_at=timezone.now())
    assert working.tend() == 0  # its worker lives
    Job.objects.update(beat_at=timezone.now() - timedelta(minutes=1))
    assert working.tend() == 1
    Job.objects.update(attempts=MOST_ATTEMPTS)
    assert working.tend() == 0
    job.refresh_from_db()
    assert (job.state, job.problems[0]["code"]) == ("failed", "jobs.lost")


def test_the_same_is_not_asked_for_twice_at_once_and_nobody_asks_for_too_much(admin: User) -> None:
    job = asked(admin)
    with pytest.raises(Conflict) as refused:
        asked(admin)
    assert refused.value.code == "jobs.running"
    for number in range(services.OPEN_AT_MOST - 1):
        asked(admin, subject=str(number))
    with pytest.raises(Conflict) as refused:
        asked(admin, subject="one more")
    assert refused.value.code == "jobs.too_many"
    services.cancel(job=job, by=actor_of(admin))
    assert asked(admin).state == "waiting"


def test_only_who_asked_has_it_done_again(admin: User, owner: User) -> None:
    job = services.cancel(job=asked(admin), by=actor_of(admin))
    for user, error in ((owner, Forbidden), (admin, Conflict)):  # the kind is unknown: nothing would do it
        with pytest.raises(error):
            services.retry(job=job, by=actor_of(user), user=user)


def test_it_is_done_again_with_what_was_wanted(admin: User, doing: Callable[[Do], None]) -> None:
    doing(lambda work: work.finish())
    job = services.cancel(job=asked(admin), by=actor_of(admin))
    again = services.retry(job=job, by=actor_of(admin), user=admin)
    assert (again.pk != job.pk, again.wanted, again.state) == (True, {"n": 1}, "waiting")


def test_what_a_token_or_the_product_asked_for_admins_have_done_again(
    admin: User, owner: User, doing: Callable[[Do], None]
) -> None:
    doing(lambda work: work.finish())
    job = services.cancel(job=asked(admin), by=actor_of(admin))
    Job.objects.filter(pk=job.pk).update(asked_by=None)
    job.refresh_from_db()
    with pytest.raises(Forbidden):
        services.retry(job=job, by=actor_of(owner), user=owner)
    assert services.retry(job=job, by=actor_of(admin), user=admin).asked_by == admin


@pytest.mark.parametrize("code", ["jobs.suspended", "jobs.unknown_kind"])
def test_what_cannot_be_done_any_more_says_why(admin: User, doing: Callable[[Do], None], code: str) -> None:
    if code == "jobs.suspended":
        doing(lambda work: work.finish())
        User.objects.update(is_active=False)
    job = asked(admin)
    working.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.problems[0]["code"]) == ("failed", code)


def test_what_no_person_asked_for_has_no_rights_of_one(acme: Organization) -> None:
    work = Work(Job(kind="test", actor_kind="system", actor_label=acme.name))
    with pytest.raises(DomainError):
        _ = work.asker


def test_who_asked_is_told_once_that_long_work_has_ended(admin: User, doing: Callable[[Do], None]) -> None:
    doing(lambda work: work.finish("/console/"))
    quick, long = asked(admin), asked(admin, "b")
    Job.objects.filter(pk=long.pk).update(asked_at=timezone.now() - timedelta(minutes=1))
    for job in (quick, long):
        working.run(job.pk)
    notice = Notification.objects.get()
    assert (notice.user, notice.title, notice.path) == (admin, "Done: A test", f"/console/jobs/{long.pk}")
    assert not Message.objects.exists()


def test_a_failure_is_told_with_its_reason_in_the_readers_language_and_mailed_to_who_wants(
    admin: User, doing: Callable[[Do], None]
) -> None:
    def refuse(_: Work) -> None:
        raise Invalid("test.no", "Who asked for it is suspended.")

    User.objects.filter(pk=admin.pk).update(language="ja")
    set_mail_choices(user=admin, announcements=True, news=True, quotas=True, jobs=True)
    doing(refuse)
    job = asked(admin)
    Job.objects.filter(pk=job.pk).update(asked_at=timezone.now() - timedelta(minutes=1))
    working.run(job.pk)
    notice, mail = Notification.objects.get(), Message.objects.get()
    assert "A test" in notice.title
    assert "Failed" not in notice.title + mail.subject
    assert "suspended" not in notice.text + mail.body
    assert f"/console/jobs/{job.pk}" in mail.body
