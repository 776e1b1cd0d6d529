"""Voices to measure with, as tuning leaves them on disk. Needs the product's environment."""

import dataclasses
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.posts import drawn_posts
from bench.shape import write_adapter
from data.store import Store
from trainer.bases import BUILTIN_FOLDER
from trainer.durable import write_json
from trainer.recipe import Method, Recipe
from trainer.voice import POSTS, RECORD, Voice, VoiceRecord

OPENING = "The thing about fog is"
POSTS_EACH = 2300  # as many as a usual account brings


def adapter_voice(base: Path, folder: Path, seed: int = 0, posts: int = POSTS_EACH) -> Voice:
    """A voice on the base of 124 M parameters: an adapter."""
    write_adapter(base, folder, seed)
    return _recorded(folder, base, "lora", drawn_posts(posts, seed))


def builtin_voice(folder: Path, posts: Sequence[str] = (), weights: Path | None = None) -> Voice:
    """A voice on the built-in base: weights of its own, by default the base's. They are linked, not copied."""
    folder.mkdir(parents=True)
    for file in ("config.json", "tokenizer.json"):
        shutil.copyfile(BUILTIN_FOLDER / file, folder / file)
    source = weights or BUILTIN_FOLDER / "model.safetensors"
    try:
        os.link(source, folder / "model.safetensors")
    except OSError:  # another file system
        shutil.copyfile(source, folder / "model.safetensors")
    return _recorded(folder, BUILTIN_FOLDER, "full", posts)


async def enter(store: Store, voice: Voice) -> Voice:
    """Make the voice known to the store, as the trainer does, and return it."""
    record = voice.record
    await store.voices.add(record.key, record.name, record.handles, record.base, 4.0, 3.0, record.to_json())
    return voice


def _recorded(folder: Path, base: Path, method: Method, posts: Sequence[str]) -> Voice:
    record = VoiceRecord(
        key=folder.name,
        handles=(f"of_{folder.name}",),
        base=str(base),
        base_folder=str(base),
        method=method,
        recipe=dataclasses.replace(Recipe(), method=method),
        held_out_loss_before=4.0,
        held_out_loss=3.0,
        posts=len(posts),
        seconds=1.0,
        created_at="2026-01-01T00:00:00+00:00",
    )
    write_json(folder / POSTS, list(posts))
    (folder / RECORD).write_text(json.dumps(record.to_json()), encoding="utf-8")
    return Voice.from_folder(folder)
