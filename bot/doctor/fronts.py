"""What lies outside: Discord, X, Bluesky and the model hub, their keys, rules and money."""

from bot.autopost.checklist import CHECKLISTS, confirmed
from bot.doctor.finding import Finding
from bot.governor import Governor
from bot.hub.pushed import delete_doomed, in_a_sentence
from data.errors import MynahError
from data.posts import PLATFORMS
from data.settings import PlatformSettings, Settings
from data.store import Store, open_store
from data.store.ledger import MICRO, today

NEARLY = 80  # per cent of a budget
THIS = {"month": "this month", "day": "today"}


async def examine_hub(settings: Settings) -> Finding:
    """Whether a voice still stands on the model hub that had to go from there; it is tried again now."""
    try:
        async with open_store(settings.database) as store:
            gone, left = await delete_doomed(store, settings)
    except MynahError as error:
        return Finding("model hub", "fail", str(error), "Mend the store first.")
    if left:
        advice = "Mend that, then run `mynah doctor` again: platforms give a day for it."
        return Finding("model hub", "fail", in_a_sentence(left, left), advice)
    found = f"deleted there now: {', '.join(gone)}" if gone else "nothing waits to be deleted there"
    return Finding("model hub", "ok", found)


async def examine_discord(settings: Settings) -> Finding:
    """Whether Discord takes the token and knows the commands."""
    if not settings.discord.token.get_secret_value():
        return Finding("discord", "note", "not set up", "Set MYNAH_DISCORD__TOKEN to bring the voices there.")
    from bot.fronts.discord.portal import open_portal  # without a token nobody waits for discord.py

    try:
        async with open_portal(settings) as portal:
            if not await portal.in_sync():
                return Finding(
                    "discord", "fail", "the slash commands are missing or out of date", "Run `mynah discord sync`."
                )
            found = f"the token is {portal.name}'s; commands are registered; no privileged intent is needed"
            return Finding("discord", "ok", found)
    except MynahError as error:
        return Finding("discord", "fail", str(error), "Mend that, or unset MYNAH_DISCORD__TOKEN.")


async def examine_accounts(settings: Settings, *, sign_in: bool = False) -> list[Finding]:
    """Keys, rules and money of X and Bluesky. With `sign_in` the keys are tried, which X charges a read for."""
    findings = [_keys(settings, platform) for platform in PLATFORMS]
    ready = [finding.check for finding in findings if finding.state == "ok"]
    if not ready:
        return findings
    if settings.dry_run:
        findings.append(Finding("dry run", "note", "on: nothing is sent anywhere", "Unset MYNAH_DRY_RUN to post."))
    try:
        async with open_store(settings.database) as store:
            governor = Governor(store, settings)
            for platform in ready:
                if sign_in:
                    findings.append(await _sign_in(settings, governor, platform))
                findings += await _rules(store, platform)
            findings.append(await _spending(store, settings, governor))
    except MynahError as error:
        findings.append(Finding("spending", "fail", str(error), "Mend that; no post goes out before."))
    return findings


def _keys(settings: Settings, platform: str) -> Finding:
    account: PlatformSettings = getattr(settings, platform)
    if account.ready:
        return Finding(platform, "ok", "the account's keys are set")
    advice = f"Set {', '.join(account.missing)}"
    if len(account.missing) == len(account.account_keys):
        return Finding(platform, "note", "not set up", f"{advice} to bring the voices there.")
    return Finding(platform, "fail", "some of the account's keys are missing", f"{advice}.")


async def _sign_in(settings: Settings, governor: Governor, platform: str) -> Finding:
    check = f"{platform} account"
    from bot.platforms.opening import open_platforms  # nobody else waits for tweepy and atproto

    try:
        async with open_platforms(settings, governor) as platforms:
            account = await platforms[platform].account()
    except MynahError as error:
        return Finding(check, "fail", str(error), "Mend that, or take the account's keys out of the settings.")
    return Finding(check, "ok", f"the keys are those of @{account.handle}")


async def _rules(store: Store, platform: str) -> list[Finding]:
    """One finding where they are confirmed, else one for each."""
    check = f"{platform} rules"
    if confirmation := await confirmed(store, platform):
        person, since = confirmation
        return [Finding(check, "ok", f"confirmed by {person} on {since:%Y-%m-%d}")]
    unconfirmed = Finding(
        check,
        "note",
        "not confirmed, so nothing is posted",
        f"See to what follows, then run `mynah autopost confirm {platform}`.",
    )
    rules = CHECKLISTS[platform]
    return [unconfirmed, *(Finding(f"{platform}: {rule.name}", "note", rule.holds, rule.how) for rule in rules)]


async def _spending(store: Store, settings: Settings, governor: Governor) -> Finding:
    """How much of the budgets is left."""
    limits, day = settings.spending, today()
    budgets = [
        ("month", await store.ledger.spent(day[:7]), round(limits.month_dollars * MICRO)),
        ("day", await store.ledger.spent(day), round(limits.day_dollars * MICRO)),
    ]
    found = ", ".join(
        f"${spent / MICRO:.2f} of ${limit / MICRO:.2f} {THIS[period]}" for period, spent, limit in budgets
    )
    found += f"; prices of {governor.prices.as_of:%Y-%m-%d}"
    for period, spent, limit in budgets:
        if 100 * spent >= NEARLY * limit:
            variable = f"MYNAH_SPENDING__{period.upper()}_DOLLARS"
            return Finding("spending", "note", found, f"Raise {variable}, or calls stop until the next {period}.")
    return Finding("spending", "ok", found)
