"""Voices that keep up with their people: fetch what is new, and train anew where it is enough."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from bot.autopost.timing import span_from_words
from bot.governor import Governor
from bot.platforms import Platform
from bot.timelines import Prospect, Timelines, open_sources, refuse_unpermitted
from data.errors import InputError, MynahError, NotFoundError
from data.posts import PLATFORMS, normalise_handle, timeline_cursor
from data.settings import Settings
from data.store import Run, Store, VoiceRow
from trainer.recipe import Recipe
from trainer.voice import Voice
from trainer.wish import ask_for_voice, load_corpora

CURSOR = "refresh"  # when the bot looked for new posts last
RETRY_SECONDS = 60.0  # after a fault

log = structlog.get_logger()


@dataclass(frozen=True)
class Timeline:
    """A corpus that came from a timeline, and what there is to fetch: a prospect, or a sentence why not."""

    handle: str
    platform: str
    prospect: Prospect | None = None
    refused: str = ""

    @property
    def dollars(self) -> float:
        return self.prospect.quote.dollars if self.prospect else 0.0


@dataclass(frozen=True)
class Fetched:
    """What came of one timeline. `said` is a sentence where something went wrong."""

    handle: str
    platform: str
    new: int = 0
    said: str = ""


@dataclass(frozen=True)
class Renewal:
    """What came of one voice: `gained` kept posts since it was trained, and the run that was asked for, if any."""

    voice: str
    gained: int = 0
    run: Run | None = None
    created: bool = False
    said: str = ""


@dataclass(frozen=True)
class Refreshed:
    """One round."""

    timelines: list[Fetched] = field(default_factory=list)
    voices: list[Renewal] = field(default_factory=list)


class Refresher:
    """Refreshes from the platforms that are open; what goes wrong with one handle or voice keeps no other."""

    def __init__(self, store: Store, settings: Settings, platforms: Mapping[str, Platform]) -> None:
        self._store = store
        self._settings = settings
        self._platforms = platforms
        self._timelines = Timelines(store, settings)

    async def once(self, names: Sequence[str] = (), *, least: int | None = None) -> Refreshed:
        """Look, fetch, and ask for runs: of these handles, or of all that are here.

        Raises NotFoundError for a handle without posts here, InputError for what can't be one.
        """
        fetched = await self.fetch(await self.look(names))
        return Refreshed(fetched, await self.renew(names, least=least))

    async def look(self, names: Sequence[str] = ()) -> list[Timeline]:
        """What there is to fetch, each timeline quoted; raises as `once` does."""
        handles = await self._handles(names)
        return [
            await self._look(platform, handle)
            for platform, handle in await timelines_here(self._store)
            if handle in handles
        ]

    async def fetch(
        self, timelines: Sequence[Timeline], progress: Callable[[int], None] = lambda posts: None
    ) -> list[Fetched]:
        """Fetch what `look` found, for as long as budgets and limits let it."""
        return [await self._fetch(timeline, progress) for timeline in timelines]

    async def renew(self, names: Sequence[str] = (), *, least: int | None = None) -> list[Renewal]:
        """Ask for a new run for each voice of these handles that has gained enough, whatever brought the posts.

        `least` new posts are enough; without it, as many as the settings say. Raises as `once` does.
        """
        handles = await self._handles(names)
        enough = self._settings.refresh.least_posts if least is None else least
        newest = {row.name: row for row in reversed(await self._store.voices.all())}  # a name's newest comes first
        concerned = [row for row in newest.values() if handles.intersection(row.handles)]
        return [await self._renew(row, enough) for row in sorted(concerned, key=lambda row: row.name)]

    async def _handles(self, names: Sequence[str]) -> set[str]:
        here = set(await self._store.posts.handles())
        wanted = {normalise_handle(name) for name in names} or here
        for handle in sorted(wanted - here):
            raise NotFoundError(f"There are no posts of @{handle} yet; bring them with `mynah import`.")
        return wanted

    async def _look(self, platform: str, handle: str) -> Timeline:
        try:
            refuse_unpermitted(platform, self._settings)
            prospect = await self._timelines.look(self._platforms[platform], handle)
        except MynahError as error:
            return Timeline(handle, platform, refused=str(error))
        return Timeline(handle, platform, prospect)

    async def _fetch(self, timeline: Timeline, progress: Callable[[int], None]) -> Fetched:
        handle, platform = timeline.handle, timeline.platform
        if timeline.prospect is None:
            return Fetched(handle, platform, said=timeline.refused)
        before = await self._store.posts.summary(handle)
        came = 0

        def count(posts: int) -> None:
            nonlocal came
            came += posts
            progress(posts)

        try:
            collected = await self._timelines.fetch(
                self._platforms[platform],
                timeline.prospect,
                profile=before.profile if before else "default",
                progress=count,
            )
        except MynahError as error:
            return Fetched(handle, platform, came, str(error))
        return Fetched(handle, platform, collected.added.new)

    async def _renew(self, row: VoiceRow, enough: int) -> Renewal:
        try:
            voice = await asyncio.to_thread(Voice.from_folder, self._settings.voices / row.key)
            recipe: Recipe = voice.record.recipe
            learned = set(await asyncio.to_thread(voice.training_posts))
            corpora = await load_corpora(self._store, row.handles, recipe.profile)
            gained = sum(text not in learned for corpus in corpora for text in corpus.texts)
            if gained < enough:
                return Renewal(row.name, gained)
            asked = await ask_for_voice(
                self._store,
                self._settings,
                row.handles,
                base_name=voice.record.base,
                profile=recipe.profile,
                requested_by="refresh",
            )
        except MynahError as error:
            return Renewal(row.name, said=str(error))
        return Renewal(row.name, gained, asked.run, asked.created)


async def timelines_here(store: Store) -> list[tuple[str, str]]:
    """Platform and handle of every timeline that was read, whole or in part."""
    return [
        (platform, name.removeprefix(prefix))
        for platform in PLATFORMS
        for prefix in [timeline_cursor(platform, "")]
        for name in await store.standing.cursors(prefix)
    ]


async def keep_fresh(
    store: Store, settings: Settings, platforms: Mapping[str, Platform], governor: Governor
) -> None:
    """Refresh everything every so often, as `settings.refresh.every` says; returns where that is empty.

    When it did so last is kept, so that restarts neither hasten nor delay it; the first time is one span after it
    was switched on. What goes wrong is logged. Bluesky needs not be among the open platforms.
    """
    if not settings.refresh.every:
        return
    try:
        every = span_from_words(settings.refresh.every)
    except InputError as error:
        log.error("voices are not refreshed: MYNAH_REFRESH__EVERY can't be used", reason=str(error))
        return
    while True:
        try:
            await _turn(store, every.total_seconds())
            names: Collection[str] = {platform for platform, _ in await timelines_here(store)}
            async with open_sources(names, settings, governor, platforms) as sources:
                _tell(await Refresher(store, settings, sources).once())
        except Exception:  # it runs beside the fronts, and must not end while they go on
            log.exception("voices were not refreshed")
            await asyncio.sleep(RETRY_SECONDS)


async def _turn(store: Store, every: float) -> None:
    """Wait until it is time, and take it as begun: a round that breaks off is made up for by the next one."""
    last = await store.standing.cursor(CURSOR)
    if last is None:
        last = datetime.now(UTC).isoformat()
        await store.standing.move(CURSOR, last)
    passed = (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds()
    await asyncio.sleep(min(every, max(0.0, every - passed)))
    await store.standing.move(CURSOR, datetime.now(UTC).isoformat())


def _tell(refreshed: Refreshed) -> None:
    for fetched in refreshed.timelines:
        log.info("timeline", handle=fetched.handle, platform=fetched.platform, new=fetched.new)
        if fetched.said:
            log.warning("a timeline was not read to its end", handle=fetched.handle, reason=fetched.said)
    for renewal in refreshed.voices:
        if renewal.created:
            log.info("voice learns anew", voice=renewal.voice, gained=renewal.gained)
        if renewal.said:
            log.warning("a voice was not renewed", voice=renewal.voice, reason=renewal.said)
