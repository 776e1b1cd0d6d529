"""Posts read from an account's timeline on X or Bluesky: asked for, quoted, fetched page by page."""

from bot.timelines.reached import Reached
from bot.timelines.reading import Prospect, Timelines
from bot.timelines.sources import CONSENT, open_sources, refuse_unpermitted

__all__ = ["CONSENT", "Prospect", "Reached", "Timelines", "open_sources", "refuse_unpermitted"]
