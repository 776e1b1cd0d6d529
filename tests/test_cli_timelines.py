"""`mynah import @handle --from` and `mynah refresh` as a person meets them: quoted, confirmed, killed, resumed."""

import asyncio
import json
import os
import pty
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli import app
from data.errors import InputError, MynahError, NotFoundError, RefusedError
from data.settings import Settings
from data.store import open_store
from data.store.ledger import MICRO, today
from tests.bluesky_server import BlueskyServer
from tests.posts import texts
from tests.processes import ROOT, environment
from tests.timeline_doubles import trained
from tests.tiny_voices import tiny_base
from tests.x_server import Account, XServer
from tests.x_server.bill import POST_READ

pytestmark = pytest.mark.timeout(300)

TIMELINE = r"/2/users/\d+/tweets"
LOOK_UP = Decimal("0.010")
READ = Decimal("0.005")


@dataclass
class Ended:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Terminal:
    """Somebody's machine: one home, and the X and Bluesky on loopback around it."""

    home: Path
    x: XServer
    bluesky: BlueskyServer

    @property
    def settings(self) -> dict[str, str]:
        keys = self.x.credentials
        return {
            "MYNAH_X__API_BASE": self.x.origin,
            "MYNAH_X__API_KEY": keys.consumer_key,
            "MYNAH_X__API_SECRET": keys.consumer_secret,
            "MYNAH_X__ACCESS_TOKEN": keys.access_token,
            "MYNAH_X__ACCESS_SECRET": keys.access_token_secret,
            "MYNAH_X__TRAINING_PERMITTED": "1",
            "MYNAH_BLUESKY__SERVICE": self.bluesky.origin,
            "MYNAH_BLUESKY__PUBLIC_API": self.bluesky.public_origin,
            "MYNAH_SPENDING__DAY_DOLLARS": "20",
            "MYNAH_SPENDING__MONTH_DOLLARS": "20",
        }

    async def start(self, *arguments: str, stdin: int = DEVNULL, **more: str) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *arguments),
            cwd=ROOT,
            env=environment(self.home, **{**self.settings, **more}),
            stdin=stdin,
            stdout=PIPE,
            stderr=PIPE,
        )

    async def mynah(self, *arguments: str, **more: str) -> Ended:
        return await ended(await self.start(*arguments, **more))

    async def answering(self, answer: str, *arguments: str) -> Ended:
        """The command in a terminal where somebody types."""
        ours, theirs = pty.openpty()
        try:
            process = await self.start(*arguments, stdin=theirs)
            os.write(ours, answer.encode())
            return await ended(process)
        finally:
            os.close(ours)
            os.close(theirs)

    async def store(self) -> "Contents":
        async with open_store(Settings(home=self.home, _env_file=None).database) as store:
            handles = await store.posts.handles()
            return Contents(
                posts={handle: len(await store.posts.posts(handle)) for handle in handles},
                imports={handle: len(await store.posts.imports(handle)) for handle in handles},
                spent=Decimal(await store.ledger.spent(today())) / MICRO,
            )

    def person(self, name: str, posts: int) -> Account:
        account = self.x.add_account(name)
        self.write(account, posts)
        return account

    def write(self, account: Account, posts: int) -> None:
        there = len(self.x.world.of(account))
        for text in texts(4_096)[there : there + posts]:
            self.x.post(account, text)

    def paid_posts(self) -> list[int]:
        return [charge.resource for charge in self.x.bill.charges if charge.kind == POST_READ and charge.dollars]


@dataclass
class Contents:
    """What a home holds: by handle, and dollars of today."""

    posts: Mapping[str, int]
    imports: Mapping[str, int]
    spent: Decimal


