"""Where a base comes from: the built-in one, a local folder, or the model hub (its cache first).

Knows only files: torch is not imported, so that every process may ask.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError, NotFoundError

BUILTIN = "builtin"
BUILTIN_FOLDER = Path(__file__).parent / "builtin"
_FILES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "generation_config.json"]
_NEEDED = ("config.json", "model.safetensors", "tokenizer.json")
_SHAPE = ("n_embd", "n_layer", "n_positions", "vocab_size")


@dataclass(frozen=True)
class Base:
    """A GPT-2-shaped model on disk."""

    name: str  # builtin, a hub id, or the absolute path of a folder
    folder: Path
    digest: str  # of its configuration and weights
    parameters: int
    width: int  # of what stands between the layers
    context: int  # tokens

    @classmethod
    def from_folder(cls, name: str, folder: Path) -> "Base":
        """Raises InputError where the folder holds no GPT-2 in safetensors (pickled weights are never read)."""
        missing = [file for file in _NEEDED if not (folder / file).is_file()]
        if missing:
            raise InputError(
                f"Base '{name}' lacks {', '.join(missing)}; give a folder with a GPT-2 saved as safetensors."
            )
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            shape = {key: int(config[key]) for key in _SHAPE} if config["model_type"] == "gpt2" else {}
        except (ValueError, KeyError, TypeError):
            raise InputError(f"Base '{name}' has a config.json that can't be used; give a GPT-2's own.") from None
        if config.get("model_type") != "gpt2":
            raise InputError(
                f"Base '{name}' is a {config.get('model_type')} model; only GPT-2-shaped bases can be tuned."
            )
        width, layers, context = shape["n_embd"], shape["n_layer"], shape["n_positions"]
        digest = hashlib.sha256()
        for file in _NEEDED:
            with (folder / file).open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        parameters = (shape["vocab_size"] + context) * width + layers * (12 * width + 13) * width + 2 * width
        return cls(name, folder, digest.hexdigest()[:16], parameters, width, context)


def resolve_base(name: str, *, offline: bool = False) -> Base:
    """The base called `name`. Raises NotFoundError where neither disk nor hub has it."""
    if name == BUILTIN:
        return Base.from_folder(BUILTIN, BUILTIN_FOLDER)
    if Path(name).is_dir():
        folder = Path(name).resolve()
        return Base.from_folder(str(folder), folder)
    # 0.1 seconds of CPU that a bot spends only when somebody asks for a training.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    for local_only in (True, False):
        if not local_only and offline:
            break
        try:
            snapshot = Path(
                snapshot_download(name, allow_patterns=_FILES, local_files_only=local_only, etag_timeout=5)
            )
        except (LocalEntryNotFoundError, HfHubHTTPError, OSError):
            continue
        except HFValidationError:
            break
        if all((snapshot / file).is_file() for file in _NEEDED):
            return Base.from_folder(name, snapshot)
    raise NotFoundError(
        f"Base '{name}' is neither a folder here nor to be had from the model hub; use --base {BUILTIN}."
    )


def default_base(name: str, *, offline: bool = False) -> tuple[Base, str | None]:
    """The base from the settings, or the built-in one with a line that says why."""
    try:
        return resolve_base(name, offline=offline), None
    except NotFoundError:
        return resolve_base(BUILTIN), f"The base '{name}' is not available here; using the small built-in one."
