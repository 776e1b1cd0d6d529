"""Everything a set-up needs, tested for real; each finding says what to do about it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.doctor import installation
from bot.doctor.finding import Finding, State
from bot.doctor.fronts import examine_accounts, examine_discord, examine_hub
from data.settings import Settings

__all__ = ["Finding", "State", "examine", "examine_accounts", "examine_discord"]


async def examine(
    settings: Settings, *, quick: bool = False, expect_trainer: bool = False, sign_in: bool = False
) -> list[Finding]:
    """Run every check, or with `quick` those that cost next to nothing; none of them raises.

    `sign_in` tries the keys of X and Bluesky as well, which X charges a read for.
    """
    checks: list[Callable[[Settings], Awaitable[Finding]]] = [
        installation.examine_home,
        installation.examine_store,
        installation.examine_trainer,
    ]
    if not quick:
        checks = [
            installation.examine_python,
            installation.examine_memory,
            *checks,
            installation.examine_builtin,
            installation.examine_base,
            installation.examine_tuning,
            installation.examine_speaking,
            installation.examine_erasure,
            examine_hub,
            examine_discord,
        ]
    findings = [await check(settings) for check in checks]
    if not quick:
        findings += await examine_accounts(settings, sign_in=sign_in)
    if expect_trainer:
        findings = [
            replace(finding, state="fail") if finding.check == "trainer" and finding.state == "note" else finding
            for finding in findings
        ]
    return findings
