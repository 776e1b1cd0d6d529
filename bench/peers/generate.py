"""`transformers.generate` in fp32, as its documentation calls it."""

from collections.abc import Callable
from pathlib import Path

TOP_P = 0.95

Speak = Callable[[int, int, bool], list[str]]
"""How many texts, of how many tokens at most, and whether of exactly so many."""


def load(folder: Path, opening: str, threads: int) -> Speak:
    import torch
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

    torch.set_num_threads(threads)
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    prompt = tokenizer("<|endoftext|>" + opening, return_tensors="pt")
    prompt.pop("token_type_ids", None)
    end = int(prompt["input_ids"][0, 0])

    def speak(count: int, tokens: int, exactly: bool) -> list[str]:
        with torch.inference_mode():
            drawn = model.generate(
                **prompt,
                do_sample=True,
                top_p=TOP_P,
                top_k=0,
                min_new_tokens=tokens if exactly else 2,
                max_new_tokens=tokens,
                num_return_sequences=count,
                eos_token_id=end,
                pad_token_id=end,
            )
        assert not exactly or drawn.shape[1] == prompt["input_ids"].shape[1] + tokens
        # Whoever ended before the others is filled up.
        return [tokenizer.decode(ids[1:]).split("<|endoftext|>", 1)[0] for ids in drawn]

    return speak
