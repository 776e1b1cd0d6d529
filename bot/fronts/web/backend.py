"""What every tab of the page works with; built once for the process."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.autopost.desk import Desk
from bot.autopost.plans import Plans
from bot.catalogue import Catalogue
from bot.fronts.web.doors import Doors
from bot.imitator import Imitator, Occasion
from bot.platforms import Platform
from bot.training import find_voice
from data.settings import Settings
from data.store import Store
from trainer.voice import Voice

OPERATOR = "operator"  # who decides here, as in `mynah autopost`
OCCASION = Occasion("web", person="web:operator")


@dataclass(frozen=True)
class WebBackend:
    """Everything behind the page. Whoever sees the page may use every voice, as whoever has the terminal."""

    settings: Settings
    store: Store
    imitator: Imitator
    platforms: Mapping[str, Platform]  # those that are set up; the page only asks them how long a text is
    doors: Doors
    catalogue: Catalogue = field(init=False)
    plans: Plans = field(init=False)
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        catalogue = Catalogue(self.store, self.settings)
        object.__setattr__(self, "catalogue", catalogue)
        object.__setattr__(self, "plans", Plans(self.store, self.settings, catalogue))
        object.__setattr__(self, "desk", Desk(self.store, self.settings, catalogue, self.platforms))

    async def voice(self, name: str | None) -> Voice:
        """The newest voice of that name. Raises NotFoundError where there is none, or no name was chosen."""
        return await find_voice(self.store, self.settings, name or "")

    async def voice_names(self) -> list[str]:
        """Of the voices that may speak, by name."""
        voices = await self.store.voices.names()
        opted_out = await self.store.consent.opted_out(
            {handle for handles in voices.values() for handle in handles}
        )
        return sorted(name for name, handles in voices.items() if opted_out.isdisjoint(handles))

    async def handles(self) -> list[str]:
        """Those whose posts are here and may be learned from, by name."""
        handles = set(await self.store.posts.handles())
        return sorted(handles - await self.store.consent.opted_out(handles))
