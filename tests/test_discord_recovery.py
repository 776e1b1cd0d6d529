"""Trouble while mentions wait: rate limits, storms, cut lines, restarts. Nobody is lost, nobody answered twice."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import discord
import pytest
import stamina
from discord import Permissions, app_commands
from structlog.testing import capture_logs

from bot.fronts.discord.backend import Backend, Interaction
from bot.fronts.discord.client import FrontClient
from bot.fronts.discord.failures import deferred
from bot.fronts.discord.housekeeping import RESTARTED, let_go, tidy
from bot.fronts.discord.names import channel_of, person_of
from data.settings import Settings
from data.store import RunWish
from tests.discord_fronts import BabblingEngine, add_voice, open_backend, running_front
from tests.discord_server import DiscordServer, Message
from tests.discord_talk import (
    LABEL,
    Spy,
    all_marked,
    answer_to,
    ask,
    give_voice,
    nothing_more,
)
from trainer.engine import Continuation, Line, Sampling
from trainer.voice import Voice

MESSAGES = r"/channels/\d+/messages"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same attempts without their pauses."""

    async def no_wait(self: discord.Client, shard_id: int | None, *, initial: bool = False) -> None: ...

    monkeypatch.setattr(discord.Client, "before_identify_hook", no_wait)
    monkeypatch.setattr("bot.fronts.discord.client.ANSWER_SECONDS", 0.05)
    with stamina.set_testing(True, attempts=6):
        yield


class ThinkingEngine(BabblingEngine):
    """Speaks when the gate is opened, or after some seconds so that a failing test ends."""

    def __init__(self) -> None:
        super().__init__()
        self.thinks = threading.Event()
        self.gate = threading.Event()

    def load(self, voice: Voice) -> "ThinkingEngine":
        return self

    def speak(self, lines: Sequence[Line], sampling: Sampling) -> list[Continuation]:
        self.thinks.set()
        self.gate.wait(5)
        return super().speak(lines, sampling)


@asynccontextmanager
async def speaking_backend(
    server: DiscordServer, home: Path, engine: BabblingEngine | None = None
) -> AsyncIterator[Backend]:
    """One with a voice for the channel, as a process has it; the second one finds the first one's store."""
    async with open_backend(Settings(home=home, _env_file=None), engine) as backend:
        if await backend.store.voices.newest("keeper") is None:
            await add_voice(backend, "keeper")
            await give_voice(backend, server.channel, "keeper")
        yield backend


@pytest.fixture(name="backend")
async def _backend(server: DiscordServer, tmp_path: Path) -> AsyncIterator[Backend]:
    async with speaking_backend(server, tmp_path) as backend:
        yield backend


