"""`python -m quality`: goals and medians, a report that holds every key, and work that is not done twice."""

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from bench.figures import Spread
from bench.machine import ROOT
from bot.quality.evaluation import ALONE, KEYS, Evaluation, evaluate_together
from bot.quality.surprise import gain
from data.samples import SAMPLES
from quality import chain, report, work
from quality.__main__ import arguments_of, main
from quality.goals import GOALS, Figure, Goal
from quality.work import StepFailedError, Terms, VoiceWork
from tests.kinds_of_posts import written
from tests.posts import texts
from tests.test_quality_voices import person, quality
from trainer.bases import BUILTIN, resolve_base
from trainer.job import Job
from trainer.voice import RECORD

SETTING = report.Setting(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), False, 3, ["ada", "bo"], {}, {}, "abc")


def evaluations() -> list[Evaluation]:
    """Three seeds: of ada's voice all, half and none of the texts are hers; it foresees ever worse."""
    ada, bo = person("ada"), person("bo", str.upper)
    found = []
    for hers, bits in ((20, 1.2), (10, 1.5), (0, 1.8)):
        said = [*ada.learn[:hers], *bo.learn[: 20 - hers]]
        one = quality("ada", said)
        found.append(evaluate_together([replace(one, bits=replace(one.bits, voice=bits))], [ada, bo]))
    return found


def cyborg(of_ada: int) -> Evaluation:
    """Of twenty texts so many are ada's, the others bo's."""
    ada, bo = person("ada"), person("bo", str.upper)
    both = replace(quality("both", [*ada.learn[:of_ada], *bo.learn[: 20 - of_ada]]), handles=("ada", "bo"))
    return evaluate_together([both], [ada, bo])


def test_the_keys_are_the_measures_and_the_base() -> None:
    others = {"base.pretraining_bits_per_byte", "cyborg.furthest_share", "cyborg.furthest_from_real"}
    assert {goal.key for goal in GOALS} == {*KEYS, *others}


def test_a_goal_is_met_from_its_limit_on() -> None:
    more, less, none = Goal("a", "", 0.8), Goal("b", "", 0.0, larger_is_better=False), Goal("c", "")
    assert [more.met_by(value) for value in (0.79, 0.8, 1)] == [False, True, True]
    assert [less.met_by(value) for value in (0.0, 0.001)] == [True, False]
    assert none.met_by(3) is None
    assert Figure(more, None, "why").met is None
    assert Figure(more, Spread(0.5, 0.2, 0.9)).met is False


