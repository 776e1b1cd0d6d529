"""The AI label that posts carry, and the settings of the account that a platform's posts go out from."""

from data.errors import InputError
from data.posts import PLATFORMS
from data.settings import BlueskySettings, PlatformSettings, Settings, XSettings


def account_settings(settings: Settings, platform: str) -> XSettings | BlueskySettings:
    """Raises InputError for a platform that there is none of, or that is not set up."""
    accounts: dict[str, XSettings | BlueskySettings] = {"x": settings.x, "bluesky": settings.bluesky}
    account = accounts.get(platform)
    if account is None:
        raise InputError(f"'{platform}' is no platform to post on; choose {' or '.join(accounts)}.")
    if not account.ready:
        variables = ", ".join(account.missing)
        raise InputError(f"{PLATFORMS[platform]} is not set up; set {variables}, as the README says.")
    return account


def label_of(account: PlatformSettings) -> str:
    """What each post ends with; nothing where the profile holds the label."""
    return f"\n\n{account.label_text}" if account.label == "text" and account.label_text else ""


def labelled_for(account: PlatformSettings, text: str) -> str:
    """A text exactly as it is sent."""
    return text + label_of(account)
