"""Any history of the real services and the real gateways' state: what serves was published, and never goes back (R4).

Changes, going back, holding, releasing, blocking, trials that do well or are refused, groups; answers that are lost or
late, pushes in any order or never, restarts. The control plane is the product with its database and Redis; gateways are
what they keep on disk. Hostile inputs H25, H27.
"""

from __future__ import annotations

import base64
from collections import deque
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec
import pytest
from django.conf import settings
from django.utils import timezone
from redis import Redis

from apim.catalog.models import APIVersion, Deployment
from apim.errors import DomainError
from apim.gateways.models import AccessRecord, Environment, Gateway, Worker
from apim.gateways.services import AccessChange, append_access, touch
from gateway_sync.delivery import access_digests, services
from gateway_sync.delivery.groups import digest_for
from gateway_sync.delivery.models import Pin, Publication
from gateway_sync.delivery.pinning import release, roll_back
from gateway_sync.delivery.push import channel_of, encode_update
from gateway_sync.delivery.sync import Ask, update_for
from gateway_sync.delivery.trials import settle_trials
from gateway_sync.runtime.credentials import Credentials
from gateway_sync.runtime.generations import read_generation
from gateway_sync.runtime.keeper import Keeper
from gateway_sync.runtime.updates import decode_update
from gateway_sync.snapshot import decode
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "collect"])

STEPS = 40
KEYS = tuple(f"{number:064x}" for number in range(4))
SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 100))]


class Follower:
    """A gateway: its row, and what it keeps on disk."""

    def __init__(self, environment: Environment, folder: Path, group: str, *, is_canary: bool) -> None:
        self.row = factory.enrolled_gateway(environment=environment).gateway
        fields = {"group": group, "is_canary": is_canary, "seen_at": timezone.now() + timedelta(hours=1)}
        Gateway.objects.filter(pk=self.row.pk).update(**fields)
        pepper = base64.b64encode(b"p").hex()
        self._credentials = Credentials(pepper, settings.KEYRING.verify_key(), environment.name)
        self._folder = folder
        self.is_canary, self.group = is_canary, group
        self.late: deque[bytes] = deque(maxlen=5)
        self.revision = self.seq = 0
        self.start()

    def start(self) -> None:
        """As after a kill."""
        self.keeper = Keeper(self._folder, self._credentials)

    def answer(self) -> bytes:
        """What the control plane says to what it asks."""
        row = Gateway.objects.select_related("environment").get(pk=self.row.pk)
        return encode_update(update_for(row, msgspec.json.decode(self.keeper.ask(0), type=Ask)))

    def take(self, content: bytes, *, is_pushed: bool = False) -> None:
        """Keep what it is told."""
        self.keeper.take(decode_update(content), is_pushed=is_pushed)

    def report(self, problems: list[dict[str, str]]) -> None:
        """Its worker says what it serves."""
        manifest = self.keeper.manifest
        now = timezone.now()
        Worker.objects.update_or_create(
            gateway=self.row, slot=0,
            defaults={"pid": 1, "boot": "b", "started_at": now, "seen_at": now, "problems": problems,
                      "digest": manifest.digest if manifest else ""},
        )  # fmt: skip


