"""What posts cost a model in nats, each post by itself: `python -m trainer.measure REQUEST ANSWER`.

For those who may not load torch themselves. REQUEST is a JSON file with a list of what `Request` holds; ANSWER
gets a list of costs for each.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from transformers import GPT2LMHeadModel

from trainer.durable import write_json
from trainer.learning import language_model, quiet_libraries
from trainer.prompt import encode_posts, end_of_text_id

BATCH_TOKENS = 4096  # of one forward pass, padding counted; its logits are the largest tensor
THREADS = 2  # people wait for the bot's answers meanwhile


@dataclass(frozen=True)
class Request:
    """Which model is to foresee which posts."""

    model: str  # a folder with a GPT-2 and its tokenizer.json
    adapter: str  # a folder with a peft adapter over it; empty for none
    posts: Sequence[str]


def held_out_nats(request: Request) -> list[float]:
    """What each post costs in nats, after an end of text and with the end that closes it, all in fp32.

    What is longer than the model's context is cut into windows, each of which begins with the last token of the
    one before: every token is foreseen once.
    """
    model: nn.Module = GPT2LMHeadModel.from_pretrained(request.model, dtype=torch.float32, use_safetensors=True)
    if request.adapter:
        model = PeftModel.from_pretrained(model, request.adapter)
    gpt2 = language_model(model).eval()
    tokenizer = Tokenizer.from_file(str(Path(request.model) / "tokenizer.json"))
    end = end_of_text_id(tokenizer)
    context = gpt2.config.n_positions
    windows: list[tuple[int, list[int]]] = []  # the post's place, and its tokens
    for place, tokens in enumerate(encode_posts(tokenizer, request.posts)):
        whole = [end, *tokens]
        windows += [
            (place, whole[start : start + context + 1]) for start in range(0, max(1, len(whole) - 1), context)
        ]
    windows.sort(key=lambda window: len(window[1]))  # so that hardly anything is padded
    costs = [0.0] * len(request.posts)
    start = 0
    while start < len(windows):
        stop = start + 1
        while stop < len(windows) and len(windows[stop][1]) * (stop + 1 - start) <= BATCH_TOKENS:
            stop += 1
        batch = windows[start:stop]
        for (place, _), cost in zip(batch, _costs(gpt2, [tokens for _, tokens in batch], end), strict=True):
            costs[place] += cost
        start = stop
    return costs


@torch.inference_mode()
def _costs(gpt2: nn.Module, rows: Sequence[Sequence[int]], end: int) -> list[float]:
    """Nats of each row, of its second token on."""
    longest = max(map(len, rows))
    tokens = torch.tensor([[*row, *[end] * (longest - len(row))] for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    logits = gpt2(input_ids=tokens[:, :-1]).logits  # padding stands behind: no token looks at it
    costs = functional.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
    there = torch.arange(1, longest)[None, :] < lengths[:, None]
    costs_of_rows: list[float] = (costs * there).sum(1).tolist()
    return costs_of_rows


def main() -> None:
    request_file, answer = map(Path, sys.argv[1:])
    quiet_libraries()
    torch.set_num_threads(min(THREADS, torch.get_num_threads()))
    requests = [Request(**values) for values in json.loads(request_file.read_text(encoding="utf-8"))]
    write_json(answer, [held_out_nats(request) for request in requests])


if __name__ == "__main__":
    main()