async def ended(process: Process) -> Ended:
    out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in err, err.decode()
    return Ended(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    async with XServer() as x, BlueskyServer() as bluesky:
        yield Terminal(tmp_path, x, bluesky)


# What is refused before anything is asked


@pytest.mark.parametrize(
    ("arguments", "kind", "sentence"),
    [
        (["@keeper"], InputError, "--from x"),
        (["archive.zip", "--from", "x"], InputError, "give one as in @some_one"),
        (["@keeper", "--from", "x", "--handle", "keeper"], InputError, "about files"),
        (["@keeper", "--from", "bluesky", "--format", "csv"], InputError, "about files"),
        (["@two words", "--from", "bluesky"], InputError, "not an account name"),
        (["@keeper", "--from", "x", "--yes"], RefusedError, "written permission"),
        (["nowhere.zip"], NotFoundError, "nowhere.zip"),
    ],
)
def test_mixtures_are_told_apart(
    tmp_path: Path, arguments: list[str], kind: type[MynahError], sentence: str
) -> None:
    result = CliRunner(env={"MYNAH_HOME": str(tmp_path)}).invoke(app, ["import", *arguments])
    assert isinstance(result.exception, kind)
    assert sentence in str(result.exception)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"MYNAH_X__TRAINING_PERMITTED": "0"}, "archive, which needs none"),
        ({"MYNAH_X__API_SECRET": ""}, "MYNAH_X__API_SECRET"),
        ({}, "--yes"),
    ],
)
async def test_x_is_not_asked_without_permission_keys_and_somebody_who_says_yes(
    terminal: Terminal, settings: dict[str, str], sentence: str
) -> None:
    terminal.person("keeper", 10)
    result = await terminal.mynah("import", "@keeper", "--from", "x", **settings)
    assert (result.code, result.out) == (5, "")
    assert sentence in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert terminal.x.requests == []


# Importing


async def test_the_quote_comes_first_and_no_is_the_default(terminal: Terminal) -> None:
    terminal.person("keeper", 250)
    result = await terminal.answering("\n", "import", "@keeper", "--from", "x")
    assert result.code == 1
    assert "Looking @keeper up costs $0.010." in result.err
    assert "250 posts to read at $0.005 each come to $1.25" in result.err
    assert "The budget has $19.99 left." in result.err
    assert terminal.x.spent == LOOK_UP
    contents = await terminal.store()
    assert (contents.posts, contents.spent) == ({}, LOOK_UP)

    result = await terminal.answering("y\n", "import", "@keeper", "--from", "x")
    assert result.code == 0
    assert "250 new" in result.out
    contents = await terminal.store()
    assert contents.posts == {"keeper": 250}
    assert contents.spent == terminal.x.spent == LOOK_UP + 250 * READ


async def test_json_is_that_of_a_file(terminal: Terminal) -> None:
    terminal.person("keeper", 250)
    result = await terminal.mynah("import", "@keeper", "--from", "x", "--yes", "--json", "--consent", "Keeper")
    assert result.code == 0
    assert (result.json["handle"], result.json["downloaded"], result.json["new"]) == ("keeper", 250, 250)
    origin = result.json["provenance"]
    assert (origin["source"], origin["file_name"], origin["consent"]) == ("x-api", "@keeper", "Keeper")
    (corpus,) = (await terminal.mynah("corpora", "--json")).json
    assert (corpus["kept"], corpus["digest"]) == (result.json["kept"], result.json["digest"])


async def test_bluesky_asks_nobody(terminal: Terminal) -> None:
    account = terminal.bluesky.add_account("keeper.bsky.social")
    for text in texts(250):
        terminal.bluesky.post(account, text)
    result = await terminal.mynah("import", "@keeper.bsky.social", "--from", "bluesky", "--json")
    assert result.code == 0, result.err
    assert "250 posts to read, free of charge" in result.err
    assert result.json["new"] == 250
    assert (await terminal.store()).spent == 0


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
async def test_killed_at_each_page_it_goes_on_and_every_post_is_paid_once(
    terminal: Terminal, how: signal.Signals
) -> None:
    terminal.person("keeper", 350)
    command = ("import", "@keeper", "--from", "x", "--yes", "--json")
    for page in range(4):
        # X has done its work and charged for it when the process dies waiting for the answer.
        asked = len(list(terminal.x.calls("GET /2/users/{id}/tweets")))
        if page:
            terminal.x.faults.delay("GET", TIMELINE, 0.0)
        terminal.x.faults.delay("GET", TIMELINE, 60.0, after_effect=True)
        process = await terminal.start(*command)
        while len(list(terminal.x.calls("GET /2/users/{id}/tweets"))) < asked + (2 if page else 1):
            await asyncio.sleep(0.02)
            assert process.returncode is None
        process.send_signal(how)
        result = await ended(process)
        assert result.code != 0
        contents = await terminal.store()
        assert contents.posts.get("keeper", 0) == 100 * page
        assert contents.spent >= terminal.x.spent
        if how == signal.SIGINT:
            assert result.code == 130
            assert "kept" in result.err
    result = await terminal.mynah(*command)
    assert (result.code, result.json["downloaded"]) == (0, 350)
    contents = await terminal.store()
    assert (contents.posts, contents.imports) == ({"keeper": 350}, {"keeper": 1})
    assert len(terminal.paid_posts()) == len(set(terminal.paid_posts())) == 350
    assert contents.spent == terminal.x.spent == LOOK_UP + 350 * READ


