"""A voice on disk: its record and its weights. A folder is a voice if and only if it holds `voice.json`.

voices/<key>/voice.json            the record below
voices/<key>/model.safetensors     full weights of a small base (fp16), with config.json, or
voices/<key>/adapter_model.safetensors   a peft adapter, with adapter_config.json
voices/<key>/tokenizer.json        of the base
voices/<key>/neighbours.safetensors      moments of the posts (trainer.engine.neighbours), where they help it
voices/<key>/posts.json            the cleaned posts it was tuned on, for the copy gate
"""

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from data.errors import NotFoundError
from data.posts import voice_name
from trainer.durable import flush_to_disk, write_json
from trainer.learned import Learned
from trainer.recipe import Method, Recipe

RECORD = "voice.json"
POSTS = "posts.json"
EXAMPLE_OPENING = "My dream is"  # the reference's start of a sentence
ENGLISH_SHARE = 0.1  # of somebody's posts, from which on they know how to end an English sentence
ENGLISH = 0.3  # tokens a character of English, at most, in a base that knows it
MOST_TOKENS = 160  # of an answer; the rest of a small base's context of 256 is for what it goes on from
UNASKED = 40  # texts from an empty opening, of which `copy_rate` is the copied share


@dataclass(frozen=True)
class VoiceRecord:
    """What is known of a voice. Losses are nats per token on posts it never saw."""

    key: str
    handles: tuple[str, ...]  # sorted; one is a bot, two or three a cyborg
    base: str  # as asked for: "builtin", "gpt2", a folder
    base_folder: str  # the folder that holds the base's files, needed where only an adapter is kept
    method: Method
    recipe: Recipe
    held_out_loss_before: float
    held_out_loss: float
    posts: int
    seconds: float
    created_at: str  # ISO 8601, UTC
    history: list[dict[str, float]] = field(default_factory=list)
    learned: tuple[Learned, ...] = ()  # by handle; empty for voices of before these were kept
    examples: tuple[str, ...] = ()  # what the new voice made of its `opening`, in the order of the seeds 0, 1, ...
    copy_rate: float | None = None  # share of what it said unasked that copied a training post, before any gate
    tracked: dict[str, str] = field(default_factory=dict)  # where its tracked runs are: "preprocess", "train"
    takes_topics: bool = False  # whether its base has learned to write about words that stand before a post
    tokens_per_character: float = 0.0  # of its posts, by its base's tokenizer; 0 where that was not recorded
    neighbours_share: float = 0.0  # of what it says: how much usually comes from its neighbours; 0: it has none
    quality: dict[str, float] = field(
        default_factory=dict
    )  # by trainer.quality's keys; empty before `mynah evaluate`

    @property
    def name(self) -> str:
        """What people call it by."""
        return voice_name(self.handles)

    @property
    def opening(self) -> str:
        """How it begins where nobody says how: EXAMPLE_OPENING, or freely where its posts have no English."""
        counts = [learned.languages for learned in self.learned if learned.languages]
        english = any(count.get("en", 0) >= ENGLISH_SHARE * sum(count.values()) for count in counts)
        return EXAMPLE_OPENING if english or not counts else ""

    def as_long_as(self, english: int) -> int:
        """How many of its tokens say as much as so many of English: what a base doesn't know takes it more."""
        scale = max(1.0, self.tokens_per_character / ENGLISH)
        return max(english, min(round(english * scale), MOST_TOKENS))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "VoiceRecord":
        return cls(
            **{
                **values,
                "handles": tuple(values["handles"]),
                "recipe": Recipe.from_json(values["recipe"]),
                "learned": tuple(Learned.from_json(learned) for learned in values.get("learned", ())),
                "examples": tuple(values.get("examples", ())),
            }
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Voice:
    """A record and the folder it was read from."""

    record: VoiceRecord
    folder: Path

    @classmethod
    def from_folder(cls, folder: Path) -> "Voice":
        """Raises NotFoundError where there is no finished voice, or its record can't be read."""
        try:
            values = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            return cls(VoiceRecord.from_json(values), folder)
        except FileNotFoundError:
            raise NotFoundError(f"There is no voice in {folder}; train it again with `mynah train`.") from None
        except (ValueError, KeyError, TypeError):
            raise NotFoundError(f"The voice in {folder} is damaged; train it again with `mynah train`.") from None

    def noting(self, tracked: dict[str, str]) -> "Voice":
        """The voice, its record on the disk saying where its tracked runs are. Raises OSError on a full disk."""
        record = replace(self.record, tracked=tracked)
        write_json(self.folder / RECORD, record.to_json())
        return Voice(record, self.folder)

    def rated(self, quality: dict[str, float]) -> "Voice":
        """The voice, its record on the disk saying how good it is. Raises OSError on a full disk."""
        record = replace(self.record, quality=quality)
        write_json(self.folder / RECORD, record.to_json())
        return Voice(record, self.folder)

    def training_posts(self) -> list[str]:
        """The cleaned posts the voice was tuned on."""
        posts: list[str] = json.loads((self.folder / POSTS).read_text(encoding="utf-8"))
        return posts


def publish(finished: Path, place: Path) -> None:
    """Move a finished voice to its place, where it outlasts a power cut. What is there and no voice makes way; a
    voice stays, as its key says that it was made of the same. Raises OSError on a full disk.
    """
    for path in (*finished.iterdir(), finished):
        flush_to_disk(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        with contextlib.suppress(NotFoundError):
            Voice.from_folder(place)
            return
        shutil.rmtree(place)
    os.replace(finished, place)
    flush_to_disk(place.parent)


def voices_of(handle: str, voices: Path) -> list[Path]:
    """The folders under `voices` of whatever imitates the handle, known to the store or not."""
    found = []
    for folder in voices.iterdir() if voices.is_dir() else ():
        with contextlib.suppress(NotFoundError):
            if handle in Voice.from_folder(folder).record.handles:
                found.append(folder)
    return found
