"""`python -m quality.child STEP FOLDER ...`: one step of `quality.work`, in this fresh process."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path


def tune(folder: Path) -> None:
    """Ours: the product's own tuning, which goes on from its checkpoint."""
    from trainer.tune import tune as tune_voice

    tune_voice(folder, lambda _: None)


def reference(folder: Path, steps: str) -> None:
    """The reference recipe on the same base and posts, in blocks of what fits the base; -1 steps are all."""
    import torch
    from tokenizers import Tokenizer

    from bench.peers.trainer import REFERENCE, run_recipe
    from quality.work import MODEL
    from trainer.bases import Base
    from trainer.job import Job
    from trainer.learning import quiet_libraries
    from trainer.prompt import encode_posts, end_of_text_id

    job = Job.read(folder)
    quiet_libraries()
    if job.threads:
        torch.set_num_threads(job.threads)
    base = Base.from_folder(job.base, Path(job.base_folder))
    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    posts = [post for corpus in job.corpora for post in encode_posts(tokenizer, corpus.learn)]
    recipe = replace(REFERENCE, block_size=min(REFERENCE.block_size or base.context, base.context))
    run = run_recipe(base.folder, posts, end_of_text_id(tokenizer), recipe, folder / "trainer", steps=int(steps))
    partial = folder / f"{MODEL}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    run.model.save_pretrained(partial)
    shutil.copyfile(base.folder / "tokenizer.json", partial / "tokenizer.json")
    os.replace(partial, folder / MODEL)  # whole or not there: a run that was broken off is made again


def measure(folder: Path, reference_model: str, candidates: str, seed: str, answer: str) -> None:
    """Let the voice speak as the product does, on the CPU, and measure it; no two seeds share a draw.

    `reference_model` is empty where nothing was tuned by the reference recipe.
    """
    from bot.quality.people import Person
    from bot.quality.voice_quality import VoiceQuality, measure_voice
    from bot.shelf import VoiceShelf
    from data.settings import Settings
    from quality.work import HELD_OUT
    from trainer.durable import write_json
    from trainer.engine import open_engine
    from trainer.job import Job
    from trainer.voice import Voice

    voice = Voice.from_folder(folder / "voice")
    unseen = json.loads((folder / HELD_OUT).read_text(encoding="utf-8"))
    people = [
        Person(part.handle, tuple(part.learn), tuple(held_out))
        for part, held_out in zip(Job.read(folder).corpora, unseen, strict=True)
    ]
    settings = Settings(home=folder, _env_file=None)

    async def work() -> VoiceQuality:
        async with VoiceShelf(open_engine("cpu", folder / "cache"), settings.speak.memory_mb * 2**20) as shelf:
            return await measure_voice(
                voice,
                people,
                shelf,
                settings,
                candidates=int(candidates),
                seed=int(seed) * 1_000_000,
                reference=Path(reference_model) if reference_model else None,
            )

    write_json(Path(answer), asyncio.run(work()).to_json())


STEPS: Mapping[str, Callable[..., None]] = {"tune": tune, "reference": reference, "measure": measure}


def main() -> None:
    step, folder, *arguments = sys.argv[1:]
    STEPS[step](Path(folder), *arguments)


if __name__ == "__main__":
    main()