@pytest.fixture(name="spy")
def _spy(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy = Spy(backend.imitator)
    monkeypatch.setattr(backend.imitator, "answer", spy)
    return spy


# Sending


@pytest.mark.parametrize(
    ("trouble", "after_effect"),
    [
        ("429 with retry_after", False),
        ("429 without retry_after", False),
        ("429 of a proxy", False),
        ("500", True),
        ("503", False),
        ("503", True),
        ("cut", False),
        ("cut", True),
    ],
)
async def test_trouble_on_the_way_leaves_one_answer(
    server: DiscordServer, backend: Backend, front: FrontClient, trouble: str, after_effect: bool
) -> None:
    match trouble:
        case "429 with retry_after":
            server.faults.rate_limit("POST", MESSAGES, retry_after=0.05, times=2)
        case "429 without retry_after":
            server.faults.rate_limit("POST", MESSAGES, retry_after=None, times=2)
        case "429 of a proxy":
            server.faults.rate_limit("POST", MESSAGES, via=False, times=2)
        case "cut":
            server.faults.cut("POST", MESSAGES, times=2, after_effect=after_effect)
        case "500":  # discord.py itself waits a second before it tries that again
            server.faults.fail("POST", MESSAGES, after_effect=after_effect)
        case status:
            server.faults.fail("POST", MESSAGES, status=int(status), times=5, after_effect=after_effect)
    answer = await answer_to(server, ask(server))
    await all_marked(backend)
    await server.until(lambda: not server.faults.waiting)
    assert answer.content.endswith(LABEL)
    assert len(server.sent_messages(server.channel)) == 1
    calls = server.calls("POST", f"/channels/{server.channel.id}/messages")
    assert len({call.payload["nonce"] for call in calls}) == 1


async def test_trouble_that_stays_leaves_the_mention_waiting(
    server: DiscordServer, backend: Backend, front: FrontClient
) -> None:
    server.faults.fail("POST", MESSAGES, status=503, times=6)
    with capture_logs() as lines:
        lost = ask(server)
        await server.until(lambda: any(line["event"] == "a mention stays unanswered" for line in lines))
    assert [waiting.mention for waiting in await backend.store.inbox.waiting()] == [str(lost.id)]
    # Whoever asks next is answered all the same.
    assert (await answer_to(server, ask(server))).content.endswith(LABEL)


@pytest.mark.parametrize("trouble", ["channel", "permission"])
async def test_where_nothing_can_be_said_nothing_is(
    server: DiscordServer, backend: Backend, front: FrontClient, spy: Spy, trouble: str
) -> None:
    spy.gate = asyncio.Event()
    ask(server)
    await server.until(lambda: spy.asked)
    if trouble == "channel":
        server.world.remove_channel(server.channel, silently=True)
    else:
        server.world.deny(server.channel, Permissions(send_messages=True), silently=True)
    with capture_logs() as lines:
        spy.gate.set()
        await server.until(lambda: any(line["event"] == "nobody to answer" for line in lines))
        await all_marked(backend)
    assert not [line for line in lines if line["log_level"] in ("warning", "error")]
    assert len(server.calls("POST", f"/channels/{server.channel.id}/messages")) == 1


async def test_a_deleted_mention_is_answered_without_quoting_it(
    server: DiscordServer, backend: Backend, front: FrontClient, spy: Spy
) -> None:
    spy.gate = asyncio.Event()
    question = ask(server)
    await server.until(lambda: spy.asked)
    server.world.delete(question)
    spy.gate.set()
    await all_marked(backend)
    (answer,) = server.sent_messages(server.channel)
    assert answer.reply_to is None


# The gateway


@pytest.mark.parametrize("trouble", ["cut", "op 7", "op 9", "op 9 for good"])
async def test_a_gateway_that_breaks_while_mentions_wait(
    server: DiscordServer,
    backend: Backend,
    front: FrontClient,
    spy: Spy,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    spy.gate = asyncio.Event()
    questions = [ask(server), ask(server, by=server.add_user("wren"))]
    await server.until(lambda: len(spy.asked) == 2)
    with monkeypatch.context() as patch:
        patch.setattr("discord.client.ExponentialBackoff.delay", lambda self: 0.0)
        match trouble:
            case "cut":
                server.gateway.cut()
            case "op 7":
                server.gateway.ask_to_reconnect()
            case "op 9":
                server.gateway.invalidate(resumable=True)
            case "op 9 for good":
                server.gateway.invalidate(resumable=False)
        await server.until(lambda: server.gateway.resumed or server.gateway.identified == 2)
    if trouble == "op 9 for good":
        await server.until(front.is_ready)
    questions.append(ask(server, "What of the boat?"))
    await server.until(lambda: len(spy.asked) == 3)
    spy.gate.set()
    for question in questions:
        await answer_to(server, question)
    await all_marked(backend)
    await nothing_more(server, server.channel, 3)


async def test_an_event_that_comes_twice_is_answered_once(
    server: DiscordServer, backend: Backend, front: FrontClient, spy: Spy
) -> None:
    question = ask(server)
    server.dispatch("MESSAGE_CREATE", question.wire(server.bot, all_content=True))
    await answer_to(server, question)
    await nothing_more(server, server.channel, 1)
    assert len(spy.asked) == 1


# Restarts


async def test_a_process_that_ends_leaves_its_mentions_to_the_next(server: DiscordServer, tmp_path: Path) -> None:
    engine = ThinkingEngine()
    people = [server.add_user(f"person{number}") for number in range(3)]
    async with speaking_backend(server, tmp_path, engine) as backend:
        await give_voice(backend, server.direct(people[0]), "keeper")
        async with running_front(server, backend):
            questions = [ask(server, by=person) for person in people]
            questions.append(server.say(server.direct(people[0]), people[0], "What of the boat?"))
            await server.until(engine.thinks.is_set)
            async with asyncio.timeout(5):
                while len(await backend.store.inbox.waiting()) < 4:  # noqa: ASYNC110 - the store can't signal it
                    await asyncio.sleep(0.005)
        engine.gate.set()
    assert server.sent_messages(server.channel) == []
    async with speaking_backend(server, tmp_path) as backend, running_front(server, backend):
        late = ask(server)
        for question in (*questions, late):
            assert (await answer_to(server, question)).content.endswith(LABEL)
        await all_marked(backend)
        await nothing_more(server, server.channel, 4)


async def test_a_client_that_is_replaced_takes_up_what_waits(
    server: DiscordServer, backend: Backend, spy: Spy
) -> None:
    spy.gate = asyncio.Event()
    async with running_front(server, backend):
        question = ask(server)
        await server.until(lambda: spy.asked)
    spy.gate.set()
    async with running_front(server, backend):
        await answer_to(server, question)
        await all_marked(backend)
        await nothing_more(server, server.channel, 1)
    assert len(spy.asked) == 2


async def test_what_was_answered_but_not_marked_is_not_answered_again(
    server: DiscordServer, backend: Backend, spy: Spy
) -> None:
    question = ask(server)
    reply = {"content": "fog", "message_reference": {"message_id": str(question.id)}}
    server.world.post(server.channel, server.bot, reply, [])
    await backend.store.inbox.enter(str(question.id), channel_of(server.channel), person_of(server.person))
    async with running_front(server, backend):
        await all_marked(backend)
        await nothing_more(server, server.channel, 1)
    assert spy.asked == []


@pytest.mark.parametrize("trouble", ["old", "message", "channel"])
async def test_what_nobody_waits_for_is_marked_only(
    server: DiscordServer, backend: Backend, spy: Spy, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    question = ask(server)
    await backend.store.inbox.enter(str(question.id), channel_of(server.channel), person_of(server.person))
    match trouble:
        case "old":
            monkeypatch.setattr("bot.fronts.discord.mentions.FRESH", timedelta(0))
        case "message":
            server.world.delete(question)
        case "channel":
            server.world.remove_channel(server.channel)
    async with running_front(server, backend):
        await all_marked(backend)
        await nothing_more(server, server.channel, 0)
    assert spy.asked == []


async def test_a_storm_at_the_restart_is_waited_out(server: DiscordServer, backend: Backend) -> None:
    question = ask(server)
    await backend.store.inbox.enter(str(question.id), channel_of(server.channel), person_of(server.person))
    server.faults.fail("GET", MESSAGES + r"(/\d+)?", status=503, times=4)
    async with running_front(server, backend):
        await answer_to(server, question)


class Later(datetime):
    """A minute ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Later":
        return cls.fromtimestamp(datetime.now(tz).timestamp() + 60, tz)


async def test_what_came_after_the_start_is_left_to_whoever_heard_it(
    server: DiscordServer, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ask(server)
    with monkeypatch.context() as patch:
        patch.setattr("data.store.inbox.datetime", Later)
        await backend.store.inbox.enter(str(question.id), channel_of(server.channel), person_of(server.person))
        await backend.store.inbox.acknowledged("1", "a token")
    async with running_front(server, backend):
        await answer_to(server, ask(server))
        await nothing_more(server, server.channel, 1)
    assert [waiting.mention for waiting in await backend.store.inbox.waiting()] == [str(question.id)]
    assert [waiting.interaction for waiting in await backend.store.inbox.unanswered()] == ["1"]


# Interactions that an earlier process left


@app_commands.command(name="slow", description="Never answers")
async def slow(interaction: Interaction) -> None:
    async with deferred(interaction):
        await asyncio.Event().wait()


async def left_over(server: DiscordServer, backend: Backend) -> Message:
    """What shows of an interaction that was acknowledged by a process that then ended."""
    async with running_front(server, backend) as front:
        front.tree.add_command(slow)
        await front.tree.sync()
        left = await server.slash(server.channel, server.person, "slow")
        async with asyncio.timeout(5):
            while not await backend.store.inbox.unanswered():  # noqa: ASYNC110 - the store can't signal it
                await asyncio.sleep(0.005)
    assert left.response is not None
    assert left.response.loading
    return left.response


async def none_left(backend: Backend) -> None:
    async with asyncio.timeout(5):
        while await backend.store.inbox.unanswered():  # noqa: ASYNC110 - the store can't signal it
            await asyncio.sleep(0.005)


async def test_who_waits_is_told_of_the_restart(server: DiscordServer, backend: Backend) -> None:
    left = await left_over(server, backend)
    async with running_front(server, backend):
        await none_left(backend)
    assert left.content == RESTARTED
    assert not left.loading


async def test_an_answer_that_came_through_stays(server: DiscordServer, backend: Backend) -> None:
    left = await left_over(server, backend)
    server.world.edit(left, {"content": "fog"}, [])
    async with running_front(server, backend):
        await none_left(backend)
    assert left.content == "fog"


async def test_a_token_that_is_over_is_only_forgotten(server: DiscordServer, backend: Backend) -> None:
    await backend.store.inbox.acknowledged("1", "a token nobody knows")
    async with running_front(server, backend):
        await none_left(backend)
        assert (await answer_to(server, ask(server))).content.endswith(LABEL)


# Tidying up


async def test_voices_that_were_erased_are_let_go(server: DiscordServer, backend: Backend) -> None:
    await add_voice(backend, "gull")
    async with running_front(server, backend):
        await answer_to(server, ask(server))
        await answer_to(server, ask(server, "as @gull what of the fog?"))
        assert backend.imitator.known == {"key-keeper", "key-gull"}
        await backend.store.voices.remove("key-gull")
        await let_go(backend)
        assert backend.imitator.known == {"key-keeper"}


async def test_old_records_lose_who_asked_what(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    store = backend.store
    run, _ = await store.runs.enqueue(RunWish("key", ("keeper",), "builtin", {}, "discord:8"))
    claimed = await store.runs.claim("trainer", 30, 3)
    assert claimed is not None
    await store.runs.finish(claimed)
    said = await store.replies.add("key-keeper", "what of the fog?", "fog", 1, "discord", "discord:8", "discord:2")
    await store.replies.report(said, "discord:3", "rude")
    shown = {"place": "discord:2", "channel": "discord:4", "person": "discord:8"}
    ended = await store.cards.add(run.id, message="5", **shown)
    await store.cards.close(ended.id)
    still_open = await store.cards.add(run.id, message="6", **shown)
    await store.inbox.enter("7", "discord:4", "discord:8")

    await tidy(backend)
    assert set(await store.records_of("discord:8")) == {"replies", "mentions", "cards", "runs"}
    assert set(await store.records_of("discord:3")) == {"reports"}

    monkeypatch.setattr("bot.fronts.discord.housekeeping.timedelta", lambda days: timedelta(0))
    await tidy(backend)
    assert set(await store.records_of("discord:8")) == {"cards"}
    assert not await store.records_of("discord:3")
    assert await store.cards.open() == [still_open]
    assert await store.records_of("discord:3") == {}
    kept = await store.replies.get(said)
    assert kept is not None
    assert (kept.text, kept.prompt, kept.person, kept.place) == ("fog", "", "", "")
