"""The REST routes that a bot calls under its own name: itself, channels, messages, webhooks, commands."""

from .errors import invalid_form, other_author, unknown_user, unknown_webhook
from .gateway import Gateway
from .http import NO_CONTENT, Answer, Call, Handler
from .messages import Message
from .state import Channel, Payload, Webhook, snowflake
from .world import World

MOST_HISTORY = 100  # messages in one answer, as Discord documents it


class Routes:
    """The handlers, over one world."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self.world, self.gateway = world, gateway
        self.shards = 1  # what /gateway/bot recommends

    def table(self) -> dict[tuple[str, str], Handler]:
        channel, message = "/channels/{channel}", "/channels/{channel}/messages/{message}"
        commands = "/applications/{application}/commands"
        guild_commands = "/applications/{application}/guilds/{guild}/commands"
        return {
            ("GET", "/users/@me"): self.me,
            ("GET", "/users/{user}"): self.user,
            ("POST", "/users/@me/channels"): self.open_direct_channel,
            ("GET", "/oauth2/applications/@me"): self.application,
            ("GET", "/gateway/bot"): self.gateway_for_bots,
            ("GET", channel): self.channel,
            ("POST", f"{channel}/typing"): self.typing,
            ("GET", f"{channel}/messages"): self.history,
            ("POST", f"{channel}/messages"): self.send,
            ("GET", message): self.message,
            ("PATCH", message): self.edit,
            ("DELETE", message): self.delete,
            ("GET", f"{channel}/webhooks"): self.webhooks,
            ("POST", f"{channel}/webhooks"): self.create_webhook,
            ("DELETE", "/webhooks/{id}"): self.delete_webhook,
            ("GET", commands): self.commands,
            ("PUT", commands): self.replace_commands,
            ("GET", guild_commands): self.commands,
            ("PUT", guild_commands): self.replace_commands,
        }

    def _wire(self, message: Message) -> Payload:
        return message.wire(self.world.bot, all_content=self.world.privileged_intents.message_content)

    async def me(self, call: Call) -> Answer:
        return self.world.bot.wire() | {"verified": True, "mfa_enabled": False, "locale": "en-US"}

    async def user(self, call: Call) -> Answer:
        user = self.world.users.get(call.number("user"))
        if user is None:
            raise unknown_user()
        return user.wire()

    async def open_direct_channel(self, call: Call) -> Answer:
        user = self.world.users.get(int(call.payload["recipient_id"]))
        if user is None or user is self.world.bot:
            raise unknown_user()
        return self.world.direct_channel(user).wire()

    async def application(self, call: Call) -> Answer:
        bot = self.world.bot
        owner = next(iter(self.world.guilds.values())).owner if self.world.guilds else bot
        return {
            "id": str(bot.id),
            "name": bot.name,
            "icon": None,
            "description": "",
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "00",
            "flags": 0,
            "integration_types_config": self.world.installable,
            "owner": owner.wire(),
            "bot": bot.wire(),
            **({"team": self.world.team} if self.world.team else {}),
        }

    async def gateway_for_bots(self, call: Call) -> Answer:
        starts = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
        return {"url": self.gateway.url, "shards": self.shards, "session_start_limit": starts}

    async def channel(self, call: Call) -> Answer:
        return self.world.channel_for_bot(call.number("channel")).wire()

    async def typing(self, call: Call) -> Answer:
        self.world.channel_for_bot(call.number("channel"), send_messages=True)
        return NO_CONTENT

    async def history(self, call: Call) -> Answer:
        channel = self.world.channel_for_bot(call.number("channel"), read_message_history=True)
        found = sorted(channel.messages.values(), key=lambda message: message.id, reverse=True)
        limit = int(call.query.get("limit", 50))
        if not 1 <= limit <= MOST_HISTORY:
            raise invalid_form(f"limit: int value should be between 1 and {MOST_HISTORY}.")
        if "before" in call.query:
            found = [message for message in found if message.id < int(call.query["before"])]
        if "after" in call.query:
            # The oldest that qualify, still newest first: discord.py pages forward with this.
            found = [message for message in found if message.id > int(call.query["after"])][-limit:]
        return [self._wire(message) for message in found[:limit]]

    async def message(self, call: Call) -> Answer:
        channel = self.world.channel_for_bot(call.number("channel"), read_message_history=True)
        return self._wire(self.world.message(channel, call.number("message")))

    async def send(self, call: Call) -> Answer:
        needed = {"attach_files": True} if call.files else {}
        channel = self.world.channel_for_bot(call.number("channel"), send_messages=True, **needed)
        nonce = call.payload.get("nonce") if call.payload.get("enforce_nonce") else None
        known = self.world.nonces.get((channel.id, str(nonce)))
        if nonce is None or known is None:
            known = self.world.post(channel, self.world.bot, call.payload, call.files)
            if nonce is not None:
                self.world.nonces[channel.id, str(nonce)] = known
        return self._wire(known)

    async def edit(self, call: Call) -> Answer:
        message = self._own(call)
        self.world.edit(message, call.payload, call.files)
        return self._wire(message)

    async def delete(self, call: Call) -> Answer:
        channel = self.world.channel_for_bot(call.number("channel"))
        message = self.world.message(channel, call.number("message"))
        if message.author is not self.world.bot:
            self.world.channel_for_bot(channel.id, manage_messages=True)
        self.world.delete(message)
        return NO_CONTENT

    def _own(self, call: Call) -> Message:
        channel = self.world.channel_for_bot(call.number("channel"))
        message = self.world.message(channel, call.number("message"))
        if message.author is not self.world.bot:
            raise other_author()
        return message

    async def webhooks(self, call: Call) -> Answer:
        channel = self._webhook_channel(call)
        return [webhook.wire() for webhook in self.world.webhooks.values() if webhook.channel is channel]

    async def create_webhook(self, call: Call) -> Answer:
        webhook = Webhook(self._webhook_channel(call), call.payload["name"], self.world.bot)
        self.world.webhooks[webhook.id] = webhook
        return webhook.wire()

    async def delete_webhook(self, call: Call) -> Answer:
        webhook = self.world.webhooks.get(call.number("id"))
        if webhook is None:
            raise unknown_webhook()
        self.world.channel_for_bot(webhook.channel.id, manage_webhooks=True)
        del self.world.webhooks[webhook.id]
        return NO_CONTENT

    def _webhook_channel(self, call: Call) -> Channel:
        return self.world.channel_for_bot(call.number("channel"), manage_webhooks=True)

    async def commands(self, call: Call) -> Answer:
        return self.world.commands.get(self._place(call), [])

    async def replace_commands(self, call: Call) -> Answer:
        place = self._place(call)
        known = {command["name"]: command for command in self.world.commands.get(place, [])}
        self.world.commands[place] = [
            command
            | {
                "id": known[command["name"]]["id"] if command["name"] in known else str(snowflake()),
                "application_id": str(self.world.bot.id),
                "version": str(snowflake()),
                **({"guild_id": str(place)} if place else {}),
            }
            for command in call.payload
        ]
        return self.world.commands[place]

    @staticmethod
    def _place(call: Call) -> int | None:
        return call.number("guild") if "guild" in call.parameters else None
