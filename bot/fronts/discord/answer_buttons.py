"""What can be done with a voice's answer: ask for another, share it, have it as a picture, report it.

Each button carries the number of its reply, so that it works for as long as the reply is on record, whichever
process it is pressed in.
"""

import asyncio
import io
import re
from typing import Any, Self

import discord
import structlog

from bot.fronts.discord.answers import is_member, shown, speak
from bot.fronts.discord.backend import Interaction, backend_of
from bot.fronts.discord.failures import answer, deferred, explained
from bot.fronts.discord.names import person_of, place_of
from bot.fronts.discord.permits import refuse_channel, refuse_hurry
from bot.fronts.discord.speech import QUIET, escaped, labelled, name_of
from bot.fronts.label import label_of
from data.errors import NotFoundError, RefusedError
from data.store import Reply, VoiceRow

LONGEST_COPY = 1_800  # characters of a reply in the block to copy, which leaves room for what stands around it
PICTURE_FILE = "predictions.png"  # the reference's
FORM_SECONDS = 900.0  # as long as Discord takes the answer to a press of a button

log = structlog.get_logger()


def buttons_for(reply_id: int) -> discord.ui.View:
    """The row under an answer."""
    view = discord.ui.View(timeout=None)
    for button in (Another, Share, Picture, Report):
        view.add_item(button(reply_id))
    return view


class _ReplyButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"mynah:answer:(?P<reply>\d+)"):
    """A button about a reply; only its subclasses are shown."""

    label: str
    action: str

    def __init__(self, reply_id: int) -> None:
        custom_id = f"mynah:{self.action}:{reply_id}"
        super().__init__(
            discord.ui.Button(label=self.label, custom_id=custom_id, style=discord.ButtonStyle.secondary)
        )
        self.reply_id = reply_id

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(int(match["reply"]))


class Another(_ReplyButton, template=r"mynah:another:(?P<reply>\d+)"):
    """Asks the same again; the new answer takes the old one's place."""

    label, action = "Another", "another"

    @explained
    async def callback(self, interaction: Interaction) -> None:
        await interaction.response.defer()
        reply, row = await _on_record(interaction, self.reply_id)
        if reply.person != person_of(interaction.user):
            raise RefusedError("Only who asked can have another answer; ask for your own with `/imitate`.")
        refuse_hurry(interaction)
        voice = await backend_of(interaction.client).catalogue.voice(row.name, reply.person, place_of(interaction))
        said = await speak(interaction, voice, reply.prompt)
        # Text and buttons change in one edit: however presses overlap, each button is about the text above it.
        await interaction.edit_original_response(
            content=shown(said, voice.record.handles), view=buttons_for(said.id), allowed_mentions=QUIET
        )


class Share(_ReplyButton, template=r"mynah:share:(?P<reply>\d+)"):
    """Hands the text out for copying, and offers to post it in another channel."""

    label, action = "Share", "share"

    @explained
    async def callback(self, interaction: Interaction) -> None:
        async with deferred(interaction, ephemeral=True):
            reply, row = await _on_record(interaction, self.reply_id)
            await _refuse_kept_back(interaction, row)
            names = " and ".join(f"@{handle}" for handle in row.handles)
            text = reply.text[:LONGEST_COPY].replace("```", "'''")  # which would end the block
            block = f"```\n{text}\n({label_of(names)})\n```"
            view = discord.ui.View(timeout=None)
            if is_member(interaction):
                view.add_item(PostIn(reply.id))
            await answer(interaction, block, view=view)


class Picture(_ReplyButton, template=r"mynah:picture:(?P<reply>\d+)"):
    """Posts the answer as a picture, for all to see and to take elsewhere."""

    label, action = "Picture", "picture"

    @explained
    async def callback(self, interaction: Interaction) -> None:
        from bot.picture import alt_text, share_picture, split_at_opening  # no start waits for Pillow and regex

        refuse_hurry(interaction)
        async with deferred(interaction):
            reply, row = await _on_record(interaction, self.reply_id)
            await _refuse_kept_back(interaction, row)
            settings = await backend_of(interaction.client).store.places.settings(place_of(interaction))
            refuse_channel(settings, interaction.channel)
            opening, continuation = split_at_opening(reply.text, reply.prompt)
            drawn = await asyncio.to_thread(share_picture, (), row.handles, opening, continuation)
            file = discord.File(io.BytesIO(drawn), PICTURE_FILE, description=alt_text(row.handles, reply.text))
            label = f"-# {label_of(name_of(row.handles))}"
            view = discord.ui.View(timeout=None)
            view.add_item(Report(reply.id))
            await answer(interaction, label, ephemeral=False, file=file, view=view)


