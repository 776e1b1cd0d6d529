"""Mentions over the wire: who is answered, by which voice, in view of what, in what order, and who is not."""

import asyncio
from pathlib import Path

import pytest
import structlog
from discord import Permissions
from structlog.testing import capture_logs

from bot.fronts.discord.answers import BLOCKED
from bot.fronts.discord.backend import Backend
from bot.fronts.discord.client import FrontClient
from bot.fronts.discord.mention_answers import LONG_ENOUGH, NO_VOICE
from bot.fronts.discord.names import channel_of
from data.errors import NothingToSayError
from data.settings import DiscordSettings, Settings
from data.store import Right
from tests.discord_fronts import add_voice, open_backend, running_front
from tests.discord_server import DiscordServer, Message, User
from tests.discord_talk import (
    LABEL,
    NO_ANSWER,
    Spy,
    all_marked,
    answer_to,
    ask,
    give_voice,
    nothing_more,
    place_of,
)
from trainer.voice import Voice


@pytest.fixture(name="spy")
def _spy(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Spy:
    spy = Spy(backend.imitator)
    monkeypatch.setattr(backend.imitator, "answer", spy)
    return spy


@pytest.fixture(name="keeper")
async def _keeper(server: DiscordServer, backend: Backend) -> Voice:
    """The voice of the first channel and of the direct one."""
    voice = await add_voice(backend, "keeper")
    await give_voice(backend, server.channel, "keeper")
    await give_voice(backend, server.direct(server.person), "keeper")
    return voice


# Who is answered


async def test_a_mention_is_answered_once(
    server: DiscordServer, backend: Backend, front: FrontClient, keeper: Voice
) -> None:
    question = ask(server)
    answer = await answer_to(server, question)
    assert answer.content.endswith(LABEL)
    assert answer.mentions == []  # nobody is pinged, not even who asked
    (sent,) = server.calls("POST", f"/channels/{server.channel.id}/messages")
    assert sent.payload["nonce"] == str(question.id)
    assert sent.payload["enforce_nonce"] is True
    await nothing_more(server, server.channel, 1)
    assert await backend.store.inbox.waiting() == []
    assert b'mynah_replies_total{front="discord"} 1.0' in backend.metrics.text()


@pytest.mark.parametrize("ping", [True, False])
async def test_a_reply_to_the_bot_is_answered(
    server: DiscordServer, front: FrontClient, keeper: Voice, ping: bool
) -> None:
    first = await answer_to(server, ask(server))
    again = server.say(server.channel, server.person, "And then?", reply_to=first, ping=ping)
    assert (await answer_to(server, again)).content.endswith(LABEL)


async def test_a_direct_message_is_answered(server: DiscordServer, front: FrontClient, keeper: Voice) -> None:
    question = server.say(server.direct(server.person), server.person, "Who are you?")
    assert (await answer_to(server, question)).content.endswith(LABEL)


async def test_a_mention_without_words_is_answered(
    server: DiscordServer, front: FrontClient, keeper: Voice, spy: Spy
) -> None:
    await answer_to(server, ask(server, ""))
    assert spy.asked == [("", ())]


async def test_others_are_left_alone(server: DiscordServer, front: FrontClient, keeper: Voice) -> None:
    here, bot = server.channel, server.add_user("crow")
    bot.bot = True
    before = server.say(here, server.person, "between us")
    server.say(here, server.person, "@everyone look")
    server.say(here, server.person, "@here look")
    server.say(here, server.person, "and you?", reply_to=before)
    server.say(here, bot, "what of the fog?", mentions=[server.bot])
    payload = {"content": f"{server.bot.mention} what of the fog?"}
    server.world.post(here, User("hook"), payload, [], webhook_id=1)
    joined = Message(here, server.person, type=7, mentions=[server.bot])
    server.world.publish(joined)
    await nothing_more(server, here, 0)
    assert server.calls("POST", f"/channels/{here.id}") == []


async def test_only_listed_channels_are_spoken_in(
    server: DiscordServer, backend: Backend, front: FrontClient, keeper: Voice
) -> None:
    elsewhere = server.world.add_channel(server.guild, "elsewhere")
    await backend.store.places.change(place_of(server), channels=(channel_of(elsewhere),), default_voice="keeper")
    await server.until(lambda: front.get_channel(elsewhere.id))
    ask(server)
    await answer_to(server, server.say(elsewhere, server.person, "here?", mentions=[server.bot]))
    await nothing_more(server, server.channel, 0)
    assert not server.calls("POST", f"/channels/{server.channel.id}/typing")


# Which voice


async def test_the_voice_of_the_channel_then_of_the_server(
    server: DiscordServer, backend: Backend, front: FrontClient, spy: Spy
) -> None:
    assert (await answer_to(server, ask(server))).content == NO_VOICE
    await add_voice(backend, "server")
    await add_voice(backend, "channel")
    await backend.store.places.change(place_of(server), default_voice="server")
    await answer_to(server, ask(server))
    await give_voice(backend, server.channel, "channel")
    await answer_to(server, ask(server))
    assert spy.voices == ["server", "channel"]


@pytest.mark.parametrize(
    ("text", "voice", "asked"),
    [
        ("as @gull what of the fog?", "gull", "what of the fog?"),
        ("As @Gull, what of the fog?", "gull", "what of the fog?"),
        ("as @gull + @keeper: what?", "gull+keeper", "what?"),
        ("as @keeper+gull", "gull+keeper", ""),
        ("as @gull.", "gull", ""),
        ("as far as I know", "keeper", "as far as I know"),
        ("what of @gull and me@lamp.example?", "keeper", "what of gull and me@lamp.example?"),
        ("tell @everyone", "keeper", "tell everyone"),
    ],
)
async def test_another_voice_for_once(
    server: DiscordServer,
    backend: Backend,
    front: FrontClient,
    keeper: Voice,
    spy: Spy,
    text: str,
    voice: str,
    asked: str,
) -> None:
    await add_voice(backend, "gull")
    await add_voice(backend, "gull", "keeper")
    await answer_to(server, ask(server, text))
    assert (spy.voices, spy.asked) == ([voice], [(asked, ())])


async def test_people_are_called_by_their_names(
    server: DiscordServer, front: FrontClient, keeper: Voice, spy: Spy
) -> None:
    wren = server.add_user("wren")
    await answer_to(server, ask(server, f"have you seen {wren.mention} in <#{server.channel.id}>?"))
    assert spy.asked == [("have you seen wren in #perch?", ())]


async def test_a_voice_that_is_gone_or_kept_back_is_explained(
    server: DiscordServer, backend: Backend, front: FrontClient, keeper: Voice
) -> None:
    gone = await answer_to(server, ask(server, "as @nobody hello"))
    assert gone.content == "There is no voice of @nobody yet; `/voice list` shows which there are."
    await backend.store.consent.claim(Right("keeper", "discord:1", place_of(server), "owner"))
    kept = await answer_to(server, ask(server))
    assert kept.content == "The owner of @keeper does not share that voice here; ask them to."


async def test_a_strict_place_answers_no_blocked_word(
    server: DiscordServer, backend: Backend, front: FrontClient, keeper: Voice
) -> None:
    await backend.store.places.change(place_of(server), filter="strict", block_list=("lamp",))
    assert (await answer_to(server, ask(server, "what of the lamp?"))).content == BLOCKED
    assert (await answer_to(server, ask(server, "what of the fog?"))).content.endswith(LABEL)


# What was said before


async def test_the_chain_of_replies_is_the_context(
    server: DiscordServer, front: FrontClient, keeper: Voice, spy: Spy
) -> None:
    first = ask(server, "what of the fog?")
    answer = await answer_to(server, first)
    second = server.say(server.channel, server.person, "why?", reply_to=answer)
    again = await answer_to(server, second)
    front._connection._messages.clear()  # type: ignore[union-attr]  # as after a restart
    await answer_to(server, server.say(server.channel, server.person, "really?", reply_to=again))
    said, more = (message.content.removesuffix(LABEL) for message in (answer, again))
    assert spy.asked == [
        ("what of the fog?", ()),
        ("why?", ("what of the fog?", said)),
        ("really?", ("what of the fog?", said, "why?", more)),
    ]


async def test_what_the_bot_adds_to_a_voice_is_no_context(
    server: DiscordServer, front: FrontClient, keeper: Voice, spy: Spy
) -> None:
    shown = f"> what of the fog?\nIt is a \\*thick\\* fog\\_bank.{LABEL}\n-# Mention me and I answer as @keeper."
    answer = server.world.post(server.channel, server.bot, {"content": shown}, [])
    await answer_to(server, server.say(server.channel, server.person, "why?", reply_to=answer))
    assert spy.asked == [("why?", ("what of the fog?\nIt is a *thick* fog_bank.",))]


async def test_context_that_is_gone_is_done_without(
    server: DiscordServer, front: FrontClient, keeper: Voice, spy: Spy
) -> None:
    lost = server.say(server.channel, server.person, "lost")
    middle = server.say(server.channel, server.person, "between", reply_to=lost)
    server.world.delete(lost)
    await answer_to(
        server, server.say(server.channel, server.person, "and?", mentions=[server.bot], reply_to=middle)
    )
    # Of others the bot may read only what mentions it.
    assert spy.asked == [("and?", ())]


async def test_a_long_chain_ends_with_one_sentence(server: DiscordServer, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, discord=DiscordSettings(turns=2, person_answers=0), _env_file=None)
    async with open_backend(settings) as backend:
        await add_voice(backend, "keeper")
        await give_voice(backend, server.channel, "keeper")

        def go_on(answer: Message) -> Message:
            return server.say(server.channel, server.person, "and?", reply_to=answer)

        async with running_front(server, backend):
            second = await answer_to(server, go_on(await answer_to(server, ask(server))))
        # A chain is as long after a restart, with nothing in memory.
        async with running_front(server, backend):
            end = await answer_to(server, go_on(second))
            assert end.content == LONG_ENOUGH
            go_on(second)
            go_on(end)
            await nothing_more(server, server.channel, 3)
            await all_marked(backend)
            assert (await answer_to(server, ask(server))).content.endswith(LABEL)


# How soon, and in what order


async def test_hurry_is_explained_once(server: DiscordServer, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, discord=DiscordSettings(person_answers=1), _env_file=None)
    async with open_backend(settings) as backend, running_front(server, backend):
        await add_voice(backend, "keeper")
        await give_voice(backend, server.channel, "keeper")
        await answer_to(server, ask(server))
        hint = await answer_to(server, ask(server))
        assert hint.content == "That was a lot at once; ask me again in 20 s."
        ask(server)
        await nothing_more(server, server.channel, 2)
        other = server.add_user("wren")
        assert (await answer_to(server, ask(server, by=other))).content.endswith(LABEL)
        await all_marked(backend)


async def test_ten_at_once_are_answered_in_order(
    server: DiscordServer, backend: Backend, front: FrontClient, keeper: Voice, spy: Spy
) -> None:
    spy.delays = [0.02 * (10 - number) for number in range(10)]  # the first one thinks longest
    spy.gate = asyncio.Event()
    people = [server.add_user(f"person{number}") for number in range(10)]
    questions = [ask(server, f"what of the fog, {number}?", person) for number, person in enumerate(people)]
    await server.until(lambda: len(spy.asked) == 10)
    spy.gate.set()  # all are thought about before the first is answered
    await server.until(lambda: len(server.sent_messages(server.channel)) == 10)
    assert [answer.reply_to for answer in server.sent_messages(server.channel)] == questions
    await nothing_more(server, server.channel, 10)


async def test_silence_keeps_the_order_of_those_behind(
    server: DiscordServer, front: FrontClient, keeper: Voice, spy: Spy
) -> None:
    spy.delays = [0.15]
    slow = ask(server)
    front._connection.parse_message_create(slow.wire(server.bot, all_content=True))  # type: ignore[arg-type]
    quick = ask(server)
    await answer_to(server, quick)
    assert [answer.reply_to for answer in server.sent_messages(server.channel)] == [slow, quick]


async def test_typing_shows_while_something_waits(
    server: DiscordServer, front: FrontClient, keeper: Voice, spy: Spy, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing = f"/channels/{server.channel.id}/typing"
    server.faults.fail("POST", typing, status=403)  # which is no reason to say nothing
    spy.gate = asyncio.Event()
    first, second = ask(server), ask(server, by=server.add_user("wren"))
    await server.until(lambda: len(spy.asked) == 2 and server.calls("POST", typing))
    spy.gate.set()
    await answer_to(server, first)
    await answer_to(server, second)
    assert len(server.calls("POST", typing)) == 1
    await answer_to(server, ask(server))
    await server.until(lambda: len(server.calls("POST", typing)) == 2)
    await asyncio.sleep(NO_ANSWER)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("type in")]


# What goes wrong


async def test_nothing_to_say_is_said(server: DiscordServer, front: FrontClient, keeper: Voice, spy: Spy) -> None:
    spy.error = NothingToSayError("keeper found nothing to say that was its own; ask again or in other words.")
    assert (await answer_to(server, ask(server))).content == str(spy.error)


async def test_a_fault_shows_a_reference_that_stands_in_the_log(
    server: DiscordServer, backend: Backend, front: FrontClient, keeper: Voice, spy: Spy
) -> None:
    spy.error = RuntimeError("the stairs are wet")
    with capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        question = ask(server)
        answer = await answer_to(server, question)
        await server.until(lambda: any(line["event"] == "mention answered" for line in lines))
    fault = next(line for line in lines if line["event"] == "fault")
    assert answer.content == f"Something broke in Mynah itself; please report reference {fault['reference']}."
    assert "stairs" not in answer.content
    own = [line for line in lines if line.get("mention") == str(question.id)]
    assert {line["reference"] for line in own} == {fault["reference"]}
    assert len(own) == 2


async def test_a_persona_answers_and_is_answered_where_the_server_wants_it(
    server: DiscordServer, backend: Backend, front: FrontClient, keeper: Voice, spy: Spy
) -> None:
    loft = server.world.add_guild("Loft", permissions=Permissions(manage_webhooks=True))
    beam = server.world.add_channel(loft, "beam")
    await server.until(lambda: front.get_channel(beam.id))
    await backend.store.places.change(f"discord:{loft.id}", personas=True, default_voice="keeper")
    server.say(beam, loft.owner, "what of the fog?", mentions=[server.bot])
    await server.until(lambda: server.sent_messages(beam))
    (persona,) = server.sent_messages(beam)
    assert (persona.author.name, persona.author is server.bot) == ("keeper (AI parody)", False)
    server.say(beam, loft.owner, "and then?", reply_to=persona)
    await server.until(lambda: len(spy.asked) == 2)
    await server.until(lambda: len(server.sent_messages(beam)) == 2)
    await nothing_more(server, beam, 2)


async def test_a_persona_that_is_not_possible_is_replaced_by_a_reply(
    server: DiscordServer, backend: Backend, front: FrontClient, keeper: Voice
) -> None:
    await backend.store.places.change(place_of(server), personas=True)
    assert (await answer_to(server, ask(server))).author is server.bot
