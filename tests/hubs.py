"""A home with a voice that may be pushed, over the hub on loopback; fixtures of the tests that ask for them."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from huggingface_hub import close_session
from pydantic import SecretStr

from bot.hub.client import Hub
from data.posts import Provenance
from data.settings import HubSettings, Settings
from data.store import Store, open_store
from tests.hub_server import HubServer
from tests.posts import posts
from trainer.voice import RECORD, Voice


@dataclass(frozen=True)
class Place:
    """One operator's home and hub."""

    server: HubServer
    settings: Settings
    store: Store

    @property
    def hub(self) -> Hub:
        return Hub(self.settings, self.server.endpoint)

    def with_settings(self, **changes: Any) -> "Place":
        return replace(self, settings=self.settings.model_copy(update=changes))


@pytest.fixture(name="hub_server")
async def _hub_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[HubServer]:
    for name, value in {"HF_HUB_DISABLE_XET": True, "HF_TOKEN_PATH": str(tmp_path / "no-token")}.items():
        monkeypatch.setattr(huggingface_hub.constants, name, value)
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    async with HubServer() as server:
        yield server
    close_session()


@pytest.fixture(name="place")
async def _place(hub_server: HubServer, tmp_path: Path) -> AsyncIterator[Place]:
    token = HubSettings(token=SecretStr(hub_server.token))
    settings = Settings(home=tmp_path / "home", hub=token, _env_file=None)
    async with open_store(settings.database) as store:
        yield Place(hub_server, settings, store)


@pytest.fixture(name="_exports_here")
def _exports_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Export for real, but in this process."""
    from trainer.export import export_voice  # torch, for which not every test shall wait

    async def export_here(settings: Settings, key: str, folder: Path) -> None:
        export_voice(Voice.from_folder(settings.voices / key), folder)

    monkeypatch.setattr("bot.hub.push.export_apart", export_here)


async def bring_posts(store: Store, handle: str, *, may_publish: bool) -> None:
    """A corpus, released or not."""
    origin = Provenance(
        "x-archive", "archive.zip", "0" * 64, datetime.now(UTC), "the owner", may_publish=may_publish
    )
    await store.posts.add(handle, posts(handle, 20), origin)


async def make_voice(
    store: Store, settings: Settings, *handles: str, seed: int = 0, may_publish: bool = True, **record: Any
) -> Voice:
    """A tiny voice that really speaks, in folder and store, with the posts of its handles."""
    from tests.tiny_voices import full_voice  # torch again

    key = f"key-{'-'.join(handles)}-{seed}".replace("@", "-")
    voice = full_voice(settings.voices / key, seed=seed)
    changed = replace(voice.record, handles=tuple(sorted(handles)), base="builtin", **record)
    (voice.folder / RECORD).write_text(json.dumps(changed.to_json()))
    for handle in handles:
        await bring_posts(store, handle, may_publish=may_publish)
    await store.voices.add(
        key=key,
        name=changed.name,
        handles=changed.handles,
        base=changed.base,
        held_out_loss_before=changed.held_out_loss_before,
        held_out_loss=changed.held_out_loss,
        record=changed.to_json(),
    )
    return Voice.from_folder(voice.folder)
