"""What the doctor finds of the fronts: keys, Discord's commands, the rules of X and Bluesky, the budget."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.autopost.checklist import CHECKLISTS, subject
from bot.doctor import Finding, examine, examine_accounts, examine_discord
from bot.fronts.discord.portal import open_portal
from data.settings import BlueskySettings, Settings, SpendingSettings, XSettings
from data.store import Charge, open_store
from tests.discord_fronts import settings_for
from tests.discord_server import DiscordServer
from tests.x_platforms import x_settings
from tests.x_server import XServer


async def found(server: DiscordServer, settings: Settings) -> Finding:
    with server.pointed():
        return await examine_discord(settings)


async def test_no_token_is_a_note(server: DiscordServer, tmp_path: Path) -> None:
    finding = await found(server, settings_for(server, tmp_path, token=SecretStr("")))
    assert (finding.state, server.requests) == ("note", [])
    assert "MYNAH_DISCORD__TOKEN" in finding.advice


async def test_a_token_that_is_not_accepted_fails(server: DiscordServer, tmp_path: Path) -> None:
    finding = await found(server, settings_for(server, tmp_path, token=SecretStr("wrong")))
    assert finding.state == "fail"
    assert "Reset Token" in finding.found


async def test_discord_out_of_reach_fails(server: DiscordServer, tmp_path: Path) -> None:
    finding = await found(server, settings_for(server, tmp_path, api_base="http://127.0.0.1:1/api"))
    assert finding.state == "fail"
    assert "can't be reached" in finding.found


async def test_commands_are_compared_with_those_of_this_mynah(server: DiscordServer, tmp_path: Path) -> None:
    settings = settings_for(server, tmp_path)
    finding = await found(server, settings)
    assert finding.state == "fail"
    assert "mynah discord sync" in finding.advice

    with server.pointed():
        async with open_portal(settings) as portal:
            await portal.sync()
    assert (await found(server, settings)).state == "ok"
    # As Discord gives them back: in its own order, without what is false, with fields of its own.
    registered = server.world.commands[None]
    registered.reverse()
    for command in registered:
        command["name_localizations"] = None
        command.pop("nsfw")
        command["contexts"].reverse()
    assert (await found(server, settings)).state == "ok"

    registered[0]["description"] = "What it said in an earlier version"
    assert (await found(server, settings)).state == "fail"


def settings_with_x(home: Path, x: XSettings | None = None, **more: Any) -> Settings:
    keys = {name: SecretStr("key") for name in ("api_key", "api_secret", "access_token", "access_secret")}
    return Settings(home=home, x=x or XSettings(**keys), _env_file=None, **more)


def of(findings: Sequence[Finding], check: str) -> Finding:
    [finding] = [finding for finding in findings if finding.check == check]
    return finding


async def test_no_account_is_a_note_and_needs_no_store(tmp_path: Path) -> None:
    findings = await examine_accounts(Settings(home=tmp_path / "none", _env_file=None))
    assert [(finding.check, finding.state) for finding in findings] == [("x", "note"), ("bluesky", "note")]
    assert "MYNAH_X__ACCESS_SECRET" in findings[0].advice
    assert "MYNAH_BLUESKY__APP_PASSWORD" in findings[1].advice
    assert not (tmp_path / "none").exists()


async def test_half_of_the_keys_fail_and_those_that_lack_are_named(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        x=XSettings(api_key=SecretStr("key"), access_token=SecretStr("token")),
        bluesky=BlueskySettings(handle="mynah.test"),
        _env_file=None,
    )
    x, bluesky = await examine_accounts(settings)
    assert (x.state, x.advice) == ("fail", "Set MYNAH_X__API_SECRET, MYNAH_X__ACCESS_SECRET.")
    assert (bluesky.state, bluesky.advice) == ("fail", "Set MYNAH_BLUESKY__APP_PASSWORD.")


async def test_the_rules_stand_item_by_item_until_they_are_confirmed(tmp_path: Path) -> None:
    settings = settings_with_x(tmp_path)
    findings = await examine_accounts(settings)
    assert "mynah autopost confirm x" in of(findings, "x rules").advice
    for rule in CHECKLISTS["x"]:
        found = of(findings, f"x: {rule.name}")
        assert (found.state, found.found, found.advice) == ("note", rule.holds, rule.how)
    async with open_store(settings.database) as store:
        await store.standing.confirm(subject("x"), "ada")
    findings = await examine_accounts(settings)
    assert [finding.check for finding in findings] == ["x", "bluesky", "x rules", "spending"]
    assert of(findings, "x rules").state == "ok"
    assert "by ada" in of(findings, "x rules").found


async def test_a_budget_near_its_end_says_which_and_what_to_do(tmp_path: Path) -> None:
    settings = settings_with_x(tmp_path, spending=SpendingSettings(month_dollars=1, day_dollars=0.1), dry_run=True)
    findings = await examine_accounts(settings)
    assert of(findings, "spending").found.startswith("$0.00 of $1.00 this month, $0.00 of $0.10 today")
    assert of(findings, "dry run").state == "note"
    async with open_store(settings.database) as store:
        await store.ledger.settle("x", "draft 1", [Charge("post", "1", 80_000)], writing=True)
    spending = of(await examine_accounts(settings), "spending")
    assert (spending.state, "MYNAH_SPENDING__DAY_DOLLARS" in spending.advice) == ("note", True)


async def test_a_price_file_that_can_not_be_read_fails(tmp_path: Path) -> None:
    settings = settings_with_x(tmp_path, spending=SpendingSettings(prices=str(tmp_path / "none.toml")))
    spending = of(await examine_accounts(settings), "spending")
    assert spending.state == "fail"
    assert "none.toml" in spending.found


async def test_only_who_asks_for_it_pays_for_a_sign_in(tmp_path: Path) -> None:
    async with XServer() as server:
        settings = settings_with_x(tmp_path, x_settings(server))
        await examine_accounts(settings)
        assert server.requests == []
        findings = await examine_accounts(settings, sign_in=True)
        assert "@mynah" in of(findings, "x account").found
        assert (str(server.spent), "$0.01" in of(findings, "spending").found) == ("0.010", True)

        wrong = settings_with_x(tmp_path, x_settings(server, access_secret="other"))
        account = of(await examine_accounts(wrong, sign_in=True), "x account")
        assert account.state == "fail"
        assert account.advice


async def test_the_quick_examination_leaves_the_accounts_out(tmp_path: Path) -> None:
    findings = await examine(settings_with_x(tmp_path), quick=True)
    assert [finding.check for finding in findings] == ["home", "store", "trainer"]
