"""Evaluating voices: what is held out, drawn, foreseen and told, and that the numbers stay with the voice."""

import asyncio
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import GPT2LMHeadModel
from typer.testing import CliRunner

from bot.cli import app, evaluation_report
from bot.quality.drawing import Drawn, choose_prompts, draw, ends_in_a_word, without_opening
from bot.quality.evaluation import ALONE, KEYS, evaluate_together
from bot.quality.losses import Model, foresee
from bot.quality.manner import Manner
from bot.quality.people import Person, people_of
from bot.quality.plot import WIDTH, quality_plot
from bot.quality.relevance import RelevanceMeasured
from bot.quality.voice_quality import BitsPerByte, Said, VoiceQuality
from bot.shelf import VoiceShelf
from data.corpus import build_corpus, split
from data.errors import InputError, MynahError
from data.settings import Settings
from data.store import open_store
from tests.posts import bring, posts, texts
from tests.tiny_voices import CONTEXT, full_voice, lora_voice, speaking_voice, tiny_base
from trainer.card import model_card
from trainer.engine import open_engine
from trainer.learned import Learned
from trainer.measure import Request, held_out_nats
from trainer.quality import QUALITY, quality_rows
from trainer.voice import POSTS, RECORD, Voice

PLAIN = Manner(40.0, 8.0, {"asks": 0.5})


def quality(handle: str, said: Sequence[str], **more: Any) -> VoiceQuality:
    figures = Said(
        100, 0.02, 0.0, {"copy_run": 0.1}, 0.05, 0.0, 0.9, 0.95, 20.0, 15.0, 0.1, 0.05, PLAIN, PLAIN, 0.2, 0.1
    )
    values: dict[str, Any] = {
        "bits": BitsPerByte(1.5, 2.0, 2.4, 3),
        "relevance": RelevanceMeasured(0.3, 4.0, 50),
        "relevance_own": RelevanceMeasured(0.2, 5.0, 50),
    }
    names = tuple(handle.split("+"))
    return VoiceQuality(name=handle, handles=names, said=figures, texts=tuple(said), **{**values, **more})


def person(handle: str, change: Callable[[str], str] = str) -> Person:
    every = [change(text) for text in texts(120)]
    return Person(handle, tuple(every[:80]), tuple(every[80:]))


def learned(handle: str, own: Sequence[str], digest: str = "d") -> Learned:
    return Learned(handle, len(own), 0, 0, len(own), {}, 9000, digest, {"en": len(own)}, (), (), False)


def made_of(voice: Voice, *shares: tuple[Learned, Sequence[str]]) -> Voice:
    """The voice, as if it had been tuned on these posts, written as tuning writes them."""
    every: list[str] = []
    for _, own in shares:
        learn, held_out = split(own, seed=voice.record.recipe.seed)
        every += learn + held_out
    record = replace(
        voice.record,
        posts=len(every),
        handles=tuple(share.handle for share, _ in shares),
        learned=tuple(share for share, _ in shares),
    )
    (voice.folder / POSTS).write_text(json.dumps(every), encoding="utf-8")
    (voice.folder / RECORD).write_text(json.dumps(asdict(record)), encoding="utf-8")
    return Voice.from_folder(voice.folder)


class TestPeople:
    def test_exactly_those_are_held_out_that_were_when_it_was_made(self, tmp_path: Path) -> None:
        ada, bo = texts(60), texts(50, seed=1)
        for seed in (0, 5):
            voice = full_voice(tmp_path / f"voice{seed}")
            recipe = replace(voice.record.recipe, seed=seed)
            voice = Voice(replace(voice.record, recipe=recipe), voice.folder)
            both = made_of(voice, (learned("ada", ada), ada), (learned("bo", bo), bo))
            for found, own in zip(people_of(both), (ada, bo), strict=True):
                learn, held_out = split(own, seed=seed)
                assert (set(found.learn), set(found.held_out)) == (set(learn), set(held_out))
                assert held_out

    def test_an_old_record_of_one_person_is_enough(self, tmp_path: Path) -> None:
        ada = texts(60)
        voice = made_of(full_voice(tmp_path / "v"), (learned("ada", ada), ada))
        old = Voice(replace(voice.record, learned=()), voice.folder)
        assert people_of(old) == people_of(voice)

    def test_what_can_not_be_known_is_refused_in_a_sentence(self, tmp_path: Path) -> None:
        ada, bo = texts(60), texts(50, seed=1)
        both = made_of(full_voice(tmp_path / "v"), (learned("ada", ada), ada), (learned("bo", bo), bo))
        with pytest.raises(InputError, match="whose posts are whose"):
            people_of(Voice(replace(both.record, learned=()), both.folder))
        with pytest.raises(InputError, match="train it here"):
            people_of(Voice(replace(both.record, posts=0), both.folder))
        (both.folder / POSTS).unlink()
        with pytest.raises(InputError, match="train it here"):
            people_of(both)


