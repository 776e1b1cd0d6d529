"""The work of one voice and seed, as folders in the scratch; each piece is made by `quality.child` and kept.

scratch/<handle>-<digest>/<voice key>/          a job, the voice tuned by it, and what was measured of it
scratch/<handle>-<digest>/reference-<digest>/   a job, and the base tuned on it by the reference recipe
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.machine import ROOT
from bench.rounds import environment
from bot.quality.people import Person
from bot.quality.voice_quality import VoiceQuality
from data.corpus import build_corpus, split
from data.settings import ImportSettings
from data.sources import read_posts
from trainer.bases import Base
from trainer.durable import write_json
from trainer.familiar import strange_to
from trainer.job import Job, JobCorpus
from trainer.recipe import Recipe, voice_key

Say = Callable[[str], None]

MODEL = "model"  # what the reference recipe leaves in its folder
HELD_OUT = "held_out.json"  # beside a job: what no tuning may see, person after person
HELD_OUT_SEED = 1  # the recipe was chosen on posts that seed 0 holds out
QUICK_REFERENCE_STEPS = 4


class StepFailedError(Exception):
    """A step broke off; its text is a sentence that says where the reason stands."""


@dataclass(frozen=True)
class Terms:
    """What is the same for all corpora and seeds."""

    scratch: Path
    base: Base
    candidates: int  # texts drawn of each voice
    threads: int
    quick: bool


@dataclass(frozen=True)
class VoiceWork:
    """The corpora of one voice, each split once, in three: what is held out is the same for every seed and recipe.

    A tuning keeps its best moment on posts that it is not measured by, as the reference keeps none.
    """

    people: tuple[Person, ...]  # several for a cyborg; what they hold out no tuning sees in any way
    chosen_by: tuple[tuple[str, ...], ...]  # of each, the posts by which ours finds its best moment
    digests: tuple[str, ...]

    @classmethod
    def read(cls, file: Path) -> "VoiceWork":
        """As an import and a training of the product would have it, of nine tenths of the posts.

        Raises MynahError where they can't be read, or are too few.
        """
        reading = read_posts(file, bounds=ImportSettings())
        corpus = build_corpus(reading.handle, reading.posts, "default")
        others, held_out = split(corpus.texts, seed=HELD_OUT_SEED)
        learn, chosen_by = split(others)
        digest = hashlib.sha256("\n".join([*learn, "", *chosen_by]).encode()).hexdigest()
        return cls((Person(corpus.handle, tuple(learn), tuple(held_out)),), (tuple(chosen_by),), (digest,))

    @classmethod
    def cyborg(cls, works: Sequence["VoiceWork"]) -> "VoiceWork":
        """All of them in one voice."""
        return cls(
            tuple(person for work in works for person in work.people),
            tuple(posts for work in works for posts in work.chosen_by),
            tuple(digest for work in works for digest in work.digests),
        )

    @property
    def name(self) -> str:
        return " + ".join(person.handle for person in self.people)

    def measured(self, terms: Terms, seed: int, say: Say) -> VoiceQuality:
        """Tune ours and, once for one person, the reference, and measure; what is in the scratch already is not
        made again.

        Raises StepFailedError.
        """
        recipe = self.recipe(terms, seed)
        own, reference = self._folder(terms, recipe), self._reference(terms)
        answer = own / f"quality-{terms.candidates}.json"
        alone = len(self.people) == 1
        who = f"{self.name}, seed {seed}"
        if not (own / "voice" / "voice.json").exists():
            say(f"{who}: tuning")
            self._job(terms, recipe, own)
            run_step(terms, own, "tune")
        if alone and not (reference / MODEL).exists():
            say(f"{self.name}: tuning by the reference recipe")
            self._job(terms, Recipe.for_base(terms.base.parameters, "reference"), reference)
            run_step(terms, reference, "reference", str(QUICK_REFERENCE_STEPS if terms.quick else -1))
        if not answer.exists():
            say(f"{who}: measuring")
            beside = str(reference / MODEL) if alone else ""
            run_step(terms, own, "measure", beside, str(terms.candidates), str(seed), str(answer))
        return VoiceQuality.from_json(json.loads(answer.read_text(encoding="utf-8")))

    def recipe(self, terms: Terms, seed: int) -> Recipe:
        """The product's own, but for the seed."""
        strange = strange_to(terms.base, [person.learn for person in self.people])
        recipe = replace(Recipe.for_base(terms.base.parameters, strange=any(strange)), seed=seed)
        return replace(recipe, epochs=1, far_steps=0, evaluations_per_epoch=1) if terms.quick else recipe

    def _folder(self, terms: Terms, recipe: Recipe) -> Path:
        handles = [person.handle for person in self.people]
        digests = dict(zip(handles, self.digests, strict=True))
        return self._corpus_folder(terms) / voice_key(digests, terms.base.digest, recipe)

    def _reference(self, terms: Terms) -> Path:
        return self._corpus_folder(terms) / f"reference-{terms.base.digest}{'-quick' if terms.quick else ''}"

    def _corpus_folder(self, terms: Terms) -> Path:
        parts = [
            f"{person.handle}-{digest[:12]}" for person, digest in zip(self.people, self.digests, strict=True)
        ]
        return terms.scratch / "+".join(parts)

    def _job(self, terms: Terms, recipe: Recipe, folder: Path) -> None:
        corpora = tuple(
            JobCorpus(who.handle, list(who.learn), list(chosen_by))
            for who, chosen_by in zip(self.people, self.chosen_by, strict=True)
        )
        base = terms.base
        Job(folder.name, base.name, str(base.folder), recipe, corpora, terms.threads).write(folder)
        write_json(folder / HELD_OUT, [who.held_out for who in self.people])


def run_step(terms: Terms, folder: Path, step: str, *arguments: str) -> None:
    """One step in a process of its own, so that its memory and its threads end with it."""
    log = folder / f"{step}.log"
    with log.open("w", encoding="utf-8") as complaints:
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "quality.child", step, str(folder), *arguments],
            cwd=ROOT,
            env=environment(terms.threads),
            stdin=subprocess.DEVNULL,
            stdout=complaints,
            stderr=complaints,
            check=False,
        )
    if ended.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        why = lines[-1][:300] if lines else f"exit code {ended.returncode}"
        raise StepFailedError(f"The step '{step}' broke off ({why}); {log} has the rest.")