async def test_a_limit_and_a_budget_end_it_with_a_sentence(terminal: Terminal) -> None:
    terminal.person("keeper", 350)
    terminal.x.limits.set("GET /2/users/{id}/tweets", 1)
    command = ("import", "@keeper", "--from", "x", "--yes")
    result = await terminal.mynah(*command)
    assert result.code == 1
    assert "100 posts of @keeper are kept" in result.err
    terminal.x.clock.travel(901)
    terminal.x.limits.set("GET /2/users/{id}/tweets", 900)
    result = await terminal.mynah(*command, MYNAH_SPENDING__DAY_DOLLARS="1")
    assert result.code == 5
    assert "reading stops there, keeps what came, and goes on when there is more" in result.err
    assert "MYNAH_SPENDING__DAY_DOLLARS" in result.err
    assert (await terminal.mynah(*command)).code == 0
    contents = await terminal.store()
    assert contents.posts == {"keeper": 350}
    assert contents.spent == terminal.x.spent


# Refreshing


@pytest.mark.slow
async def test_a_refresh_fetches_and_trains_anew(terminal: Terminal) -> None:
    account = terminal.person("keeper", 400)
    assert (await terminal.mynah("import", "@keeper", "--from", "x", "--yes")).code == 0
    base = str(tiny_base(terminal.home / "base"))
    settings = Settings(home=terminal.home, base=base, offline=True, _env_file=None)
    async with open_store(settings.database) as store:
        await trained(store, settings, "keeper")
    before = terminal.x.spent

    terminal.write(account, 60)
    refused = await terminal.mynah("refresh")
    assert (refused.code, "--yes" in refused.err) == (5, True)
    assert terminal.x.spent == before
    result = await terminal.mynah("refresh", "@keeper", "--least", "20", "--yes", "--wait", "--json")
    assert result.code == 0, result.err
    assert "60 posts to read at $0.005 each come to $0.30" in result.err
    assert result.json["timelines"] == [{"handle": "keeper", "platform": "x", "new": 60, "error": None}]
    (voice,) = result.json["voices"]
    assert (voice["voice"], voice["created"]) == ("keeper", True)
    assert 20 <= voice["gained"] <= 60
    voices = (await terminal.mynah("voices", "--json")).json
    assert [(one["name"], one["base"]) for one in voices] == [("keeper", base)] * 2
    (corpus,) = (await terminal.mynah("corpora", "--json")).json
    assert voices[0]["posts"] == corpus["kept"]
    contents = await terminal.store()
    assert contents.spent == terminal.x.spent == before + 60 * READ  # the account was looked up today already
    assert contents.imports == {"keeper": 2}

    again = (await terminal.mynah("refresh", "--yes", "--json")).json
    assert again["timelines"][0]["new"] == 0
    assert again["voices"] == [{"voice": "keeper", "gained": 0, "run": None, "created": False, "error": None}]
    assert terminal.x.spent == contents.spent


async def test_a_refresh_says_what_it_could_not_do(terminal: Terminal) -> None:
    account = terminal.person("keeper", 400)
    robot = terminal.bluesky.add_account("robot.bsky.social")
    for text in texts(300, seed=1):
        terminal.bluesky.post(robot, text)
    assert (await terminal.mynah("import", "@keeper", "--from", "x", "--yes")).code == 0
    assert (await terminal.mynah("import", "@robot.bsky.social", "--from", "bluesky")).code == 0
    account.suspended = True
    terminal.bluesky.post(robot, "A word of its own, after all.")
    result = await terminal.mynah("refresh", "--yes")
    assert result.code == 1
    assert "@robot.bsky.social on Bluesky: 1 new posts" in result.out
    assert "X has suspended @keeper" in result.err
    nobody = await terminal.mynah("refresh", "@nobody")
    assert (nobody.code, "no posts of @nobody" in nobody.err) == (3, True)


async def test_a_refresh_without_timelines_says_so(terminal: Terminal) -> None:
    result = await terminal.mynah("refresh")
    assert result.code == 0
    assert "No timeline to fetch" in result.out
