"""Compiled graphs: the int8 graph of a model as OpenVINO prepared it for this processor, kept on disk.

A blob spares the plugin its transformations: a voice on the built-in base loads in 43 ms of CPU, from the graph as
we build it in 160.
"""

import io
import mmap
import shutil
from pathlib import Path

import numpy
import openvino

from trainer.engine import gpt2_graph
from trainer.engine.derived_cache import DerivedCache
from trainer.engine.gpt2_graph import build_graph
from trainer.engine.weights import WEIGHTS, Gpt2Shape, TensorFile

_BLOB = "graph.blob"

# With f32 between the matrices the plugin quantises what goes into them to int8 as it runs. Left to itself it
# takes bf16 where the processor has it: 1.4 times slower, and a row's logits then depend on the rows beside it.
#
# Threads pinned to cores can't step aside: with other work on both cores, the one beside it kept the rest waiting
# (one reply 0.64 seconds, unpinned 0.46; undisturbed both took 0.44).
#
# What was read is kept in half precision. Left to itself the plugin of 2026.4 keeps int8, and where the processor
# has AVX2 and no more, every third batch of openings of different lengths came to figures that are no numbers.
#
# "Exclusive" lets all graphs share one thread of the plugin's, which still spreads its work over the other cores.
# Else each graph gets its own, and the plugin of 2026.4 neither ends it when the graph goes nor uses it again.
_PROPERTIES = {
    "INFERENCE_PRECISION_HINT": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "32",
    "KV_CACHE_PRECISION": "f16",
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
        self._imports = 0
        self._core = openvino.Core()
        kinds = ("FULL_DEVICE_NAME", "DEVICE_ARCHITECTURE", "OPTIMIZATION_CAPABILITIES")
        processor = [self._core.get_property("CPU", kind) for kind in kinds]
        self._blobs = DerivedCache(folder, _BLOB, f"{openvino.__version__} {processor} {_PROPERTIES}")

    def compiled(self, model: Path, adapters: bool) -> tuple[openvino.CompiledModel, mmap.mmap]:
        """The graph of the model in this folder, and its mapped weights: they must live as long as the graph.

        Raises MynahError where the model is damaged, missing or no GPT-2, or where the cache can't be written.
        """

        def make(file: Path) -> None:
            weights = TensorFile(model / WEIGHTS, "transformer.")
            graph = build_graph(Gpt2Shape.from_folder(model), weights, adapters)
            blob: io.BytesIO = self._core.compile_model(graph, "CPU", _PROPERTIES).export_model()
            with file.open("wb") as stream:
                # In small pieces: what is written at once, Linux also maps at once, 40 MB more for GPT-2 124M.
                shutil.copyfileobj(blob, stream, 2**14)

        return self._blobs.opened(model, f"{gpt2_graph.VERSION} {adapters}", make, self._imported)

    def _imported(self, blob: Path) -> tuple[openvino.CompiledModel, mmap.mmap]:
        with blob.open("rb") as file:  # a copy on write that nobody writes to: OpenVINO takes no other
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        tensor = openvino.Tensor(numpy.frombuffer(mapped, numpy.uint8), shared_memory=True)
        self._imports += 1
        properties = _PROPERTIES if self._imports <= _GRAPHS_WITH_A_LEAK else _PROPERTIES | _NO_LEAK
        return self._core.import_model(tensor, "CPU", properties), mapped
