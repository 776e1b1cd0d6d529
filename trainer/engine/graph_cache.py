"""Compiled graphs: one per model, kept on disk under a key of what it was made from, shared in memory.

    cache/<key>/graph.blob    the int8 graph as OpenVINO prepared it for this processor
    cache/<key>/stamps.json   the blob's stamp, and what it was made with; written last

The folder is made beside its place and moved there at once. Whatever in it is missing, damaged, or of another
OpenVINO or processor is made again. A blob spares the plugin its transformations: a voice on the built-in base
loads in 43 ms of CPU, from the graph as we build it in 160.
Weights are told apart by stamps, without being read: hashing 500 MB of weights took 0.5 seconds at every start.
"""

import contextlib
import hashlib
import io
import json
import mmap
import os
import shutil
import tempfile
from pathlib import Path

import numpy
import openvino

from data.errors import InputError
from trainer.durable import flush_to_disk
from trainer.engine import gpt2_graph
from trainer.engine.gpt2_graph import build_graph
from trainer.engine.weights import CONFIG, WEIGHTS, Gpt2Shape, TensorFile, explained

_BLOB = "graph.blob"
_STAMPS = "stamps.json"

# With f32 between the matrices the plugin quantises what goes into them to int8 as it runs. Left to itself it
# takes bf16 where the processor has it: 1.4 times slower, and a row's logits then depend on the rows beside it.
#
# Threads pinned to cores can't step aside: with other work on both cores, the one beside it kept the rest waiting
# (one reply 0.64 seconds, unpinned 0.46; undisturbed both took 0.44).
#
# "Exclusive" lets all graphs share one thread of the plugin's, which still spreads its work over the other cores.
# Else each graph gets its own, and the plugin of 2026.4 neither ends it when the graph goes nor uses it again.
_PROPERTIES = {
    "INFERENCE_PRECISION_HINT": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "32",
    "ENABLE_CPU_PINNING": "NO",
    "EXCLUSIVE_ASYNC_REQUESTS": "YES",
}

# The plugin of 2026.4 loses 0.4 MB with each graph that goes, because of its cache of prepared operations. Without
# that cache it loses nothing, but speaking costs 17 % more on a small base. So the first graphs of a process have
# it; only a bot with more voices than fit into its memory ever comes to further ones.
_GRAPHS_WITH_A_LEAK = 128
_NO_LEAK = {"CPU_RUNTIME_CACHE_CAPACITY": "0"}


class GraphCache:
    """Makes compiled graphs of Hugging Face folders; `folder` may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._imports = 0
        self._core = openvino.Core()
        kinds = ("FULL_DEVICE_NAME", "DEVICE_ARCHITECTURE", "OPTIMIZATION_CAPABILITIES")
        processor = [self._core.get_property("CPU", kind) for kind in kinds]
        self._made_with = f"{openvino.__version__} {processor} {_PROPERTIES}"

    def compiled(self, model: Path, adapters: bool) -> tuple[openvino.CompiledModel, mmap.mmap]:
        """The graph of the model in this folder, and its mapped weights: they must live as long as the graph.

        Raises MynahError where the model is damaged, missing or no GPT-2, or where the cache can't be written.
        """
        with explained(model / WEIGHTS):
            made_from = _stamp(model / WEIGHTS)
        with explained(model / CONFIG):
            made_from += (model / CONFIG).read_text(encoding="utf-8")
        key = hashlib.sha256(f"{gpt2_graph.VERSION} {adapters} {made_from}".encode()).hexdigest()[:16]
        place = self._folder / key
        if self._is_whole(place):
            try:
                return self._imported(place)
            except (OSError, RuntimeError):  # OpenVINO knows a foreign blob by its header
                with contextlib.suppress(OSError):
                    (place / _STAMPS).unlink()
        weights = TensorFile(model / WEIGHTS, "transformer.")
        graph = build_graph(Gpt2Shape.from_folder(model), weights, adapters)
        blob: io.BytesIO = self._core.compile_model(graph, "CPU", _PROPERTIES).export_model()
        try:
            self._store(blob, place)
        except OSError as problem:
            raise InputError(
                f"{self._folder} can't be written ({problem}); free some space, or move it with MYNAH_HOME."
            ) from problem
        return self._imported(place)

    def _imported(self, place: Path) -> tuple[openvino.CompiledModel, mmap.mmap]:
        with (place / _BLOB).open("rb") as file:  # a copy on write that nobody writes to: OpenVINO takes no other
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        tensor = openvino.Tensor(numpy.frombuffer(mapped, numpy.uint8), shared_memory=True)
        self._imports += 1
        properties = _PROPERTIES if self._imports <= _GRAPHS_WITH_A_LEAK else _PROPERTIES | _NO_LEAK
        return self._core.import_model(tensor, "CPU", properties), mapped

    def _store(self, blob: io.BytesIO, place: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="making-") as scratch:
            fresh, old = Path(scratch, "fresh"), Path(scratch, "old")
            fresh.mkdir()
            with (fresh / _BLOB).open("wb") as file:
                # In small pieces: what is written at once, Linux also maps at once, 40 MB more for GPT-2 124M.
                shutil.copyfileobj(blob, file, 2**14)
            flush_to_disk(fresh / _BLOB)  # after a power cut a stamp alone could promise what was never written
            (fresh / _STAMPS).write_text(json.dumps(self._stamps(fresh)), encoding="utf-8")
            if self._is_whole(place):  # another process was faster, and made the same
                return
            with contextlib.suppress(FileNotFoundError):
                # Damaged or foreign; moved aside, since no folder can be put over one that isn't empty.
                os.replace(place, old)
            try:
                os.replace(fresh, place)
            except OSError:
                if not self._is_whole(place):  # else another was faster even now
                    raise

    def _is_whole(self, place: Path) -> bool:
        try:
            stamps: dict[str, str] = json.loads((place / _STAMPS).read_text(encoding="utf-8"))
            return stamps == self._stamps(place)
        except (OSError, ValueError):
            return False

    def _stamps(self, place: Path) -> dict[str, str]:
        return {_BLOB: _stamp(place / _BLOB), "made with": self._made_with}


def _stamp(file: Path) -> str:
    """The same for a file wherever it is moved or linked to; another one once somebody writes to it."""
    status = file.stat()
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"
