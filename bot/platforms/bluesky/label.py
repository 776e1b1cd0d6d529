"""The account's label of itself as a bot, which Bluesky asks of bots: it stands in the record of its profile."""

import asyncio
from collections.abc import Mapping
from typing import Any

from bot.governor import Governor, Outlay
from bot.platforms import NotDoneError, UnclearError
from bot.platforms.bluesky.troubles import RETRY_SECONDS, AnsweredError
from bot.platforms.bluesky.wire import PLATFORM, Wire

BOT = "bot"
SELF_LABELS = "com.atproto.label.defs#selfLabels"
PROFILE = "app.bsky.actor.profile"
ATTEMPTS = 3  # somebody else may change the profile between reading and writing


class BotLabel:
    """Put on before the first post; what else stands in the profile stays."""

    def __init__(self, wire: Wire, governor: Governor) -> None:
        self._wire = wire
        self._governor = governor
        self._on = False
        self._lock = asyncio.Lock()

    async def put_on(self) -> None:
        """Once in a process, where it is missing. Raises NotDoneError, TurnedDownError or RefusedError."""
        async with self._lock:
            for _ in range(ATTEMPTS):
                if self._on or await self._ensure():
                    self._on = True
                    return
        raise NotDoneError("The profile of the bot's account keeps changing; try again in a while.", RETRY_SECONDS)

    async def _ensure(self) -> bool:
        """False where the profile was changed meanwhile."""
        repo = {"repo": await self._wire.did(), "collection": PROFILE, "rkey": "self"}
        cid, profile = await self._profile(repo)
        labelled = with_label(profile)
        if labelled == profile:
            return True
        # Without a profile so far the null says that there must be none.
        arguments = {**repo, "record": labelled, "swapRecord": cid}
        async with self._governor.call(Outlay(PLATFORM, "bot label", "post", writing=True)) as receipt:
            receipt.not_charged()  # it is no post
            try:
                await self._wire.signed("com.atproto.repo.putRecord", arguments, writing=True, raw=True)
            except AnsweredError as error:
                if error.name == "InvalidSwap":
                    return False
                raise
            except UnclearError as error:
                raise NotDoneError(
                    "The bot's account could not be labelled as a bot yet, so nothing is posted.", RETRY_SECONDS
                ) from error
        return True

    async def _profile(self, repo: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """Its version and record as they are; None and an empty one where there is none."""
        async with self._governor.call(Outlay(PLATFORM, "own profile", "user read")) as receipt:
            receipt.not_charged()
            try:
                answer = await self._wire.signed("com.atproto.repo.getRecord", repo, raw=True)
            except AnsweredError as error:
                if error.nothing_there:
                    return None, {"$type": PROFILE}
                raise
        cid, profile = answer.get("cid"), answer.get("value")
        if not isinstance(profile, dict) or not isinstance(cid, str):
            raise NotDoneError("What Bluesky gives as the profile of the bot's account is none.", RETRY_SECONDS)
        return cid, profile


def with_label(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The same profile, where the label is on already."""
    labels = profile.get("labels")
    labels = dict(labels) if isinstance(labels, dict) else {"$type": SELF_LABELS}
    values = list(labels.get("values") or ())
    if any(isinstance(value, dict) and value.get("val") == BOT for value in values):
        return dict(profile)
    return {**profile, "labels": {**labels, "values": [*values, {"val": BOT}]}}
