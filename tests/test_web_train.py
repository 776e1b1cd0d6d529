"""Training by the page: from a file to a spoken reply, and what people see of a run until it ends."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from bot.cli.speak import open_imitator
from bot.fronts.web.backend import WebBackend
from bot.fronts.web.doors import Doors
from bot.fronts.web.tabs.train import MOST_LISTED, _view
from bot.training import TrainerKeeper
from data.store import Run, RunWish, Store, open_store
from tests.archives import write_json_lines
from tests.browser import PHONE, open_tab, page_backend, page_settings, visiting
from tests.posts import bring, texts
from tests.processes import environment, until
from tests.tiny_voices import speaking_voice, tiny_base

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TRAINER = "a trainer of this test"
SLOWLY = 120_000  # milliseconds; a trainer that starts on a busy machine takes its time


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the trainers that the page starts find everything."""
    for variable, value in environment(tmp_path / "home").items():
        monkeypatch.setenv(variable, value)
    return tmp_path / "home"


@contextlib.asynccontextmanager
async def trainer_alive(store: Store) -> AsyncIterator[None]:
    """Signs of life of a trainer whose work the test does itself, so that the page starts none."""

    async def beat() -> None:
        while True:
            await store.runs.beat(TRAINER, os.getpid())
            await asyncio.sleep(1)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        await store.runs.leave(TRAINER)


def progress(step: int) -> dict[str, Any]:
    """As a trainer shows it, of 400 steps."""
    history = [{"step": 0, "held_out_loss": 5.25}]
    evaluated = range(20, step + 1, 20)
    history += [{"step": at, "loss": 5 - at / 200, "held_out_loss": 5 - at / 250} for at in evaluated]
    return {
        "step": step,
        "steps": 400,
        "loss": 4.1,
        "held_out_loss": history[-1]["held_out_loss"],
        "held_out_loss_before": 5.25,
        "evaluated": step % 20 == 0,
        "learning_rate": 1e-3,
        "tokens_per_second": 3210.4,
        "eta_seconds": 75.2,
        "history": history,
    }


async def claimed(store: Store) -> Run:
    run = await store.runs.claim(TRAINER, 60, 3)
    assert run is not None
    return run


async def choose(page: Page, handle: str) -> None:
    await page.get_by_label("Whose voice").click()
    await page.get_by_role("option", name=handle).click()
    await page.keyboard.press("Escape")


async def test_from_a_file_to_a_spoken_reply(home: Path, tmp_path: Path) -> None:
    """With the real trainer in a process of its own and the real engine; only the base is tiny."""
    settings = page_settings(home).model_copy(update={"base": str(speaking_voice(tmp_path / "base").folder)})
    rows = [{"id": str(100 + number), "text": text} for number, text in enumerate(texts(400))]
    file = write_json_lines(tmp_path / "keeper.jsonl", rows)
    async with open_store(settings.database) as store, open_imitator(settings, store) as imitator:
        backend = WebBackend(settings, store, imitator, {}, Doors(settings.web))
        async with visiting(backend) as page:
            await page.locator("#bring-file input[type=file]").set_input_files(file)
            await page.get_by_label("These are my own posts").check()
            await page.get_by_role("button", name="Import").click()
            await expect(page.locator("#bring-receipt")).to_contain_text("400 posts new")
            await page.get_by_role("button", name="Train a voice of @keeper").click()
            await page.get_by_role("button", name="Train", exact=True).click()
            run, said = page.locator("#train-run"), page.locator("#train-said")
            await expect(said).to_contain_text("@keeper has only")
            await expect(run).to_contain_text("train a voice of @keeper")

            await page.reload()  # the run goes on, and the page opens on it
            await expect(run).to_contain_text("voice of @keeper")
            await expect(run).to_contain_text("Ready: the voice of @keeper", timeout=SLOWLY)
            [voice] = await store.voices.all()
            await expect(run).to_contain_text(f"{voice.held_out_loss_before:.2f}")
            await expect(run).to_contain_text(f"{voice.held_out_loss:.2f}")
            await expect(page.locator("#train-runs")).to_contain_text("@keeper · ready")
            await expect(page.get_by_role("button", name="Cancel")).to_be_hidden()

            await page.get_by_role("button", name="Talk to it").click()
            await expect(page.get_by_role("tab", name="Speak")).to_have_attribute("aria-selected", "true")
            await page.get_by_role("button", name="Speak", exact=True).click()
            await expect(page.locator("#spoken")).to_contain_text("My dream is", timeout=SLOWLY)

            await open_tab(page, "Train")
            await choose(page, "keeper")
            await page.get_by_role("button", name="Train", exact=True).click()
            await expect(said).to_contain_text("The voice of @keeper is here already.")
            assert len(await store.runs.history()) == 1

            async def alone() -> bool:
                return not await store.runs.live_trainers(10)

            await until(alone)  # the trainer left, as its queue is empty