class History:
    """One environment with three APIs, one of them for the edge alone, and three gateways."""

    def __init__(self, environment: Environment, redis: Redis, folder: Path, seed: int) -> None:
        self.dice = Random(seed)  # noqa: S311 - a history, no secret
        self.environment = environment
        self.versions = [factory.published_version("GET /a") for _ in range(3)]
        Deployment.objects.filter(version=self.versions[2]).update(gateway_groups=["edge"])
        groups = (("", True), ("", False), ("edge", False)) if seed % 2 else (("", True), ("", False), ("", False))
        self.followers = [
            Follower(environment, folder / str(number), group, is_canary=is_canary)
            for number, (group, is_canary) in enumerate(groups)
        ]
        self.pushed: list[bytes] = []
        self.channel = redis.pubsub(ignore_subscribe_messages=True)
        self.channel.subscribe(channel_of(environment.name))
        self.channel.get_message(timeout=2)
        self.was_served: set[str] = set()
        self.blocked: set[str] = set()

    def step(self) -> str:
        """One thing happens; its name."""
        ways = (
            self.change, self.change, self.open_or_shut, self.give_or_revoke, self.give_or_revoke, self.go_back,
            self.go_on, self.block, self.begin_or_end_trials, self.settle, self.settle, self.publish, self.publish,
            self.publish, self.pull, self.pull, self.pull, self.lose, self.delay, self.hear_late, self.hear_push,
            self.hear_push, self.restart, self.compare,
        )  # fmt: skip
        way = self.dice.choice(ways)
        way()
        while (message := self.channel.get_message(timeout=0.01)) is not None:
            self.pushed.append(message["data"])
        return way.__name__

    def follower(self) -> Follower:
        """Any gateway."""
        return self.dice.choice(self.followers)

    def change(self) -> None:
        """A revision of a version, whose content may have been published before."""
        version = self.dice.choice(self.versions[:2])
        if version.id not in self.blocked:
            factory.changed_version(version, f"GET /{self.dice.choice('abc')}")

    def open_or_shut(self) -> None:
        """A version is bound to the edge, or to nothing."""
        chosen = Deployment.objects.filter(version=self.versions[1])
        chosen.update(gateway_groups=self.dice.choice([[], ["edge"]]))
        touch([self.environment.pk])

    def give_or_revoke(self) -> None:
        body = self.dice.choice([None, {"id": "crd_1"}, {"id": "crd_2"}])
        change = AccessChange("credential", self.dice.choice(KEYS), body)
        append_access(environment_id=self.environment.pk, changes=[change])

    def go_back(self) -> None:
        listed = list(Publication.objects.filter(stage=Publication.Stage.ALL))
        if listed:
            roll_back(publication=self.dice.choice(listed), by=TESTER, reason="the calls fail")

    def go_on(self) -> None:
        if Pin.objects.filter(environment=self.environment).exists():
            release(environment=self.environment, by=TESTER, reason="it is mended")

    def block(self) -> None:
        """Once in a while, and for good."""
        if self.dice.random() < 0.2 and not self.blocked:
            self.blocked.add(self.versions[0].id)
            APIVersion.objects.filter(pk=self.versions[0].pk).update(state=APIVersion.State.BLOCKED)
            touch([self.environment.pk])

    def begin_or_end_trials(self) -> None:
        Environment.objects.filter(pk=self.environment.pk).update(trial_s=self.dice.choice([0, 60]))

    def settle(self) -> None:
        """The canary says that it refuses what it tries, or serves it until the time is up."""
        is_refused = self.dice.random() < 0.5
        for follower in self.followers:
            refusal = {"code": "generation.E001", "message": "no"}
            follower.report([refusal] if is_refused and follower.is_canary else [])
        settle_trials(timezone.now() + timedelta(seconds=self.dice.choice([0, 90])))

    def publish(self) -> None:
        services.publish(self.environment.pk)

    def pull(self) -> None:
        follower = self.follower()
        follower.take(follower.answer())

    def lose(self) -> None:
        """The control plane answered, and the answer never came."""
        self.follower().answer()

    def delay(self) -> None:
        follower = self.follower()
        follower.late.append(follower.answer())

    def hear_late(self) -> None:
        """An answer to an earlier question, in which much may have happened since."""
        follower = self.follower()
        if follower.late:
            follower.take(follower.late.popleft())

    def hear_push(self) -> None:
        """Any message that was ever pushed, or one that was changed on its way."""
        if not self.pushed:
            return
        message = self.dice.choice(self.pushed[-8:])
        if self.dice.random() < 0.3:
            message = message.replace(b'"crd_1"', b'"crd_9"')
        self.follower().take(message, is_pushed=True)

    def restart(self) -> None:
        self.follower().start()

    def compare(self) -> None:
        """The digest of all access records is taken; nobody has drifted."""
        access_digests.take_digest(self.environment.pk, lambda: self.dice.randrange(10**9))

    def check(self) -> None:
        """What each gateway has was published for it, whole, and is not older than what it had."""
        published = {each.revision: each for each in Publication.objects.all()}
        for follower in self.followers:
            keeper = follower.keeper
            assert "access.E003" not in keeper.problems
            assert keeper.access.seq >= follower.seq
            follower.seq = keeper.access.seq
            assert not any(
                (body or {}).get("id") == "crd_9" for body in (keeper.access.find("credential", key) for key in KEYS)
            )
            if keeper.manifest is None or keeper.generation is None:
                assert follower.revision == 0
                continue
            publication = published[keeper.manifest.revision]
            assert keeper.manifest.revision >= follower.revision
            follower.revision = keeper.manifest.revision
            assert keeper.manifest.digest == digest_for(follower.group, publication)
            if not follower.is_canary:
                assert publication.stage == Publication.Stage.ALL
            _, contents = read_generation(keeper.generation)
            assert decode(contents).apis or self.blocked

    def finish(self) -> None:
        """Trials are over, everything is published, and each gateway asks until it knows all."""
        Environment.objects.filter(pk=self.environment.pk).update(trial_s=0)
        Publication.objects.filter(stage=Publication.Stage.TRIAL).update(stage=Publication.Stage.ALL)
        touch([self.environment.pk])
        for _ in range(3):
            services.publish(self.environment.pk)
        newest = Publication.objects.filter(environment=self.environment)[:1].get()
        rows = AccessRecord.objects.filter(environment=self.environment, kind="credential")
        wanted = dict(rows.values_list("key", "body"))
        for follower in self.followers:
            for _ in range(4):
                follower.take(follower.answer())
            keeper = follower.keeper
            assert keeper.manifest is not None
            assert keeper.generation is not None
            assert keeper.manifest.digest == digest_for(follower.group, newest)
            assert {key: keeper.access.find("credential", key) for key in KEYS} == {
                key: wanted.get(key) for key in KEYS
            }
            _, contents = read_generation(keeper.generation)
            served = {version.id for api in decode(contents).apis for version in api.versions}
            assert not served & self.blocked
        self.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_serves_was_published_last_and_not_refused_whatever_happens(
    environment: Environment, redis: Redis, tmp_path: Path, seed: int
) -> None:
    history = History(environment, redis, tmp_path, seed)
    told: list[str] = []
    for _ in range(STEPS):
        try:
            told.append(history.step())
        except DomainError as error:  # what people are refused changes nothing
            told.append(str(error))
        history.check()
    history.finish()
    print(told)  # shown when a history goes wrong
