"""What is done over HTTP alone, without a gateway: registering the commands, the links that bring the bot in."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord

from bot.fronts.discord.client import INTENTS, FrontTree
from bot.fronts.discord.connection import OUT_OF_REACH, point_discord_at, why_final
from bot.fronts.discord.dry_run import guard
from data.errors import InputError, MynahError, RefusedError
from data.settings import Settings

USER_INSTALL = "1"  # Discord's number of it, as a key
PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
)
# What of a command's payload is compared; numbers and what Discord fills in by itself is not.
COMPARED = {
    *("type", "name", "description", "options", "required", "autocomplete", "choices", "value", "channel_types"),
    *("min_value", "max_value", "min_length", "max_length"),
    *("contexts", "integration_types", "default_member_permissions", "nsfw"),
}


class Portal:
    """The application as Discord knows it. Made by `open_portal`."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._tree = FrontTree(client)

    @property
    def name(self) -> str:
        return str(self._client.user)

    async def sync(self, server: int | None = None) -> list[str]:
        """Register the commands everywhere, or on one server only; gives their names with a slash."""
        place = discord.Object(server) if server else None
        if place is not None:
            self._tree.copy_global_to(guild=place)
        try:
            registered = await self._tree.sync(guild=place)
        except (discord.Forbidden, discord.NotFound):
            raise RefusedError(
                f"Discord refuses commands on server {server}; bring the bot there first: `mynah discord invite`."
            ) from None
        return sorted(f"/{command.name}" for command in registered)

    async def in_sync(self) -> bool:
        """Whether Discord knows the commands as this Mynah has them."""
        registered = await self._client.http.get_global_commands(self._application)
        ours = [command.to_dict(self._tree) for command in self._tree.get_commands()]
        same: bool = _bare(registered) == _bare(ours)
        return same

    async def allows_user_install(self) -> bool:
        """Whether people may take the bot along; True as well where Discord doesn't say."""
        kinds = dict(await self._client.http.application_info()).get("integration_types_config")
        return not isinstance(kinds, Mapping) or USER_INSTALL in kinds

    def server_link(self, *, personas: bool = False) -> str:
        """Brings the bot to a server with the least permissions; persona webhooks take one more."""
        permissions = discord.Permissions(PERMISSIONS.value)
        permissions.manage_webhooks = personas
        return discord.utils.oauth_url(self._application, permissions=permissions) + "&integration_type=0"

    def user_link(self) -> str:
        """Lets a person take the commands along wherever they write."""
        link = discord.utils.oauth_url(self._application, scopes=("applications.commands",))
        return f"{link}&integration_type={USER_INSTALL}"

    @property
    def _application(self) -> int:
        assert self._client.application_id is not None  # known from the login on
        return self._client.application_id


@asynccontextmanager
async def open_portal(settings: Settings) -> AsyncIterator[Portal]:
    """Log in without connecting. Raises InputError for a bad token, MynahError where Discord can't be reached."""
    token = settings.discord.token.get_secret_value()
    if not token:
        raise InputError("There is no bot token; set MYNAH_DISCORD__TOKEN, as the README's part on Discord says.")
    point_discord_at(settings.discord)
    async with discord.Client(intents=INTENTS, http_trace=guard(settings)) as client:
        try:
            await client.login(token)
            yield Portal(client)
        except OUT_OF_REACH as error:
            raise _explained(error) from None
        except discord.LoginFailure as error:
            raise InputError(str(why_final(error))) from None


def _explained(error: Exception) -> MynahError:
    if isinstance(error, aiohttp.ClientError | OSError):
        return MynahError(f"Discord can't be reached ({error}); check the network, then try again.")
    return MynahError(f"Discord answered with an error ({error}); try again in a minute.")


def _bare(payload: Any) -> Any:
    """A payload without what may differ although nothing was changed: order, defaults, numbers."""
    if isinstance(payload, Mapping):
        kept = {key: _bare(payload[key]) for key in COMPARED if payload.get(key) not in (None, False, [], ())}
        if "default_member_permissions" in kept:
            kept["default_member_permissions"] = str(kept["default_member_permissions"])
        return kept
    if isinstance(payload, list) and payload and isinstance(payload[0], Mapping):
        return {(part.get("name"), str(part.get("value"))): _bare(part) for part in payload}
    return sorted(payload) if isinstance(payload, list) else payload
