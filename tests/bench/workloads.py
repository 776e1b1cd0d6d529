"""One workload a process: `python -m tests.bench.workloads NAME SCRATCH` prints its rate and peak memory as JSON.

Every voice here is the built-in base itself, so that both sides do the same work.
"""

import dataclasses
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.posts import texts
from trainer.bases import BUILTIN_FOLDER
from trainer.recipe import Recipe
from trainer.voice import Voice, VoiceRecord

TOKENS = 50
OPENING = "The thing about fog is"


def builtin_voice(scratch: Path) -> Voice:
    """The built-in base as a voice."""
    folder = scratch / "voice"
    if not folder.exists():
        shutil.copytree(BUILTIN_FOLDER, folder)
        record = VoiceRecord(
            key="bench",
            handles=("bench",),
            base="builtin",
            base_folder=str(BUILTIN_FOLDER),
            method="full",
            recipe=Recipe(),
            held_out_loss_before=0.0,
            held_out_loss=0.0,
            posts=0,
            seconds=0.0,
            created_at="",
        )
        (folder / "posts.json").write_text("[]", encoding="utf-8")
        (folder / "voice.json").write_text(json.dumps(record.to_json()), encoding="utf-8")
    return Voice.from_folder(folder)


def best_rate(work: Callable[[], float], repeats: int = 5) -> float:
    """The best of some repeats after a warm-up: what the machine can do when left alone."""
    work()
    rates = []
    for _ in range(repeats):
        started = time.perf_counter()
        done = work()
        rates.append(done / (time.perf_counter() - started))
    return max(rates)


def tune_ours(scratch: Path) -> float:
    from trainer.job import Job, JobCorpus, Progress
    from trainer.tune import tune

    posts = texts(3000)
    recipe = dataclasses.replace(Recipe(), epochs=1, evaluations_per_epoch=1)
    job = Job("key", "builtin", str(BUILTIN_FOLDER), recipe, (JobCorpus("bench", posts[100:], posts[:100]),))
    job.write(scratch / "tune")
    seen: list[Progress] = []
    tune(scratch / "tune", seen.append)
    return seen[-1].tokens_per_second


def tune_reference(scratch: Path) -> float:
    """huggingtweets' way: transformers' Trainer, fp32, one block at a time, dropout 0.1."""
    import torch
    from tokenizers import Tokenizer
    from transformers import GPT2LMHeadModel, Trainer, TrainingArguments

    from trainer.blocks import epoch_blocks
    from trainer.prompt import encode_posts

    tokenizer = Tokenizer.from_file(str(BUILTIN_FOLDER / "tokenizer.json"))
    blocks = epoch_blocks([encode_posts(tokenizer, texts(1000))], 256, 0, seed=0, epoch=0)[0][:, :-1]
    model = GPT2LMHeadModel.from_pretrained(
        BUILTIN_FOLDER, dtype=torch.float32, resid_pdrop=0.1, embd_pdrop=0.1, attn_pdrop=0.1
    )
    arguments = TrainingArguments(
        output_dir=str(scratch / "reference"),
        num_train_epochs=1,
        per_device_train_batch_size=1,
        learning_rate=1.372e-4,
        lr_scheduler_type="cosine",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    rows: Any = [{"input_ids": block, "labels": block} for block in blocks]
    started = time.perf_counter()
    Trainer(model=model, args=arguments, train_dataset=rows).train()
    return float(blocks.numel() / (time.perf_counter() - started))


def _speak_ours(scratch: Path, count: int) -> float:
    from trainer.engine import Line, Sampling
    from trainer.engine.openvino_engine import OpenVinoEngine
    from trainer.engine.text import VoiceTokenizer

    voice = builtin_voice(scratch)
    speaker = OpenVinoEngine(scratch / "cache").load(voice)
    counting = VoiceTokenizer(voice.folder, 256)
    lines = [Line(OPENING, seed) for seed in range(count)]
    sampling = Sampling(max_tokens=TOKENS, min_tokens=TOKENS)

    def work() -> float:
        spoken = speaker.speak(lines, sampling)
        assert all(not continuation.finished for continuation in spoken), counting
        return TOKENS * count

    return best_rate(work)


def _speak_transformers(count: int) -> float:
    import torch
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

    model = GPT2LMHeadModel.from_pretrained(BUILTIN_FOLDER, dtype=torch.float32).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(BUILTIN_FOLDER)
    prompt = tokenizer("<|endoftext|>" + OPENING, return_tensors="pt")

    def work() -> float:
        with torch.no_grad():
            model.generate(
                **prompt,
                do_sample=True,
                top_p=0.95,
                top_k=0,
                min_new_tokens=TOKENS,
                max_new_tokens=TOKENS,
                num_return_sequences=count,
                pad_token_id=0,
            )
        return TOKENS * count

    return best_rate(work)


def speak_ours_1(scratch: Path) -> float:
    return _speak_ours(scratch, 1)


def speak_ours_10(scratch: Path) -> float:
    return _speak_ours(scratch, 10)


def speak_transformers_1(scratch: Path) -> float:
    return _speak_transformers(1)


def speak_transformers_10(scratch: Path) -> float:
    return _speak_transformers(10)


def cold_ours(scratch: Path) -> float:
    """Imports included; the compiled graph is in the cache, as it is from the second start on."""
    started = time.perf_counter()
    from trainer.engine import Line, Sampling
    from trainer.engine.openvino_engine import OpenVinoEngine

    speaker = OpenVinoEngine(scratch / "cache").load(builtin_voice(scratch))
    speaker.speak([Line(OPENING)], Sampling(max_tokens=TOKENS))
    return 1 / (time.perf_counter() - started)


def cold_transformers(scratch: Path) -> float:
    started = time.perf_counter()
    import torch
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

    model = GPT2LMHeadModel.from_pretrained(BUILTIN_FOLDER, dtype=torch.float32).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(BUILTIN_FOLDER)
    prompt = tokenizer("<|endoftext|>" + OPENING, return_tensors="pt")
    with torch.no_grad():
        model.generate(**prompt, do_sample=True, top_p=0.95, max_new_tokens=TOKENS, pad_token_id=0)
    return 1 / (time.perf_counter() - started)


def _many_posts() -> list[str]:
    """50,000 different posts of usual length."""
    sentences = texts(4000)
    return [f"{sentences[n % 4000]} {sentences[(n * 7 + n // 4000) % 4000]}" for n in range(50_000)]


def copies_ours(scratch: Path) -> float:
    from bot.gates.copies import CopyIndex

    index = CopyIndex(_many_posts())
    questions = texts(200, seed=5)

    def work() -> float:
        for question in questions:
            index.copied(f"{question} and nobody knew why")
        return len(questions)

    return best_rate(work)


def copies_scan(scratch: Path) -> float:
    from data.likeness import similarity

    posts = _many_posts()

    def work() -> float:
        question = "The lamp counts seven waves again and nobody knew why"
        max(similarity(question, post) for post in posts)
        return 1

    return best_rate(work, repeats=1)


def main() -> None:
    name, scratch = sys.argv[1], Path(sys.argv[2])
    rate = globals()[name](scratch)
    print(json.dumps({"rate": rate, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