async def test_what_is_seen_of_runs(home: Path, tmp_path: Path) -> None:
    settings = page_settings(home).model_copy(update={"base": str(tiny_base(tmp_path / "base"))})
    async with page_backend(settings) as backend, trainer_alive(backend.store):
        store = backend.store
        for seed, handle in enumerate(("gull", "keeper")):
            await bring(store, handle, seed=seed)
        async with visiting(backend, **PHONE) as page:
            run, runs = page.locator("#train-run"), page.locator("#train-runs label")
            await open_tab(page, "Train")
            start = page.get_by_role("button", name="Train", exact=True)
            await start.click()
            await expect(page.get_by_test_id("toast-body").last).to_contain_text("Choose whose voice")
            await choose(page, "keeper")
            await start.click()
            await expect(run).to_contain_text("Place 1 in the queue")
            await choose(page, "gull")
            await page.get_by_role("button", name="Blend a cyborg").click()
            await expect(run).to_contain_text("Waiting to train a voice of @gull + @keeper")
            await expect(run).to_contain_text("Place 2 in the queue")
            await expect(runs).to_have_count(2)

            first = await claimed(store)
            await store.runs.heartbeat(first, 60, progress(100))
            await runs.filter(has_text="@keeper · training").first.click()
            for words in ("100 of 400", "3,210 tokens a second", "about 1 min 15 s", "5.25", "4.60"):
                await expect(run).to_contain_text(words)
            await expect(run.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
            await expect(page.locator("#train-plot polyline")).to_have_count(2)
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

            await page.context.set_offline(True)  # a phone sleeps
            await store.runs.heartbeat(first, 60, progress(200))
            await asyncio.sleep(2)
            await page.context.set_offline(False)
            await expect(run.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50", timeout=SLOWLY)

            await page.get_by_role("button", name="Cancel").click()
            await expect(run).to_contain_text("It was asked to end.")
            assert await store.runs.heartbeat(first, 60, progress(201)) == "cancel"
            await store.runs.cancelled(first)
            await expect(run).to_contain_text("It was cancelled.")

            second = await claimed(store)
            sentence = "The disk is full <b>here</b>; free some space."
            await store.runs.fail(second, sentence, retry=False)
            await runs.filter(has_text="@gull + @keeper · failed").click()
            await expect(run.locator(".mynah-wrong")).to_have_text(sentence)
            await page.get_by_role("button", name="Try again").click()
            await expect(run).to_contain_text("Waiting to train a voice of @gull + @keeper")
            assert [again.handles for again in await store.runs.active()] == [("gull", "keeper")]


async def test_the_run_that_is_watched_stays_among_many(tmp_path: Path) -> None:
    """Its number comes back from the browser, and gradio turns down what is none of the choices."""
    async with page_backend(page_settings(tmp_path)) as backend, trainer_alive(backend.store):
        await backend.store.runs.beat(TRAINER, os.getpid())
        keeper = TrainerKeeper(backend.store, backend.settings)
        wishes = [
            RunWish(f"key {number}", ("keeper",), "builtin", {}, "a test") for number in range(MOST_LISTED + 2)
        ]
        numbers = [(await backend.store.runs.enqueue(wish))[0].id for wish in wishes]
        for watched in (numbers[0], numbers[-1]):
            view = await _view(backend, keeper, watched)
            assert view is not None
            assert view.run_id == watched
            assert watched in [number for _, number in view.listed]


async def test_a_trainer_that_cannot_start_is_told_of(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = page_settings(home).model_copy(update={"base": str(tiny_base(tmp_path / "base"))})
    monkeypatch.setenv("MYNAH_TRAINER__THREADS", "many")
    async with page_backend(settings) as backend:
        await bring(backend.store, "keeper")
        async with visiting(backend, color_scheme="dark") as page:
            await open_tab(page, "Train")
            await choose(page, "keeper")
            await page.get_by_role("button", name="Train", exact=True).click()
            trouble = page.locator("#train-run").get_by_role("alert")
            await expect(trouble).to_contain_text("trainer.log says why", timeout=SLOWLY)
            await page.get_by_role("button", name="Cancel").click()
            await expect(page.locator("#train-run")).to_contain_text("It was cancelled.")
