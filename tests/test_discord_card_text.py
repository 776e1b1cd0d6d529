"""How a run's card reads, whatever the run's figures and the voice's words are."""

from typing import Any

import pytest

from bot.fronts.discord import card_text
from bot.fronts.discord.backend import Backend
from bot.fronts.run_words import duration
from bot.imitator import Reply
from data.store import Run
from tests.discord_fronts import add_voice


def a_run(**values: Any) -> Run:
    blank: dict[str, Any] = dict.fromkeys(Run.__dataclass_fields__)
    return Run(**{**blank, "id": 7, "handles": ("keeper",), "state": "running", "progress": {}, **values})


async def test_the_label_stands_however_long_the_words_are(backend: Backend) -> None:
    voice = await add_voice(backend, "keeper")
    long = Reply("_" * 2_000, "*" * 500, 1, "keeper")
    text = card_text.finished(a_run(state="done"), voice.record, [], [long] * 3, long, ["Note."])
    assert len(text) <= 2_000
    assert text.endswith("\n-# AI imitation of @keeper, not the person")
    assert text.startswith("**The voice is ready: @keeper**")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (75, "1 min 15 s"), (3_700, "1 h 1 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_run_that_shall_end_says_so() -> None:
    text = card_text.under_way(a_run(cancel_requested=True), 0, trainers=0)
    assert text.endswith("It was asked to end.")
