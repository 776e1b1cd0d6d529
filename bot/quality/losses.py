"""What posts cost a model in nats, asked of a process apart, because it needs torch, which the bot never loads."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.apart import run_apart
from trainer.durable import write_json
from trainer.voice import Voice


@dataclass(frozen=True)
class Model:
    """A folder with a GPT-2 and its tokenizer, and one with a peft adapter over it, if any."""

    folder: Path
    adapter: Path | None = None

    @classmethod
    def of_voice(cls, voice: Voice) -> "Model":
        if voice.record.method == "lora":
            return cls(Path(voice.record.base_folder), voice.folder)
        return cls(voice.folder)


async def foresee(models: Sequence[Model], posts: Sequence[str]) -> list[list[float]]:
    """For each model what each post costs in nats, its end included; see `trainer.measure.held_out_nats`.

    Raises MynahError where that fails; the log has the reason.
    """
    requests = [
        {"model": str(model.folder), "adapter": str(model.adapter or ""), "posts": list(posts)} for model in models
    ]
    with TemporaryDirectory(prefix="mynah-") as folder:
        request, answer = Path(folder, "request.json"), Path(folder, "answer.json")
        await asyncio.to_thread(write_json, request, requests)
        await run_apart(
            *("trainer.measure", str(request), str(answer)),
            failure="measuring failed",
            sentence="The held-out loss could not be measured; `mynah.log` in the home folder says why.",
        )
        costs: list[list[float]] = json.loads(await asyncio.to_thread(answer.read_text, encoding="utf-8"))
    return costs
