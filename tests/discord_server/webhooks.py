"""The routes whose path carries a token: answers to interactions, and messages through webhooks."""

import time

from .errors import (
    already_acknowledged,
    expired_token,
    invalid_form,
    unknown_interaction,
    unknown_message,
    unknown_webhook,
)
from .http import NO_CONTENT, Answer, Call, Handler
from .interactions import Interaction
from .messages import COMMAND_ANSWER, EPHEMERAL, LOADING, PLAIN, Attachment, Message
from .state import Payload, User, Webhook
from .world import World

MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, CHOICES, FORM = 4, 5, 6, 7, 8, 9  # callback types
MOST_CHOICES = 25  # of one autocomplete


class WebhookRoutes:
    """The handlers, over one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def table(self) -> dict[tuple[str, str], Handler]:
        message = "/webhooks/{id}/{token}/messages/{message}"
        return {
            ("POST", "/interactions/{id}/{token}/callback"): self.callback,
            ("POST", "/webhooks/{id}/{token}"): self.send,
            ("GET", message): self.message,
            ("PATCH", message): self.edit,
            ("DELETE", message): self.delete,
        }

    async def callback(self, call: Call) -> Answer:
        """The first answer to an interaction."""
        interaction = self.world.interactions.get(call.parameters["token"])
        if interaction is None or interaction.id != call.number("id") or interaction.late:
            raise unknown_interaction()
        if interaction.callback is not None:
            raise already_acknowledged()
        kind, data = call.payload["type"], call.payload.get("data") or {}
        self._respond(interaction, kind, data, call.files)
        interaction.callback = call.payload
        interaction.acknowledged_after = time.monotonic() - interaction.began
        interaction.answered.set()
        return self._receipt(interaction, kind) if call.query.get("with_response") == "1" else NO_CONTENT

    def _respond(self, interaction: Interaction, kind: int, data: Payload, files: list[Attachment]) -> None:
        if kind == MESSAGE:
            interaction.response = self._answer(interaction, data, files)
        elif kind == DEFERRED_MESSAGE:
            interaction.response = self._loading(interaction, data)
        elif kind in (DEFERRED_UPDATE, UPDATE):
            interaction.response = interaction.message
            if kind == UPDATE and interaction.message is not None:
                self.world.edit(interaction.message, data, files)
        elif kind == CHOICES and len(data["choices"]) > MOST_CHOICES:
            raise invalid_form(f"data.choices: Must be {MOST_CHOICES} or fewer in length.")

    def _answer(self, interaction: Interaction, data: Payload, files: list[Attachment]) -> Message:
        return self.world.post(
            interaction.channel,
            self.world.bot,
            data,
            files,
            webhook_id=self.world.bot.id,
            interaction=interaction.metadata(),
            kind=COMMAND_ANSWER if interaction.type == 2 else PLAIN,
        )

    def _loading(self, interaction: Interaction, data: Payload) -> Message:
        """The 'is thinking...' message, which the first follow-up or edit fills."""
        message = Message(
            interaction.channel,
            self.world.bot,
            type=COMMAND_ANSWER if interaction.type == 2 else PLAIN,
            flags=data.get("flags", 0) & EPHEMERAL | LOADING,
            webhook_id=self.world.bot.id,
            interaction=interaction.metadata(),
        )
        self.world.publish(message)
        return message

    def _receipt(self, interaction: Interaction, kind: int) -> Payload:
        named: Payload = {"id": str(interaction.id), "type": interaction.type}
        receipt: Payload = {"interaction": named}
        if kind in (MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE) and interaction.response is not None:
            response = interaction.response
            named |= {
                "response_message_id": str(response.id),
                "response_message_loading": response.loading,
                "response_message_ephemeral": response.ephemeral,
            }
            receipt["resource"] = {"type": kind, "message": self._wire(response)}
        return receipt

    async def send(self, call: Call) -> Answer:
        """A follow-up to an interaction, or a message through a webhook of a channel."""
        webhook = self._webhook(call)
        if webhook is not None:
            face = User(call.payload.get("username") or webhook.name, bot=True, id=webhook.id)
            message = self.world.post(webhook.channel, face, call.payload, call.files, webhook_id=webhook.id)
            return self._wire(message) if call.query.get("wait") == "1" else NO_CONTENT
        interaction = self._interaction(call)
        waiting = interaction.response
        if waiting is not None and waiting.loading and not waiting.deleted:
            self.world.edit(waiting, call.payload, call.files)
            return self._wire(waiting)
        followup = self._answer(interaction, call.payload, call.files)
        interaction.followups.append(followup)
        return self._wire(followup)

    async def message(self, call: Call) -> Answer:
        return self._wire(self._find(call))

    async def edit(self, call: Call) -> Answer:
        message = self._find(call)
        self.world.edit(message, call.payload, call.files)
        return self._wire(message)

    async def delete(self, call: Call) -> Answer:
        self.world.delete(self._find(call))
        return NO_CONTENT

    def _wire(self, message: Message) -> Payload:
        return message.wire(self.world.bot, all_content=True)

    def _webhook(self, call: Call) -> Webhook | None:
        """The channel's webhook of this path; None if the path is an interaction's. Raises ApiError 10015."""
        if call.number("id") == self.world.bot.id:
            return None
        webhook = self.world.webhooks.get(call.number("id"))
        if (
            webhook is None
            or webhook.token != call.parameters["token"]
            or webhook.channel.id not in self.world.channels
        ):
            raise unknown_webhook()
        return webhook

    def _interaction(self, call: Call) -> Interaction:
        """The answered interaction of this path. Raises ApiError 10015 before an answer, 50027 too late."""
        interaction = self.world.interactions.get(call.parameters["token"])
        if interaction is None or interaction.callback is None:
            raise unknown_webhook()
        if interaction.over:
            raise expired_token()
        return interaction

    def _find(self, call: Call) -> Message:
        """The message that the path names. Raises ApiError 10008 if it isn't of this webhook or interaction."""
        webhook = self._webhook(call)
        if webhook is not None:
            message = self.world.message(webhook.channel, call.number("message"))
            if message.webhook_id != webhook.id:
                raise unknown_message()
            return message
        interaction = self._interaction(call)
        mine = {str(message.id): message for message in interaction.followups}
        if interaction.response is not None:
            mine |= {"@original": interaction.response, str(interaction.response.id): interaction.response}
        found = mine.get(call.parameters["message"])
        if found is None or found.deleted:
            raise unknown_message()
        return found
