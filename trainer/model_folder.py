"""A plain Hugging Face folder, which any transformers since 4.x opens: what a base and an exported voice are."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, GPT2LMHeadModel, PreTrainedTokenizerFast

from trainer.prompt import END_OF_TEXT, end_of_text_id

# The reference's sampling values: what `pipeline` uses unless it is told otherwise.
REFERENCE_SAMPLING = {"do_sample": True, "temperature": 1.0, "top_p": 0.95, "min_length": 10, "max_length": 160}


def write_model_folder(
    folder: Path, model: GPT2LMHeadModel, tokenizer: Tokenizer, dtype: torch.dtype = torch.float16
) -> None:
    """Weights as safetensors, tokenizer, configuration with the prefix `<|endoftext|>`, sampling values."""
    end = end_of_text_id(tokenizer)
    context = model.config.n_positions
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        model_max_length=context,
    )
    wrapped.save_pretrained(folder)
    # transformers 5 writes a class name here that older releases don't know.
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    file.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    model.config.prefix = END_OF_TEXT  # `pipeline` puts it before every prompt
    model.generation_config = GenerationConfig(
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        **{**REFERENCE_SAMPLING, "max_length": min(160, context)},
    )
    model.to("cpu", dtype).save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # safetensors writes for the owner alone