@pytest.mark.timeout(180)  # its child loads torch
class TestLosses:
    def test_a_post_costs_what_plain_arithmetic_says_whatever_stands_beside_it(self, tmp_path: Path) -> None:
        folder = tiny_base(tmp_path / "base")
        model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        every = ["fog", texts(1)[0], "The lamp is lit and the fog is thick."]

        def cost(text: str) -> float:
            ids = torch.tensor([0, *tokenizer.encode(text).ids, 0])
            with torch.inference_mode():
                logits = model(ids[None, :-1]).logits[0]
            return float(functional.cross_entropy(logits, ids[1:], reduction="sum"))

        found = held_out_nats(Request(str(folder), "", every))
        assert found == pytest.approx([cost(text) for text in every], rel=1e-4)
        assert held_out_nats(Request(str(folder), "", every[:1])) == pytest.approx(found[:1], rel=1e-4)

    def test_a_post_beyond_the_context_is_foreseen_to_its_end(self, tmp_path: Path) -> None:
        folder = str(tiny_base(tmp_path / "base"))
        word = "\u00e9" * CONTEXT  # two tokens each: twice the context
        short, long, longer = held_out_nats(Request(folder, "", ["fog", word, word + word]))
        assert short < long < longer
        # A uniform guess costs log(320) = 5.8 nats a token; none is left out, none counts twice.
        assert 1.5 < longer / long < 2.5

    async def test_the_child_tells_an_adapter_from_its_base(self, tmp_path: Path) -> None:
        voice = lora_voice(tmp_path / "voice", tiny_base(tmp_path / "base"))
        base = Model(tmp_path / "base")
        own, plain, again = await foresee([Model.of_voice(voice), base, base], ["The fog.", "A lamp!"])
        assert plain == again
        assert len(own) == 2
        assert own != plain

    async def test_a_folder_without_a_model_is_one_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(MynahError, match="could not be measured"):
            await foresee([Model(tmp_path)], ["fog"])


class TestDrawing:
    def test_prompts_are_held_out_posts_in_tens(self) -> None:
        ada = person("ada")
        chosen = choose_prompts([ada], seed=3)
        assert len(chosen) == 40
        assert set(chosen) <= set(ada.held_out)
        assert choose_prompts([ada], seed=3) == chosen != choose_prompts([ada], seed=4)
        assert choose_prompts([replace(ada, held_out=ada.held_out[:9])], seed=3) == ()

    def test_an_opening_that_was_given_is_not_the_voices_own(self) -> None:
        openings = ["", "Fog", "Fog bank"]
        assert without_opening("Fog bank is here.", openings) == " is here."
        assert without_opening("A fog bank is here.", openings) == "A fog bank is here."
        assert without_opening("Fog", []) == "Fog"

    def test_a_word_that_was_cut_is_seen(self) -> None:
        assert ends_in_a_word("The fo", "The fog is")
        assert not ends_in_a_word("The fog", "The fog is")
        assert not ends_in_a_word("The fog.", "The fog. It")
        assert not ends_in_a_word("The fog", "The fog")

    async def test_a_voice_is_drawn_by_the_products_own_path(self, tmp_path: Path) -> None:
        own = texts(150)
        voice = made_of(speaking_voice(tmp_path / "v"), (learned("keeper", own), own))
        settings = Settings(home=tmp_path, _env_file=None)

        async def drawn(seed: int) -> Drawn:
            async with VoiceShelf(open_engine("cpu", tmp_path / "cache"), 2**30) as shelf:
                return await draw(voice, people_of(voice), shelf, settings, candidates=30, seed=seed)

        found = await drawn(7)
        assert len(found.raw) == 30
        assert len(found.gated) + sum(found.rejected.values()) == 30
        assert found.gated
        assert len(found.prompts) == len(found.answers) == 10
        assert any(found.answers)
        pairs = zip(found.answers, found.own_words, strict=True)
        assert all((whole or "").endswith(own or "") for whole, own in pairs)
        assert found.own_words != found.answers  # openings are given in turn
        assert Drawn.from_json(json.loads(json.dumps(found.to_json()))) == found
        assert await drawn(7) == found
        assert (await drawn(70_000)).raw != found.raw
        assert not (tmp_path / "mynah.db").exists()  # nothing was said to anybody


