"""How drafts and schedules read: a draft's card, where it stands in one sentence, and a line of a list."""

from collections.abc import Mapping
from textwrap import shorten

from bot.autopost.label import labelled_for
from bot.autopost.timing import Timing
from bot.fronts.discord.card_text import safe
from bot.fronts.discord.completion import mixed
from bot.fronts.discord.names import number_of
from bot.fronts.discord.speech import LONGEST_MESSAGE, asked_of, escaped, name_of
from bot.platforms import Platform
from bot.platforms.addresses import address_of
from data.posts import PLATFORMS
from data.settings import BlueskySettings, Settings, XSettings
from data.store import Draft, Schedule

LONGEST_TEXT = 1_200  # characters of a quoted draft as sent to Discord; no platform takes so many
LONGEST_REASON = 400  # characters of what went wrong
LONGEST_GLIMPSE = 60  # characters of a draft in a list


def card(draft: Draft, schedule: Schedule | None, settings: Settings, platforms: Mapping[str, Platform]) -> str:
    """A draft as it will be sent, and where it stands. The length is told where the platform is connected."""
    account = _account(settings, draft.platform)
    lines = [f"**Draft {draft.id}** of {_name(draft)} for {PLATFORMS[draft.platform]}"]
    if schedule is not None:
        lines.append(f"-# Schedule {schedule.id}: {escaped(str(Timing.from_json(schedule.timing)))}")
    if draft.reply_to:
        lines.append(f"-# In answer to “{asked_of(draft.prompt)}”")
    if draft.text:
        sent = labelled_for(account, draft.text)
        lines += [f"> {line}" for line in safe(sent)[:LONGEST_TEXT].split("\n")]
        lines += _small_print(sent, account, platforms.get(draft.platform))
    end = f"\n{outcome(draft)}"
    return "\n".join(lines)[: LONGEST_MESSAGE - len(end)] + end


def outcome(draft: Draft) -> str:
    """Where a draft stands, as a sentence."""
    match draft.state:
        case "due":
            return f"The voice looks for words.{_trouble(draft)}"
        case "draft":
            return "It waits for approval."
        case "approved":
            by = f"Approved by {_who(draft.decided_by)}; it" if draft.approve else "It"
            return f"{by} goes out next.{_trouble(draft)}"
        case "posting":
            return "It is on its way."
        case "unknown":
            return f"It is not known yet whether it arrived, so I look before I try again.{_trouble(draft)}"
        case "posted":
            return f"Posted: <{address_of(draft.platform, draft.published)}>"
        case "failed":
            return f"It was not posted: {_reason(draft)}"
        case "rejected" if draft.error:
            return f"It was rejected: {_reason(draft)}"
        case "rejected":
            return f"Rejected by {_who(draft.decided_by)}." if draft.decided_by else "It was rejected."


def erased(number: int) -> str:
    """The card of a draft whose row is gone."""
    return f"**Draft {number}** was erased together with what it was made of."


def draft_line(draft: Draft) -> str:
    """A draft in a list."""
    glimpse = f" “{safe(_glimpse(draft))}”" if draft.text else ""
    return (
        f"- **{draft.id}** {_name(draft)} on {PLATFORMS[draft.platform]}{glimpse}: "
        f"{outcome(draft)} <t:{int(draft.changed_at.timestamp())}:R>"
    )


def draft_choice(draft: Draft) -> str:
    """A draft as autocomplete shows it, where nothing is markup."""
    glimpse = f": {_glimpse(draft)}" if draft.text else ""
    return f"{draft.id}: {_mixed(draft)} on {PLATFORMS[draft.platform]}{glimpse}"


def schedule_line(schedule: Schedule) -> str:
    """A schedule in a list."""
    next_time = f"next <t:{int(schedule.next_at.timestamp())}:f>" if schedule.next_at else "no next time"
    parts = [
        f"- **{schedule.id}** {_name(schedule)} on {PLATFORMS[schedule.platform]}, "
        f"{escaped(str(Timing.from_json(schedule.timing)))}",
        "**paused**" if schedule.paused else next_time,
    ]
    if schedule.prompt:
        parts.append(f"begins “{asked_of(schedule.prompt)}”")
    if schedule.approve:
        where = f" in <#{number_of(schedule.channel)}>" if schedule.channel else ""
        parts.append(f"each waits for approval{where}")
    return " · ".join(parts)


def schedule_choice(schedule: Schedule) -> str:
    """A schedule as autocomplete shows it."""
    paused = ", paused" if schedule.paused else ""
    timing = Timing.from_json(schedule.timing)
    return f"{schedule.id}: {_mixed(schedule)} on {PLATFORMS[schedule.platform]}, {timing}{paused}"


def decided(draft: Draft) -> str:
    """For who came too late: who was faster, where that is known."""
    return f"{_who(draft.decided_by)} was faster." if draft.decided_by else ""


def _name(planned: Draft | Schedule) -> str:
    return name_of(planned.voice.split("+"))


def _mixed(planned: Draft | Schedule) -> str:
    return mixed(planned.voice.split("+"))


def _account(settings: Settings, platform: str) -> XSettings | BlueskySettings:
    return settings.bluesky if platform == "bluesky" else settings.x


def _small_print(sent: str, account: XSettings | BlueskySettings, platform: Platform | None) -> list[str]:
    lines = [f"-# {platform.length(sent)} of {platform.longest} characters"] if platform is not None else []
    return lines + (["-# The account's profile holds the AI label."] if account.label == "profile" else [])


def _who(person: str) -> str:
    """A mention shows the name that somebody has; it calls nobody."""
    return f"<@{number_of(person)}>" if person.startswith("discord:") else "the operator"


def _trouble(draft: Draft) -> str:
    return f" {_reason(draft)}" if draft.error else ""


def _reason(draft: Draft) -> str:
    return safe(shorten(draft.error or "there is no reason on record; see the log.", LONGEST_REASON))


def _glimpse(draft: Draft) -> str:
    return shorten(draft.text, LONGEST_GLIMPSE, placeholder=" …")
