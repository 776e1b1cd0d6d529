"""`mynah autopost`: schedules, drafts, rules and silences as operators meet them, and a post from end to end."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import Result
from typer.testing import CliRunner

from bot.autopost.checklist import CHECKLISTS, confirmed, subject
from bot.cli import app
from bot.cli.present import short_time
from bot.imitator import Imitator
from bot.shelf import VoiceShelf
from data.errors import InputError, MynahError, NotFoundError, RefusedError
from data.settings import Settings, XSettings
from data.store import NewDraft, Store, open_store
from tests.discord_fronts import BabblingEngine, store_voice
from tests.x_server import XServer

Answer = TypeVar("Answer")

X_KEYS = {f"MYNAH_X__{name}": "key" for name in ("API_KEY", "API_SECRET", "ACCESS_TOKEN", "ACCESS_SECRET")}
BLUESKY_KEYS = {"MYNAH_BLUESKY__HANDLE": "mynah.test", "MYNAH_BLUESKY__APP_PASSWORD": "app"}


@pytest.fixture(name="home", autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """X is set up, its rules are confirmed, and the keeper has a voice."""
    for name, value in {"MYNAH_HOME": str(tmp_path), **X_KEYS}.items():
        monkeypatch.setenv(name, value)

    async def work(store: Store) -> None:
        await store_voice(store, Settings(_env_file=None), "keeper")
        await store.standing.confirm(subject("x"), "operator")

    within(tmp_path, work)
    return tmp_path


def within(home: Path, work: Callable[[Store], Awaitable[Answer]]) -> Answer:
    async def session() -> Answer:
        async with open_store(Settings(home=home, _env_file=None).database) as store:
            return await work(store)

    return asyncio.run(session())


def run(*arguments: str, stdin: str = "", **settings: str) -> Result:
    return CliRunner().invoke(app, ["autopost", *arguments], input=stdin, env=settings)


def done(*arguments: str, **settings: str) -> str:
    result = run(*arguments, **settings)
    assert result.exit_code == 0, result.exception
    return result.stdout


def refused(*arguments: str, **settings: str) -> MynahError:
    error = run(*arguments, **settings).exception
    assert isinstance(error, MynahError), error
    assert "\n" not in str(error)
    return error


def listed(*arguments: str) -> Any:
    return json.loads(done(*arguments, "--json"))


class TestSchedules:
    def test_one_is_added_listed_paused_resumed_and_removed(self) -> None:
        assert "No schedules yet" in done("list")
        told = done("add", "@Keeper", "--every", "6h", "--between", "08:00-22:00", "--jitter", "20m", "--approve")
        assert "Schedule 1: keeper posts on X, every 6h, between 08:00 and 22:00, up to 20m later" in told
        assert "mynah autopost approve" in told
        done("add", "keeper", "--cron", "0 9 * * 1-5", "--timezone", "Asia/Tokyo", "--prompt", " The  fog ")

        first, second = listed("list")
        assert (first["voice"], first["platform"], first["approve"], first["paused"]) == (
            "keeper",
            "x",
            True,
            False,
        )
        assert (second["prompt"], second["timing"]["timezone"]) == ("The fog", "Asia/Tokyo")
        shown = done("list")
        assert short_time(datetime.fromisoformat(second["next_at"])) in shown  # by this machine's clock
        assert "cron 0 9 * * 1-5 (Asia/Tokyo)" in shown
        assert "with approval" in shown

        assert "mynah autopost resume 1" in done("pause", "1")
        assert "paused" in done("list")
        assert "its next time is 20" in done("resume", "1")
        assert "paused" not in done("list")
        done("remove", "1")
        assert [schedule["id"] for schedule in listed("list")] == [2]

    def test_when_must_be_said_once_and_rightly(self) -> None:
        for timing in ((), ("--every", "6h", "--cron", "* * * * *"), ("--every", "soon"), ("--cron", "monday")):
            assert isinstance(refused("add", "keeper", *timing), InputError)
        assert isinstance(refused("add", "keeper", "--every", "6h", "--timezone", "Mars/Olympus"), InputError)
        assert listed("list") == []

    def test_what_could_not_go_out_is_not_planned(self) -> None:
        assert "mynah train nobody" in str(refused("add", "nobody", "--every", "6h"))
        assert "Bluesky is not set up" in str(refused("add", "keeper", "--every", "6h", "--on", "bluesky"))
        done("confirm", "x", "--revoke")
        error = refused("add", "keeper", "--every", "6h")
        assert isinstance(error, RefusedError)
        assert "mynah autopost confirm x" in str(error)

    def test_the_platform_is_the_one_that_is_set_up_or_else_asked_for(self) -> None:
        assert "--on x or --on bluesky" in str(refused("add", "keeper", "--every", "6h", **BLUESKY_KEYS))
        done("add", "keeper", "--every", "6h", "--on", "x", **BLUESKY_KEYS)
        done("confirm", "bluesky", "--yes")
        alone = {**BLUESKY_KEYS, "MYNAH_X__API_KEY": ""}
        assert "posts on Bluesky" in done("add", "keeper", "--every", "6h", **alone)
        half = refused("add", "keeper", "--every", "6h", MYNAH_X__API_KEY="")
        assert "set MYNAH_X__API_KEY," in str(half)
        nothing = dict.fromkeys(XSettings.account_keys, "")
        assert "Neither X nor Bluesky" in str(refused("add", "keeper", "--every", "6h", **nothing))

    def test_what_a_month_will_cost_is_said_beforehand(self) -> None:
        said = done("add", "keeper", "--every", "6h", "--on", "x")
        assert "about 120 of them: $1.80 of at most $5.00" in said
        assert "1,000 and more of them: $15.00" in done("add", "keeper", "--cron", "* * * * *", "--on", "x")

    @pytest.mark.parametrize("command", ["pause", "resume", "remove"])
    def test_a_number_that_no_schedule_has(self, command: str) -> None:
        error = refused(command, "7")
        assert isinstance(error, NotFoundError)
        assert "mynah autopost list" in str(error)


class TestQueue:
    @staticmethod
    async def fill(store: Store) -> None:
        """1 is due, 2 waits for approval, 3 is approved, 4 failed, 5 is posted and 6 an answer that is due."""
        for key in ("due", "draft", "approved", "failed", "posted"):
            await store.drafts.enter(NewDraft(key, "x", "keeper", approve=key == "draft"))
        await store.drafts.enter(NewDraft("x mention 9", "x", "keeper", "Fog?", reply_to="9", person="x:1"))
        await store.drafts.move(2, "due", "draft", text="The fog \x1b[31mcame [red]in.")
        await store.drafts.move(3, "due", "approved", text="A gull.")
        await store.drafts.move(4, "due", "failed", error="X did not want it.")
        await store.drafts.move(5, "due", "approved", text="Out.")
        for step in (("approved", "posting"), ("posting", "posted")):
            await store.drafts.move(5, *step)

    def test_what_is_on_its_way_stands_with_its_text_and_trouble(self, home: Path) -> None:
        assert "Nothing is on its way" in done("queue")
        within(home, self.fill)
        shown = done("queue")
        assert "\x1b[31m" not in shown
        assert "came [red]in." in shown
        assert "3  keeper, post on X" in shown
        assert "X did not want it." in shown
        assert "6  keeper, answer on X" in shown
        assert "mynah autopost approve 2" in shown
        assert "Out." not in shown
        assert {row["id"]: row["state"] for row in listed("queue")} == {
            1: "due",
            2: "draft",
            3: "approved",
            4: "failed",
            6: "due",
        }

    def test_a_draft_is_approved_or_rejected_once(self, home: Path) -> None:
        within(home, self.fill)
        assert "goes out on X" in done("approve", "2")
        assert "approved by now" in str(refused("approve", "2"))
        done("reject", "3")
        for command, number in (("approve", "3"), ("reject", "3"), ("reject", "5")):
            assert isinstance(refused(command, number), RefusedError)
        for command in ("approve", "reject"):
            assert "mynah autopost queue" in str(refused(command, "99"))
        states = {row["id"]: row["state"] for row in listed("queue")}
        assert (states[2], 3 in states) == ("approved", False)


class TestConfirm:
    def test_each_rule_is_asked_and_one_no_ends_it(self, home: Path) -> None:
        done("confirm", "x", "--revoke")
        asked = run("confirm", "x", stdin="y\nn\n")
        assert isinstance(asked.exception, RefusedError)
        assert [rule.holds in asked.stdout for rule in CHECKLISTS["x"]] == [True, True] + [False] * 5
        assert run("confirm", "x", stdin="").exit_code == 1
        assert within(home, lambda store: confirmed(store, "x")) is None

        answers = "y\n" * len(CHECKLISTS["x"])
        assert run("confirm", "x", stdin=answers).exit_code == 0
        found = within(home, lambda store: confirmed(store, "x"))
        assert found is not None
        assert found[0] == "operator"

    def test_yes_asks_nothing_and_revoke_takes_it_back(self, home: Path) -> None:
        shown = " ".join(done("confirm", "bluesky", "--yes").split())
        assert all(rule.how in shown for rule in CHECKLISTS["bluesky"])
        assert within(home, lambda store: confirmed(store, "bluesky")) is not None
        assert "until `mynah autopost confirm bluesky`" in done("confirm", "bluesky", "--revoke")
        assert within(home, lambda store: confirmed(store, "bluesky")) is None
        assert within(home, lambda store: confirmed(store, "x")) is not None

    def test_there_is_no_other_platform(self) -> None:
        assert run("confirm", "mastodon").exit_code == 2


def test_silences_are_seen_and_lifted(home: Path) -> None:
    assert "Nobody asked for silence" in done("silences")
    within(home, lambda store: store.standing.silence("x:12"))
    assert "x:12" in done("silences")
    assert [row["person"] for row in listed("silences")] == ["x:12"]
    assert isinstance(refused("silences", "--lift", "x:13"), NotFoundError)
    assert "x:12 is answered again" in done("silences", "--lift", "x:12")
    assert listed("silences") == []


class TestPostNow:
    """The command in a thread of its own, as its event loop is; X on loopback, and an engine that babbles."""

    @pytest.fixture(name="server")
    async def _server(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[XServer]:
        @contextlib.asynccontextmanager
        async def babbling(settings: Settings, store: Store) -> AsyncIterator[Imitator]:
            async with VoiceShelf(BabblingEngine(), 10) as shelf:
                yield Imitator(shelf, store, settings)

        monkeypatch.setattr("bot.cli.drafts.open_imitator", babbling)
        async with XServer() as server:
            keys = server.credentials
            for name, value in {
                "API_KEY": keys.consumer_key,
                "API_SECRET": keys.consumer_secret,
                "ACCESS_TOKEN": keys.access_token,
                "ACCESS_SECRET": keys.access_token_secret,
                "API_BASE": server.origin,
            }.items():
                monkeypatch.setenv(f"MYNAH_X__{name}", value)
            yield server

    @staticmethod
    async def post_now(*arguments: str, **settings: str) -> Result:
        return await asyncio.to_thread(run, "post-now", "keeper", *arguments, **settings)

    async def test_it_writes_posts_and_says_where(self, server: XServer) -> None:
        result = await self.post_now("--prompt", "The lamp")
        assert result.exit_code == 0, result.exception
        [post] = server.posted
        text, address = result.stdout.removesuffix("\n").rsplit("\n", 1)
        assert text.startswith("The lamp ")
        assert text.endswith("\n\n🤖 AI parody")
        assert post.text == text
        assert address == f"https://x.com/i/status/{post.id}"
        as_json = json.loads((await self.post_now("--json")).stdout)
        assert as_json["address"] == f"https://x.com/i/status/{server.posted[1].id}"
        assert as_json["state"] == "posted"

    async def test_with_approval_it_is_only_written(self, server: XServer) -> None:
        result = await self.post_now("--approve")
        assert result.exit_code == 0
        assert "mynah autopost approve 1" in result.stdout
        assert (server.posted, server.requests) == ([], [])
        [draft] = await asyncio.to_thread(listed, "queue")
        assert draft["state"] == "draft"
        assert draft["text"] in result.stdout

    async def test_a_dry_run_shows_what_it_would_have_said(self, server: XServer) -> None:
        result = await self.post_now(MYNAH_DRY_RUN="1")
        assert result.exit_code == 0, result.exception
        assert "🤖 AI parody" in result.stdout
        assert "A dry run: without it, that would be on X now." in result.stdout
        assert server.requests == []

    async def test_without_budget_it_waits_and_says_why(self, server: XServer) -> None:
        result = await self.post_now(MYNAH_SPENDING__DAY_DOLLARS="0.01")
        assert isinstance(result.exception, MynahError)
        assert "not out yet" in str(result.exception)
        assert "MYNAH_SPENDING__DAY_DOLLARS" in str(result.exception)
        assert "mynah autopost reject 1" in str(result.exception)
        assert server.requests == []

    async def test_before_the_rules_are_confirmed_nothing_is_written(self, server: XServer) -> None:
        await asyncio.to_thread(done, "confirm", "x", "--revoke")
        result = await self.post_now()
        assert isinstance(result.exception, RefusedError)
        assert "mynah autopost confirm x" in str(result.exception)
        assert await asyncio.to_thread(listed, "queue") == []


def test_the_queue_forgets_old_failures(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(store: Store) -> None:
        await store.drafts.enter(NewDraft("old", "x", "keeper"))
        await store.drafts.move(1, "due", "failed", error="It missed its time.")

    within(home, fail)
    assert len(listed("queue")) == 1
    monkeypatch.setattr("bot.cli.drafts.FAILED_DAYS", 0)
    assert listed("queue") == []
