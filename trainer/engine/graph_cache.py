"""Compiled graphs: one per model, kept on disk under the digest of what it was made from, shared in memory.

    cache/<digest>/openvino_model.xml, openvino_model.bin   the int8 graph
    cache/<digest>/sha256.json                              their digests; written last

The folder is made beside its place and moved there at once. Whatever in it is missing or damaged is made again.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path

import openvino

from data.errors import InputError
from trainer.engine import gpt2_graph
from trainer.engine.gpt2_graph import build_graph
from trainer.engine.weights import CONFIG, WEIGHTS, Gpt2Shape, TensorFile, explained

_GRAPH = ("openvino_model.xml", "openvino_model.bin")
_DIGESTS = "sha256.json"

# With f32 between the matrices the plugin quantises what goes into them to int8 as it runs. Left to itself it
# takes bf16 where the processor has it: 1.4 times slower, and a row's logits then depend on the rows beside it.
_PROPERTIES = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "32"}


class GraphCache:
    """Makes compiled graphs of Hugging Face folders; `folder` may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._core = openvino.Core()

    def compiled(self, model: Path, adapters: bool) -> tuple[openvino.CompiledModel, int]:
        """The graph of the model in this folder, ready to run, and the memory it takes in bytes.

        Raises MynahError where the model is damaged, missing or no GPT-2, or where the cache can't be written.
        """
        with explained(model / WEIGHTS):
            made_from = _sha256(model / WEIGHTS)
        with explained(model / CONFIG):
            made_from += _sha256(model / CONFIG)
        key = hashlib.sha256(f"{gpt2_graph.VERSION} {adapters} {made_from}".encode()).hexdigest()[:16]
        place = self._folder / key
        if not _is_whole(place):
            weights = TensorFile(model / WEIGHTS, "transformer.")
            graph = build_graph(Gpt2Shape.from_folder(model), weights, adapters)
            try:
                self._store(graph, place)
            except (OSError, RuntimeError) as problem:  # OpenVINO's own writing raises RuntimeError
                raise InputError(
                    f"{self._folder} can't be written ({problem}); free some space, or move it with MYNAH_HOME."
                ) from problem
        structure, constants = (place / name for name in _GRAPH)
        # Its weights are in memory twice: mapped from the file and packed for the processor (measured: 2.2 x).
        return self._core.compile_model(structure, "CPU", _PROPERTIES), 2 * constants.stat().st_size

    def _store(self, graph: openvino.Model, place: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="making-") as scratch:
            fresh, old = Path(scratch, "fresh"), Path(scratch, "old")
            fresh.mkdir()
            openvino.save_model(graph, fresh / _GRAPH[0], compress_to_fp16=False)
            digests = {name: _sha256(fresh / name) for name in _GRAPH}
            (fresh / _DIGESTS).write_text(json.dumps(digests), encoding="utf-8")
            if _is_whole(place):  # another process was faster, and made the same
                return
            with contextlib.suppress(FileNotFoundError):
                # Damaged; moved aside, since no folder can be put over one that isn't empty.
                os.replace(place, old)
            try:
                os.replace(fresh, place)
            except OSError:
                if not _is_whole(place):  # else another was faster even now
                    raise


def _is_whole(place: Path) -> bool:
    try:
        digests: dict[str, str] = json.loads((place / _DIGESTS).read_text(encoding="utf-8"))
        return digests == {name: _sha256(place / name) for name in _GRAPH}
    except (OSError, ValueError):
        return False


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
