"""What was pushed, remembered until it is deleted there, as it is when one of its people is forgotten."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from bot.governor import Governor
from data.errors import MynahError
from data.settings import Settings
from data.store import Store

_CURSOR = "hub "  # and what `Pushed.place` gives


@dataclass(frozen=True)
class Pushed:
    """A repository of ours. `doomed`: it must be deleted, and was not to be reached yet."""

    repo: str
    endpoint: str  # the hub's address
    handles: tuple[str, ...]
    voice_key: str
    public: bool
    word: str  # by whose word it may be there
    doomed: bool = False

    @property
    def place(self) -> str:
        """Where it is, whatever the hub."""
        return f"{self.endpoint}/{self.repo}"

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        return cls(**{**values, "handles": tuple(values["handles"])})


async def remember(store: Store, pushed: Pushed) -> None:
    """From before the first byte leaves, so that whatever arrives there can be found again."""
    await store.standing.move(_CURSOR + pushed.place, asdict(pushed))


async def remembered(store: Store, place: str) -> Pushed | None:
    """What was pushed to that `Pushed.place`."""
    value = await store.standing.cursor(_CURSOR + place)
    return Pushed.from_json(value) if value else None


async def all_pushed(store: Store) -> list[Pushed]:
    """By name."""
    return [Pushed.from_json(value) for value in (await store.standing.cursors(_CURSOR)).values()]


async def doom(store: Store, handle: str) -> list[str]:
    """Mark every repository that imitates the handle as one to be deleted; gives their names."""
    found = [pushed for pushed in await all_pushed(store) if handle in pushed.handles]
    for pushed in found:
        await remember(store, replace(pushed, doomed=True))
    return [pushed.repo for pushed in found]


async def delete_doomed(store: Store, settings: Settings) -> tuple[list[str], dict[str, str]]:
    """Delete on the hub what must go; gives the repositories that are gone now, and why others are still there."""
    gone, left = [], {}
    for pushed in await all_pushed(store):
        if pushed.doomed:
            try:
                await delete_repository(store, settings, pushed)
                gone.append(pushed.repo)
            except MynahError as error:
                left[pushed.repo] = str(error)
    return gone, left


async def delete_repository(store: Store, settings: Settings, pushed: Pushed) -> None:
    """Delete it on the hub, then forget that it was there. Raises MynahError where it stays."""
    from bot.hub.client import Hub  # 0.1 seconds of CPU, which whoever only forgets or remembers should not pay

    Governor(store, settings).refuse_dry_run(f"the deletion of {pushed.repo}")
    hub = Hub(settings, pushed.endpoint)
    (await hub.account()).refuse_foreign(pushed.repo)  # whom the hub would tell that it is not there
    await hub.call(f"the repository {pushed.repo}", lambda: hub.api.delete_repo(pushed.repo, missing_ok=True))
    await store.standing.drop(_CURSOR + pushed.place)


def in_a_sentence(left: dict[str, str], repositories: Iterable[str]) -> str:
    """Which of `repositories` are still on the hub, and why; empty where none is."""
    return " ".join(f"{repo} is still on the model hub: {left[repo]}" for repo in repositories if repo in left)