def test_the_report_holds_medians_over_the_seeds_and_whether_goals_are_met(tmp_path: Path) -> None:
    every = evaluations()
    blends = [[cyborg(10)], [cyborg(13)], [cyborg(20)]]
    figures = report.read_figures(every, blends)
    place = report.write(report.to_json(SETTING, figures, every, blends), report.picture(every), tmp_path)
    values = json.loads(place.read_text(encoding="utf-8"))
    told = values["attribution.share_of_ceiling"]
    assert (told["value"], told["spread"], told["met"]) == (0.5, [0, 1], False)
    markov = values["bits_per_byte.gain_over_markov"]
    assert (markov["value"], markov["met"]) == (pytest.approx(gain(1.5, 2.4)), True)
    assert values["copy_rate.gated"]["met"]
    assert values["base.bits_per_byte"]["goal"] is None
    assert 1 < values["base.pretraining_bits_per_byte"]["value"] < 2.1
    missing = values["bits_per_byte.gain_over_reference"]
    assert (missing["value"], missing["met"]) == (None, None)
    assert "reference recipe" in missing["why_not"]
    assert len(values["seeds"]) == len(values["cyborgs"]) == 3
    unequal = values["cyborg.furthest_share"]
    assert (unequal["value"], unequal["spread"], unequal["met"]) == (0.15, [0, 0.5], False)
    names = ["2026-01-02T03-04-05.json", "2026-01-02T03-04-05.png", "latest.json", "latest.png"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    assert Image.open(io.BytesIO((tmp_path / "latest.png").read_bytes())).format == "PNG"


def test_what_is_shown_is_the_middle_seed_and_every_goal(capsys: pytest.CaptureFixture[str]) -> None:
    every = evaluations()
    assert report.middle(every) is every[1]
    report.show(SETTING, report.read_figures(every, []), every)
    shown = capsys.readouterr().out
    assert all(goal.key in shown for goal in GOALS)
    assert "1.500" in shown


def test_one_corpus_alone_says_why_it_has_no_attribution() -> None:
    alone = evaluate_together([quality("ada", ["fog"])], [person("ada")])
    figure = report.read_figures([alone], [[]])[0]
    assert (figure.goal.key, figure.spread, figure.why_not) == ("attribution.share_of_ceiling", None, ALONE)


class TestWork:
    @pytest.fixture(name="terms")
    def _terms(self, tmp_path: Path) -> Terms:
        return Terms(tmp_path, resolve_base(BUILTIN), 40, 1, quick=True)

    def test_what_is_in_the_scratch_is_not_made_again(self, terms: Terms, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[str] = []

        def make(_: Terms, folder: Path, step: str, *arguments: str) -> None:
            """Leaves what the step would leave."""
            made.append(step)
            if step == "tune":
                job = Job.read(folder)
                assert job.recipe == corpus.recipe(terms, job.recipe.seed)
                (seen,), (unseen,) = job.corpora, json.loads((folder / work.HELD_OUT).read_text(encoding="utf-8"))
                assert unseen == list(corpus.people[0].held_out)
                assert not {*unseen} & {*seen.learn, *seen.held_out}
                (folder / "voice").mkdir()
                (folder / "voice" / RECORD).write_text("{}", encoding="utf-8")
            elif step == "reference":
                assert Job.read(folder).recipe.profile == "reference"
                (folder / work.MODEL).mkdir()
            else:
                one = quality("lampkeeper_ode", ["fog"])
                Path(arguments[-1]).write_text(json.dumps(one.to_json()), encoding="utf-8")

        monkeypatch.setattr(work, "run_step", make)
        corpus = VoiceWork.read(SAMPLES["lampkeeper_ode"])
        first = corpus.measured(terms, 0, lambda _: None)
        assert made == ["tune", "reference", "measure"]
        assert corpus.measured(terms, 0, lambda _: None) == first
        assert len(made) == 3
        corpus.measured(terms, 1, lambda _: None)
        assert made[3:] == ["tune", "measure"]  # another seed has the same reference
        corpus.measured(replace(terms, candidates=50), 1, lambda _: None)
        assert made[5:] == ["measure"]

    def test_a_cyborg_learns_all_its_people_and_has_no_reference(
        self, terms: Terms, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[str] = []

        def make(_: Terms, folder: Path, step: str, *arguments: str) -> None:
            made.append(step)
            if step == "tune":
                assert [corpus.handle for corpus in Job.read(folder).corpora] == sorted(SAMPLES)
                (folder / "voice").mkdir()
                (folder / "voice" / RECORD).write_text("{}", encoding="utf-8")
            else:
                assert arguments[0] == ""
                Path(arguments[-1]).write_text(json.dumps(quality("both", ["fog"]).to_json()), encoding="utf-8")

        monkeypatch.setattr(work, "run_step", make)
        both = VoiceWork.cyborg([VoiceWork.read(SAMPLES[handle]) for handle in sorted(SAMPLES)])
        both.measured(terms, 0, lambda _: None)
        assert made == ["tune", "measure"]
        assert both.name == " + ".join(sorted(SAMPLES))

    def test_every_seed_holds_out_the_same(self, terms: Terms) -> None:
        corpus = VoiceWork.read(SAMPLES["lampkeeper_ode"])
        assert corpus == VoiceWork.read(SAMPLES["lampkeeper_ode"])
        (person,), (chosen_by,) = corpus.people, corpus.chosen_by
        parts = [set(person.learn), set(chosen_by), set(person.held_out)]
        every = set.union(*parts)
        assert sum(map(len, parts)) == len(every)  # no post is on two sides
        assert all(0.05 < len(part) / len(every) < 0.2 for part in parts[1:])
        assert corpus.recipe(terms, 0) != corpus.recipe(terms, 1)

    def test_a_language_that_the_base_hardly_knows_is_learned_as_the_product_would(self, terms: Terms) -> None:
        (english,) = VoiceWork.read(SAMPLES["lampkeeper_ode"]).people
        spanish = replace(english, learn=tuple(text for text, _ in written("spanish", 100)))
        recipes = [VoiceWork((who,), ((),), ("0",)).recipe(terms, 0) for who in (english, spanish)]
        assert [recipe.batch for recipe in recipes] == [16, 4]

    def test_a_step_that_breaks_off_says_where_the_reason_stands(self, terms: Terms, tmp_path: Path) -> None:
        with pytest.raises(StepFailedError, match="'dance' broke off"):
            work.run_step(terms, tmp_path, "dance")  # there is no such step
        assert "KeyError" in (tmp_path / "dance.log").read_text(encoding="utf-8")


def test_the_command_line_refuses_what_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert arguments_of(["--quick", "--seeds", "2"]).seeds == 2
    assert arguments_of(["--corpora", str(tmp_path / "missing")]).corpora is None
    with pytest.raises(SystemExit):
        arguments_of(["--seeds", "0"])
    assert "--seeds must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "said"), [([], "holds no JSONL files"), (["a", "b"], "posts of the same account")]
)
def test_corpora_that_can_not_be_measured_are_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: list[str], said: str
) -> None:
    rows = [{"id": str(n), "text": text, "username": "keeper"} for n, text in enumerate(texts(200))]
    for name in names:
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(SystemExit):
        main(["--corpora", str(tmp_path), "--scratch", str(tmp_path / "scratch")])
    complaint = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in complaint


def test_a_chain_and_the_base_foresee_the_same_held_out_posts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, first in (("posts", 0), ("prose", 1)):
        (tmp_path / f"{name}.txt").write_text("\n\n".join(texts(3000, first)))
    chain.main(["--posts", str(tmp_path / "posts.txt"), "--prose", str(tmp_path / "prose.txt")])
    bits = [float(bits) for bits in re.findall(r": ([\d.]+)", capsys.readouterr().err)]
    assert len(bits) == 3
    base, of_posts, of_both = bits
    # So few words are soon known by heart, which the base never saw.
    assert 0 < of_posts < base < 8
    assert 0 < of_both < base


def loaded_after(imports: str, *names: str) -> str:
    probe = f"import sys, {imports}; print([name for name in {names} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
    return result.stdout.strip()


def test_the_start_of_the_bot_pays_nothing_for_measuring() -> None:
    assert loaded_after("bot.cli", "sklearn", "scipy", "sacrebleu", "bot.quality") == "[]"


def test_measuring_loads_no_torch_into_the_process_of_the_bot() -> None:
    measuring = "bot.quality.evaluating, bot.cli.evaluation_report, bot.quality.plot, bot.quality.losses"
    assert loaded_after(measuring, "torch", "transformers", "sklearn", "sacrebleu") == "[]"
