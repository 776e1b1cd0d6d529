"""The operator's side of consent, in real processes: `optouts`, `optout`, `optin`, `reports`, what they refuse."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from bot.doctor import examine
from data.settings import Settings
from data.store import Store, open_store
from tests.discord_fronts import store_voice
from tests.posts import bring
from tests.test_cli import mynah, printed

Result = TypeVar("Result")


def within(home: Path, work: Callable[[Store, Settings], Awaitable[Result]]) -> Result:
    """What happened before the operator comes."""
    settings = Settings(home=home, _env_file=None)

    async def session() -> Result:
        async with open_store(settings.database) as store:
            return await work(store, settings)

    return asyncio.run(session())


def test_an_opted_out_handle_is_refused_by_every_command_until_it_is_lifted(tmp_path: Path) -> None:
    async def live(store: Store, settings: Settings) -> None:
        await bring(store, "keeper")
        await store_voice(store, settings, "keeper")

    within(tmp_path, live)
    posts = tmp_path / "keeper.csv"
    posts.write_text("id,text\n1,Fog at noon.\n")
    assert mynah(tmp_path, "optouts").stdout.strip() == "Nobody has opted out."
    silenced = mynah(tmp_path, "optout", "@Keeper")
    assert silenced.returncode == 0
    assert "mynah forget keeper" in silenced.stdout
    for arguments in (
        ("say", "keeper", "-n", "1"),
        ("export", "keeper", str(tmp_path / "taken")),
        ("train", "keeper", "--detach"),
        ("import", str(posts)),
    ):
        refused = mynah(tmp_path, *arguments)
        assert refused.returncode == 5, refused.stderr
        assert "@keeper has opted out: nobody may import, train or speak" in refused.stderr
    [row] = printed(mynah(tmp_path, "optouts", "--json"))
    assert (row["handle"], row["person"], row["wants_erasure"]) == ("keeper", "operator", False)
    assert mynah(tmp_path, "optin", "keeper").returncode == 0
    again = mynah(tmp_path, "optin", "keeper")
    assert again.returncode == 3
    assert "mynah optouts" in again.stderr
    assert mynah(tmp_path, "import", str(posts)).returncode != 5


def test_who_waits_to_be_erased_is_shown_until_it_is_done(tmp_path: Path) -> None:
    async def live(store: Store, settings: Settings) -> None:
        await bring(store, "keeper", count=3)
        await store.consent.opt_out("keeper", "discord:1", wants_erasure=True)

    async def findings() -> dict[str, str]:
        return {finding.check: finding.state + finding.advice for finding in await examine(settings)}

    settings = Settings(home=tmp_path, base="builtin", offline=True, _env_file=None)
    within(tmp_path, live)
    listed = mynah(tmp_path, "optouts").stdout
    assert "yes" in listed
    assert "mynah forget keeper" in listed
    assert "mynah forget keeper" in asyncio.run(findings())["erasure"]
    assert printed(mynah(tmp_path, "forget", "keeper", "--yes", "--json"))["posts"] == 3
    [row] = printed(mynah(tmp_path, "optouts", "--json"))
    assert not row["wants_erasure"]
    assert asyncio.run(findings())["erasure"] == "ok"


def test_reports_tell_what_was_said_by_whom_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    async def live(store: Store, settings: Settings) -> None:
        voice = await store_voice(store, settings, "keeper")
        for key, reason in ((voice.record.key, "rude \x1b[31mand [red]"), ("erased", "")):
            reply = await store.replies.add(
                key, "fog?", "The fog is yours.", 1, "discord", "discord:1", "discord:9"
            )
            await store.replies.report(reply, "discord:2", reason)

    assert mynah(tmp_path, "reports").stdout.strip() == "Nothing was reported."
    within(tmp_path, live)
    shown = mynah(tmp_path, "reports").stdout
    assert "\x1b" not in shown
    assert "and [red]" in shown
    assert shown.count("The fog is yours.") == 2
    assert "no reason given" in shown
    rows = printed(mynah(tmp_path, "reports", "--json"))
    assert [(row["voice"], row["text"]) for row in rows] == [
        ("erased", "The fog is yours."),
        ("keeper", "The fog is yours."),
    ]
    assert json.dumps(rows).count("discord:2") == 2
