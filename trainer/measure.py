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
from trainer.each_post import each_post
from trainer.engine.neighbours import Neighbours
from trainer.learning import language_model, quiet_libraries
from trainer.prompt import encode_posts, end_of_text_id

THREADS = 2  # people wait for the bot's answers meanwhile


@dataclass(frozen=True)
class Request:
    """Which model is to foresee which posts."""

    model: str  # a folder with a GPT-2 and its tokenizer.json
    adapter: str  # a folder with a peft adapter over it; empty for none
    posts: Sequence[str]


@torch.inference_mode()
def held_out_nats(request: Request) -> list[float]:
    """What each post costs in nats, its end included, all in fp32; see `trainer.each_post`.

    A voice with neighbours foresees with them, as it speaks.
    """
    model: nn.Module = GPT2LMHeadModel.from_pretrained(request.model, dtype=torch.float32, use_safetensors=True)
    if request.adapter:
        model = PeftModel.from_pretrained(model, request.adapter)
    gpt2 = language_model(model).eval()
    tokenizer = Tokenizer.from_file(str(Path(request.model) / "tokenizer.json"))
    posts, end = encode_posts(tokenizer, request.posts), end_of_text_id(tokenizer)
    neighbours = Neighbours.of(Path(request.adapter or request.model), gpt2.config.vocab_size)
    costs = torch.zeros(len(posts), dtype=torch.float64)
    for batch in each_post(posts, end, gpt2.config.n_positions):
        logits = gpt2(input_ids=batch.tokens[:, :-1]).logits[batch.there]
        if neighbours:
            logits = torch.from_numpy(neighbours.mixed(logits.numpy()))
        nats = functional.cross_entropy(logits, batch.tokens[:, 1:][batch.there], reduction="none").double()
        costs.index_add_(0, batch.posts[:, None].expand_as(batch.there)[batch.there], nats)
    found: list[float] = costs.tolist()
    return found


def main() -> None:
    request_file, answer = map(Path, sys.argv[1:])
    quiet_libraries()
    torch.set_num_threads(min(THREADS, torch.get_num_threads()))
    requests = [Request(**values) for values in json.loads(request_file.read_text(encoding="utf-8"))]
    write_json(answer, [held_out_nats(request) for request in requests])


if __name__ == "__main__":
    main()
