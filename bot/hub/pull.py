"""Pulling a voice: look at a repository first, then download it, whole or not at all, and let it speak once."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huggingface_hub import ModelInfo
from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # re-exported without saying so

from bot.hub.checks import (
    CARD,
    CONFIG,
    ORIGIN,
    TOKENIZER,
    WEIGHTS,
    byte_level_tokenizer,
    plain_config,
    read_object,
    wanted_files,
)
from bot.hub.client import Hub, printable
from bot.hub.names import checked_repository, everybody_named, handles_of
from bot.importing import scratch_folder
from data.errors import InputError, MynahError, RefusedError
from data.posts import handles_in, voice_name
from data.settings import Settings
from data.store import Store
from trainer.engine import Line, Sampling, open_engine
from trainer.engine.weights import TensorFile
from trainer.prompt import TAKES_TOPICS
from trainer.recipe import Recipe
from trainer.voice import EXAMPLE_OPENING, POSTS, RECORD, Voice, VoiceRecord, publish
from trainer.wish import MOST_HANDLES

_REVISION = re.compile(r"[0-9a-f]{40}")
HEAD = "lm_head.weight"  # where it is not tied to the embeddings
_SMALL = (CONFIG, CARD)  # what is looked at before anybody is asked


@dataclass(frozen=True)
class Offer:
    """What would be downloaded. Its small files are in `folder` already, which is deleted in the end."""

    repo: str
    revision: str  # the commit, 40 hexadecimal digits: nothing else is downloaded
    handles: tuple[str, ...]
    named: frozenset[str]  # all whose voice it might be
    files: dict[str, int]  # bytes by name
    digests: dict[str, str]  # sha256 of the large ones, as the hub lists them
    licence: str
    tags: tuple[str, ...]
    private: bool
    config: dict[str, Any]
    folder: Path

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(self.files.values())

    @property
    def name(self) -> str:
        """What the voice will be called."""
        return voice_name(self.handles)

    @property
    def key(self) -> str:
        """The voice's: of this revision under this name."""
        return hashlib.sha256(f"{self.repo} {self.revision} {self.name}".encode()).hexdigest()[:16]


@asynccontextmanager
async def look(store: Store, settings: Settings, hub: Hub, repo: str, *, name: str = "") -> AsyncIterator[Offer]:
    """What a repository offers, after every check that needs no weights. `name` is what to call the voice by.

    Raises InputError for a repository that is no voice, RefusedError where somebody in it opted out,
    NotFoundError, and MynahError where the hub fails.
    """
    repo = checked_repository(repo)
    hub.refuse_offline()
    info = await hub.call(f"the repository {repo}", lambda: hub.api.model_info(repo, files_metadata=True))
    revision = str(info.sha)
    if not _REVISION.fullmatch(revision):
        raise InputError(f"The model hub names no commit of {repo}, so nothing of it was taken.")
    files = wanted_files(repo, _sizes(repo, info))
    async with scratch_folder(settings) as folder:
        for small in _SMALL:
            if small in files:
                await _download(hub, repo, revision, small, files[small], folder)
        config = plain_config(repo, read_object(repo, folder / CONFIG))
        card = _text(folder / CARD)
        handles = handles_in(name) if name else handles_of(repo, card)
        if not 1 <= len(handles) <= MOST_HANDLES:
            raise InputError(f"{repo} does not say well whose voice it is; name it with --handle NAME.")
        named = everybody_named(repo, card) | set(handles)
        await _refuse_unwanted(store, named, handles)
        tags = tuple(printable(str(tag)) for tag in info.tags) if isinstance(info.tags, list) else ()
        yield Offer(
            repo=repo,
            revision=revision,
            handles=tuple(sorted(handles)),
            named=frozenset(named),
            files=files,
            digests={
                sibling.rfilename: sibling.lfs.sha256
                for sibling in info.siblings or ()
                if sibling.rfilename in files and sibling.lfs is not None
            },
            licence=next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), ""),
            tags=tags,
            private=bool(info.private),
            config=config,
            folder=folder,
        )


async def pull(store: Store, settings: Settings, hub: Hub, offer: Offer) -> Voice:
    """Download what was offered, let it speak once, and enter it as a voice; the same again is found, not fetched.

    Raises InputError where the files are not what they should be, and what `look` raises.
    """
    place = settings.voices / offer.key
    if await store.voices.there([offer.key]) and (place / RECORD).exists():
        return Voice.from_folder(place)
    for name, size in offer.files.items():
        if name not in _SMALL:
            await _download(hub, offer.repo, offer.revision, name, size, offer.folder)
    finished = offer.folder / "voice"
    await asyncio.to_thread(_build, offer, finished)
    await asyncio.to_thread(_let_speak, settings, offer, finished)
    await _refuse_unwanted(store, offer.named, offer.handles)
    await asyncio.to_thread(publish, finished, place)
    voice = Voice.from_folder(place)
    record = voice.record
    await store.voices.add(
        key=record.key,
        name=record.name,
        handles=record.handles,
        base=record.base,
        held_out_loss_before=record.held_out_loss_before,
        held_out_loss=record.held_out_loss,
        record=record.to_json(),
    )
    return voice


