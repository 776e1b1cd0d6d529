"""A voice as a folder of its own that `transformers.pipeline("text-generation", model=folder)` speaks with."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from peft import PeftModel
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from data.errors import InputError
from trainer.card import model_card
from trainer.learning import quiet_libraries
from trainer.model_folder import write_model_folder
from trainer.voice import Voice


def merged_model(voice: Voice) -> GPT2LMHeadModel:
    """The voice's whole model in fp32, an adapter merged into its base."""
    record = voice.record
    if record.method == "full":
        return GPT2LMHeadModel.from_pretrained(voice.folder, dtype=torch.float32, use_safetensors=True)
    base = GPT2LMHeadModel.from_pretrained(record.base_folder, dtype=torch.float32, use_safetensors=True)
    return PeftModel.from_pretrained(base, str(voice.folder)).merge_and_unload()


def export_voice(voice: Voice, folder: Path, cover: Mapping[str, bytes] | None = None) -> None:
    """Write the voice to `folder`, which appears whole or not at all.

    `cover` has the files that introduce it, by name; without it there is its plain card.
    Raises InputError where the folder is taken.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"'{folder}' is there already and not empty; give a new folder.")
    quiet_libraries()
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        partial.chmod(0o755)
        tokenizer = Tokenizer.from_file(str(voice.folder / "tokenizer.json"))
        dtype = torch.float16 if voice.record.method == "full" else torch.float32
        write_model_folder(partial, merged_model(voice), tokenizer, dtype)
        for name, content in (cover or {"README.md": model_card(voice).encode()}).items():
            (partial / name).write_bytes(content)
        os.replace(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