class PostIn(discord.ui.DynamicItem[discord.ui.ChannelSelect[Any]], template=r"mynah:post:(?P<reply>\d+)"):
    """Posts a reply in the channel that was picked."""

    def __init__(self, reply_id: int) -> None:
        super().__init__(
            discord.ui.ChannelSelect(
                custom_id=f"mynah:post:{reply_id}",
                placeholder="Or post it in a channel",
                channel_types=[
                    discord.ChannelType.text,
                    discord.ChannelType.news,
                    discord.ChannelType.public_thread,
                    discord.ChannelType.private_thread,
                ],
            )
        )
        self.reply_id = reply_id

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(int(match["reply"]))

    @explained
    async def callback(self, interaction: Interaction) -> None:
        await interaction.response.defer()
        reply, row = await _on_record(interaction, self.reply_id)
        await _refuse_kept_back(interaction, row)
        channel = await _writable(interaction, self.item.values[0])
        settings = await backend_of(interaction.client).store.places.settings(place_of(interaction))
        refuse_channel(settings, channel)
        refuse_hurry(interaction)
        shared_by = f"\n-# shared by {escaped(interaction.user.display_name)}"
        posted = await channel.send(
            labelled(reply.text, row.handles, 2_000 - len(shared_by)) + shared_by,
            allowed_mentions=QUIET,
            nonce=interaction.id,  # Discord posts it once, even where its answer is lost and asked for again
        )
        await interaction.edit_original_response(content=f"Posted: {posted.jump_url}", view=None)


class Report(_ReplyButton, template=r"mynah:report:(?P<reply>\d+)"):
    """Opens the form for what is wrong with an answer."""

    label, action = "Wrong: report", "report"

    @explained
    async def callback(self, interaction: Interaction) -> None:
        await interaction.response.send_modal(ReportForm(self.reply_id))


class ReportForm(discord.ui.Modal, title="What is wrong with this answer?"):
    """Enters the report; whom the answer concerns has it taken back at once."""

    reason: discord.ui.TextInput["ReportForm"] = discord.ui.TextInput(
        label="In a few words",
        custom_id="reason",
        style=discord.TextStyle.paragraph,
        placeholder="It is hurtful, it looks real, it is about me ...",
        max_length=300,
    )

    def __init__(self, reply_id: int) -> None:
        super().__init__(timeout=FORM_SECONDS)
        self.reply_id = reply_id

    @explained
    async def on_submit(self, interaction: Interaction) -> None:
        await interaction.response.defer()
        reply, row = await _on_record(interaction, self.reply_id)
        person = person_of(interaction.user)
        takes_back = await _concerns(interaction, reply, row)
        number = await backend_of(interaction.client).store.replies.report(reply.id, person, self.reason.value)
        log.warning("answer reported", report=number, reply=reply.id, voice=row.name, taken_back=takes_back)
        if takes_back:
            await interaction.edit_original_response(
                content="This answer was reported and taken back.", attachments=[], view=None
            )
            thanks = "Thank you. I have taken the answer back, and the operator of this bot sees your report."
        else:
            thanks = (
                "Thank you. The operator of this bot sees your report. If the answer must go at once, ask those "
                "who run this server to report it, too."
            )
        await interaction.followup.send(thanks, ephemeral=True, allowed_mentions=QUIET)


async def _on_record(interaction: Interaction, reply_id: int) -> tuple[Reply, VoiceRow]:
    """The reply and its voice. Raises NotFoundError where either was erased."""
    store = backend_of(interaction.client).store
    reply = await store.replies.get(reply_id)
    row = await store.voices.get(reply.voice_key) if reply else None
    if reply is None or row is None:
        raise NotFoundError(
            "I keep no record of that answer any more; those who run this server can delete the message."
        )
    return reply, row


async def _refuse_kept_back(interaction: Interaction, row: VoiceRow) -> None:
    await backend_of(interaction.client).catalogue.refuse_kept_back(
        row.handles, person_of(interaction.user), place_of(interaction)
    )


async def _concerns(interaction: Interaction, reply: Reply, row: VoiceRow) -> bool:
    """Whether this person asked for the reply, owns one of its handles, or keeps order in the channel."""
    person = person_of(interaction.user)
    if reply.person == person or interaction.permissions.manage_messages:
        return True
    return bool(await backend_of(interaction.client).store.consent.owned(row.handles, person))


async def _writable(
    interaction: Interaction,
    picked: discord.app_commands.AppCommandChannel | discord.app_commands.AppCommandThread,
) -> discord.TextChannel | discord.Thread:
    """The channel itself. Raises RefusedError where the person or the bot may not write there."""
    channel = picked.resolve() or await picked.fetch()
    assert isinstance(channel, discord.TextChannel | discord.Thread)  # no other kind is offered
    if not _may_write(picked.permissions, channel):
        raise RefusedError(f"You may not write in {channel.mention}; pick a channel where you may.")
    if not _may_write(channel.permissions_for(channel.guild.me), channel):
        raise RefusedError(
            f"I may not write in {channel.mention}; pick another, or ask those who run this server."
        )
    return channel


def _may_write(permissions: discord.Permissions, channel: discord.TextChannel | discord.Thread) -> bool:
    is_thread = isinstance(channel, discord.Thread)
    writes = permissions.send_messages_in_threads if is_thread else permissions.send_messages
    return permissions.view_channel and writes