async def _refuse_unwanted(store: Store, named: Collection[str], handles: Collection[str]) -> None:
    """Raises RefusedError where somebody in it opted out, and where a handle's own voice can be trained here: this
    one would stand for it, and neither is kept from copying posts nor is there by their owner's word.
    """
    await store.consent.refuse_opted_out(named)
    for handle in handles:
        if await store.consent.right(handle) is not None or await store.posts.imports(handle):
            raise RefusedError(
                f"Posts of @{handle} are here, of which its own voice is trained; call this one otherwise with "
                "--handle NAME."
            )


def _sizes(repo: str, info: ModelInfo) -> dict[str, int | None]:
    sizes: dict[str, int | None] = {}
    for sibling in info.siblings or ():
        if not isinstance(sibling.rfilename, str) or not isinstance(sibling.size, int | None):
            raise InputError(f"The model hub lists the files of {repo} in a way that can't be read.")
        sizes[sibling.rfilename] = sibling.size
    return sizes


async def _download(hub: Hub, repo: str, revision: str, name: str, size: int, folder: Path) -> None:
    """One file of the revision, of just the size that was announced."""

    class Meter(tqdm):
        """The library's bar, which sees every byte before it is written: more than was announced ends it."""

        seen = 0

        def update_transfer(self, n: float) -> None:
            """Xet counts what it packed for the line here, not in `update` and not in a second bar."""

        def set_transfer_postfix_str(self, *_: object, **__: object) -> None:
            """How fast that goes is not shown."""

        def update(self, n: float | None = 1) -> bool | None:
            Meter.seen += int(n or 0)
            if Meter.seen > size:
                raise InputError(f"{name} of {repo} is larger than it claims, so nothing of it was taken.")
            shown: bool | None = super().update(n)
            return shown

    what = f"{name} of {repo}"
    await hub.call(
        what,
        lambda: hub.api.hf_hub_download(repo, name, revision=revision, local_dir=folder, tqdm_class=Meter),
        moves_files=True,
    )
    if (folder / name).stat().st_size != size:
        raise MynahError(f"{what} did not arrive as the model hub promised; try again.")


def _build(offer: Offer, folder: Path) -> None:
    """The folder of a voice, of nothing but weights, figures and words."""
    weights = offer.folder / WEIGHTS
    digest = offer.digests.get(WEIGHTS)
    with weights.open("rb") as stream:
        if digest is not None and hashlib.file_digest(stream, "sha256").hexdigest() != digest:
            raise MynahError(
                f"What the model hub sent of {WEIGHTS} of {offer.repo} is not what it promised; try again."
            )
    tokenizer = byte_level_tokenizer(offer.repo, offer.folder, offer.config["vocab_size"])
    folder.mkdir()
    weights.rename(folder / WEIGHTS)
    tokenizer.save(str(folder / TOKENIZER))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = VoiceRecord(
        key=offer.key,
        handles=offer.handles,
        base=offer.repo,
        base_folder="",
        method="full",
        recipe=Recipe(),
        held_out_loss_before=0.0,  # never measured: there are no posts to measure it on
        held_out_loss=0.0,
        posts=0,
        seconds=0.0,
        created_at=now,
        takes_topics=offer.config[TAKES_TOPICS],
    )
    origin = {"repo": offer.repo, "revision": offer.revision, "licence": offer.licence, "pulled_at": now}
    for name, values in {CONFIG: offer.config, POSTS: [], ORIGIN: origin, RECORD: record.to_json()}.items():
        (folder / name).write_text(json.dumps(values, ensure_ascii=False, indent=1), encoding="utf-8")


def _let_speak(settings: Settings, offer: Offer, folder: Path) -> None:
    """Raises InputError where the weights are damaged or of another shape than the configuration says."""
    try:
        if not offer.config["tie_word_embeddings"] and HEAD not in TensorFile(folder / WEIGHTS):
            raise InputError(f"{HEAD} is not in it")
        speaker = open_engine(settings.speak.device, settings.cache).load(Voice.from_folder(folder))
        speaker.speak([Line(EXAMPLE_OPENING)], Sampling(max_tokens=8))
    except MynahError as error:
        reason = printable(str(error.__cause__ or error))
        raise InputError(f"{offer.repo} can't speak, so nothing of it was kept: {reason}.") from error


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