class TestEvaluation:
    def test_figures_over_all_voices(self) -> None:
        ada, bo = person("ada"), person("bo", str.upper)
        bits = BitsPerByte(1.0, 2.0, 2.0, 3, reference=1.25)
        voices = [quality("ada", ada.learn[:30]), quality("bo", ada.learn[30:60], bits=bits, relevance=None)]
        found = evaluate_together(voices, [ada, bo])
        assert tuple(found.figures) == KEYS
        assert found.figures == pytest.approx(
            {
                "attribution.share_of_ceiling": 0.5,  # bo's voice speaks like ada
                "copy_rate.raw": 0.02,
                "copy_rate.gated": 0.0,
                "bits_per_byte.gain_over_reference": 0.2,
                "bits_per_byte.gain_over_markov": (1 - 1.5 / 2.4 + 0.5) / 2,
                "relevance.times_chance": 3.0,
                "relevance.own_times_chance": 2.0,
                "base.bits_per_byte": 2.0,
                "cut_in_a_word": 0.0,
            }
        )
        assert found.why_not == {}
        assert found.of_voice(0)["attribution"] == 1.0
        assert found.of_voice(1)["attribution"] == 0.0
        assert "relevance.times_chance" not in found.of_voice(1)
        assert found.of_voice(0).keys() <= QUALITY.keys()

    def test_one_person_alone_is_said_to_have_no_attribution(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = evaluate_together([quality("ada", texts(9))], [person("ada")])
        assert found.attribution is None
        assert found.why_not["attribution.share_of_ceiling"] == ALONE
        assert "gain_over_reference" in " ".join(found.why_not)
        evaluation_report.show(found)
        assert ALONE in capsys.readouterr().out

    def test_what_one_voice_learned_and_another_held_out_is_not_learned_for_the_ceiling(self) -> None:
        ada, bo = person("ada"), person("bo", str.upper)
        later = replace(ada, learn=ada.held_out + ada.learn, held_out=ada.held_out[:20])
        assert evaluate_together([], [later, bo, ada]).attribution is not None

    def test_a_cyborgs_shares_are_told_by_person(self, capsys: pytest.CaptureFixture[str]) -> None:
        ada, bo = person("ada"), person("bo", str.upper)
        found = evaluate_together([quality("ada+bo", ada.learn[:30] + bo.learn[:10])], [ada, bo])
        assert found.attribution is not None
        assert found.attribution.shares == ({"ada": 0.75, "bo": 0.25},)
        assert found.figures["attribution.share_of_ceiling"] is None
        assert "attribution" not in found.of_voice(0)
        evaluation_report.show(found)
        assert "75% ada, 25% bo" in capsys.readouterr().out

    def test_programs_get_all_of_it_and_the_scratch_gives_it_back(self) -> None:
        one = quality("ada", texts(9))
        assert VoiceQuality.from_json(json.loads(json.dumps(one.to_json()))) == one
        values = json.loads(
            json.dumps(evaluation_report.to_json(evaluate_together([one], [person("ada")])), allow_nan=False)
        )
        assert {*KEYS, "why_not", "attribution", "voices"} == values.keys()
        assert values["voices"][0]["texts"] == 9
        assert values["voices"][0]["relevance"]["times_chance"] == 3.0

    @pytest.mark.parametrize("together", [False, True])
    def test_the_picture_shows_what_there_is(self, together: bool) -> None:
        people = [person("ada"), person("bo", str.upper)][: 2 if together else 1]
        found = Image.open(io.BytesIO(quality_plot(evaluate_together([quality("ada", texts(9))], people))))
        assert (found.format, found.width) == ("PNG", WIDTH)
        assert found.height == 40 + (6 if not together else 9) * 24 - 48 + (2 + together) * 38


class TestRecord:
    def test_the_numbers_stay_with_the_voice_and_stand_in_its_card(self, tmp_path: Path) -> None:
        voice = full_voice(tmp_path / "v")
        assert voice.record.quality == {}
        assert "mynah evaluate" not in model_card(voice)
        rated = voice.rated({"bits_per_byte": 1.52, "attribution": 0.81, "unheard_of": 3.0})
        assert Voice.from_folder(voice.folder) == rated
        section = model_card(rated).split("## How well it learned")[1].split("\n## ")[0]
        assert "| Held-out bits per byte | 1.520 |" in section
        assert "| 81% |" in section
        assert "unheard" not in section

    def test_a_record_of_before_is_read(self, tmp_path: Path) -> None:
        voice = full_voice(tmp_path / "v")
        values = voice.record.to_json()
        del values["quality"]
        (voice.folder / RECORD).write_text(json.dumps(values), encoding="utf-8")
        assert Voice.from_folder(voice.folder).record.quality == {}

    def test_every_key_has_words_and_a_format(self) -> None:
        rows = quality_rows(dict.fromkeys(QUALITY, 0.5))
        assert len(rows) == len(QUALITY)
        assert all(words and not math.isnan(float(value.rstrip("%"))) for words, value in rows)


@pytest.mark.timeout(180)  # its child loads torch
class TestCommand:
    @pytest.fixture(name="home")
    def _home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        for name, value in {"HOME": tmp_path, "OFFLINE": "1", "SPEAK__DEVICE": "cpu"}.items():
            monkeypatch.setenv(f"MYNAH_{name}", str(value))
        return tmp_path

    async def _enter(self, home: Path, handle: str, changed: bool = False) -> Voice:
        settings = Settings(home=home, _env_file=None)
        async with open_store(settings.database) as store:
            await bring(store, handle, 150)
            corpus = build_corpus(handle, posts(handle, 150), "default")
            digest = "another" if changed else corpus.digest
            share = learned(handle, corpus.texts, digest)
            voice = made_of(speaking_voice(settings.voices / handle, handle), (share, corpus.texts))
            record = voice.record
            await store.voices.add(record.key, record.name, record.handles, record.base, 6.0, 4.0, {})
        return voice

    def test_it_measures_tells_and_keeps(self, home: Path) -> None:
        voice = asyncio.run(self._enter(home, "keeper"))
        plot = home / "quality.png"
        words = [
            "evaluate",
            "keeper",
            "@Keeper",
            "--candidates",
            "20",
            "--seed",
            "7",
            "--json",
            "--plot",
            str(plot),
        ]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        values = json.loads(result.stdout)
        assert values["attribution.share_of_ceiling"] is None
        assert values["copy_rate.gated"] == 0
        assert len(values["voices"]) == 1  # the same voice by two spellings
        assert values["voices"][0]["bits"]["voice"] == pytest.approx(
            values["base.bits_per_byte"]
        )  # it is its base
        assert values["relevance.times_chance"] >= 0
        assert Image.open(io.BytesIO(plot.read_bytes())).width == WIDTH
        kept = Voice.from_folder(voice.folder).record.quality
        assert kept["bits_per_byte"] == pytest.approx(values["base.bits_per_byte"], abs=1e-5)
        assert "changed" not in result.stderr

    def test_posts_that_changed_since_are_told_in_one_sentence(self, home: Path) -> None:
        asyncio.run(self._enter(home, "keeper", changed=True))
        result = CliRunner().invoke(app, ["evaluate", "keeper", "--candidates", "20", "--seed", "7"])
        assert result.exit_code == 0, result.output
        assert result.stderr.count("The posts of @keeper changed since keeper was made") == 1
        assert ALONE in result.stdout

    def test_who_opted_out_is_not_evaluated(self, home: Path) -> None:
        asyncio.run(self._enter(home, "keeper"))
        assert CliRunner().invoke(app, ["optout", "keeper"]).exit_code == 0
        result = CliRunner().invoke(app, ["evaluate", "keeper"])
        assert isinstance(result.exception, MynahError)
        assert Voice.from_folder(home / "voices" / "keeper").record.quality == {}

    def test_without_its_libraries_it_says_how_to_install_them(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bot.cli.evaluate.find_spec", lambda _: None)
        result = CliRunner().invoke(app, ["evaluate", "keeper"])
        assert "mynah[evaluate]" in str(result.exception)
