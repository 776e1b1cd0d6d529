"""What a place filters: its own words, slurs, profanity; and nothing of that gets through the imitator."""

import pytest

from bot.fronts.discord.backend import Backend
from bot.gates import Reason
from bot.gates.filters import answers, block_lists, profanities, slurs
from bot.imitator import Occasion
from data.errors import NothingToSayError
from data.store import Filter, PlaceSettings
from tests.discord_fronts import add_voice
from trainer.engine import Continuation, Line, Sampling

POLITE = "The gull took a sandwich again."
SLUR = "You retards never close the gate."
RUDE = "That was a shitty ferry to wait for."
OWN = "The mayor says that all is well."
TEXTS = (POLITE, SLUR, RUDE, OWN)


def said(settings: PlaceSettings) -> set[str]:
    lists = block_lists(settings)
    return {text for text in TEXTS if not any(blocks.blocks(text) for blocks in lists)}


@pytest.mark.parametrize(
    ("strength", "allowed"),
    [("off", {POLITE, SLUR, RUDE}), ("standard", {POLITE, RUDE}), ("strict", {POLITE})],
)
def test_each_strength_blocks_what_it_says(strength: Filter, allowed: set[str]) -> None:
    assert said(PlaceSettings(filter=strength, block_list=("mayor",))) == allowed
    assert OWN in said(PlaceSettings(filter=strength))


def test_standard_holds_where_nobody_decided() -> None:
    assert said(PlaceSettings()) == {POLITE, RUDE, OWN}


@pytest.mark.parametrize(
    "text", ["r3tards", "R E T A R D S", "retaaaards", "ret\u0430rds", "\uff52etards", "r\u00e9tards"]
)
def test_slurs_are_found_however_they_are_spelled(text: str) -> None:
    assert slurs().blocks(f"You {text} never close the gate.")


@pytest.mark.parametrize(
    "text",
    ["A raccoon in a cocoon.", "Spicy soup and a dike.", "The fire is retarding.", "Pakistan and its pagodas."],
)
def test_slurs_inside_harmless_words_are_none(text: str) -> None:
    assert not slurs().blocks(text)


def test_the_words_of_strict_are_there() -> None:
    assert profanities().blocks("what the fuck")
    assert not profanities().blocks(POLITE)


def test_only_strict_leaves_rude_questions_unanswered() -> None:
    for strength in ("off", "standard"):
        assert answers(PlaceSettings(filter=strength, block_list=("mayor",)), RUDE + SLUR + OWN)
    strict = PlaceSettings(filter="strict", block_list=("mayor",))
    assert [text for text in TEXTS if answers(strict, text)] == [POLITE]


def test_a_phrase_of_nothing_but_an_accent_blocks_nothing() -> None:
    assert said(PlaceSettings(filter="off", block_list=("\u0301", " ", ""))) == set(TEXTS)


class Parrot:
    """Keeps to the seam of trainer.engine; says one of a few texts, whatever the seed."""

    memory_bytes = 1

    def load(self, voice: object) -> "Parrot":
        return self

    def speak(self, lines: list[Line], sampling: Sampling) -> list[Continuation]:
        return [Continuation(TEXTS[place % len(TEXTS)], finished=True) for place, _ in enumerate(lines)]


@pytest.mark.parametrize(
    ("strength", "allowed", "blocked"),
    [("off", {POLITE, SLUR, RUDE}, 1), ("standard", {POLITE, RUDE}, 2), ("strict", {POLITE}, 3)],
)
async def test_what_is_blocked_is_never_said_but_counted(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, strength: Filter, allowed: set[str], blocked: int
) -> None:
    monkeypatch.setattr(backend.imitator._shelf, "_engine", Parrot())
    voice = await add_voice(backend, "keeper")
    settings = PlaceSettings(filter=strength, block_list=("mayor",))
    occasion = Occasion("discord", "discord:1", "discord:2", block_lists(settings))
    replies = await backend.imitator.continue_opening(voice, "", 4, occasion=occasion)
    assert {reply.text for reply in replies} == allowed
    logged = await backend.store.replies.recent(voice.record.key)
    assert {reply.text for reply in logged} == allowed
    counts = await backend.store.replies.rejections(voice.record.key)
    assert set(counts) <= {Reason.BLOCKED, Reason.REPEATING}
    assert counts[Reason.BLOCKED] == backend.imitator.rejected[Reason.BLOCKED] >= blocked
    # The same voice elsewhere, where other words are blocked: what one place forbids does not stick to it.
    elsewhere = Occasion("discord", "discord:1", "discord:3", block_lists(PlaceSettings(filter="off")))
    replies = await backend.imitator.continue_opening(voice, "", 4, occasion=elsewhere)
    assert {reply.text for reply in replies} == set(TEXTS)


async def test_where_all_is_blocked_nothing_is_said(backend: Backend) -> None:
    voice = await add_voice(backend, "keeper")
    occasion = Occasion("discord", "discord:1", "discord:2", block_lists(PlaceSettings(block_list=("hush",))))
    with pytest.raises(NothingToSayError):
        await backend.imitator.continue_opening(voice, "Hush, said the gull,", 4, occasion=occasion)
    assert set(await backend.store.replies.rejections()) == {Reason.BLOCKED}
