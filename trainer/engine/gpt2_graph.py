"""GPT-2 as an OpenVINO graph, built from its weights without torch: int8 matrices, and a key-value cache inside.

The weights of every matrix product are int8 with one scale per output, written as Constant -> Convert -> Multiply
-> MatMul: the form that the CPU plugin runs as one int8 kernel. The cache is written as ReadValue -> Gather ->
Concat -> Assign around ScaledDotProductAttention, which it fuses too. OpenVINO GenAI can run the same graph.

Inputs: `input_ids`, `position_ids` [rows, new tokens], `attention_mask` [rows, all tokens], and `beam_idx` [rows]:
which row of the cache each row goes on from, so that rows can be dropped and doubled between two steps. With
`adapters` also `<module>.down` and `<module>.up` for each linear module. Output: `logits` [rows, 1, vocabulary] of
the last token.
"""

import numpy
from openvino import Model, Node, PartialShape, Type
from openvino import opset15 as ops
from openvino.op import Parameter
from openvino.op.util import Variable, VariableInfo

from trainer.engine.weights import ACTIVATIONS, Gpt2Shape, TensorFile, quantise

VERSION = 2  # part of the key of what is cached: raise it with every change to the graph

_MASKED = -65504.0  # finite, so that a padding token, which may look at nothing, doesn't become NaN


def build_graph(shape: Gpt2Shape, weights: TensorFile, adapters: bool) -> Model:
    """The graph of one model. Raises InputError where the weights don't fit the shape."""
    return _Builder(shape, weights, adapters).build()


class _Builder:
    def __init__(self, shape: Gpt2Shape, weights: TensorFile, adapters: bool) -> None:
        self.shape = shape
        self.weights = weights
        self.adapters = adapters
        self.inputs: list[Parameter] = []
        self.variables: list[Variable] = []
        self.assignments: list[Node] = []

    def build(self) -> Model:
        shape = self.shape
        ids = self.input("input_ids", Type.i64, -1, -1)
        positions = self.input("position_ids", Type.i64, -1, -1)
        mask = self.input("attention_mask", Type.i64, -1, -1)
        self.rows = self.input("beam_idx", Type.i32, -1)
        self.bias = self.attention_bias(ids, mask)
        rows = ops.gather(ops.shape_of(ids), _integers(0), _integer(0))
        self.empty_cache = ops.broadcast(
            ops.constant(numpy.float32(0)),
            ops.concat([rows, _integers(shape.heads, 0, shape.width // shape.heads)], 0),
        )

        table, scales = map(ops.constant, quantise(self.weights.get("wte.weight", shape.vocabulary, shape.width)))
        embedded = ops.multiply(
            ops.convert(ops.gather(table, ids, _integer(0)), Type.f32), ops.gather(scales, ids, _integer(0))
        )
        places = ops.constant(self.weights.get("wpe.weight", shape.context, shape.width))
        hidden = ops.add(embedded, ops.gather(places, positions, _integer(0)))
        for layer in range(shape.layers):
            hidden = self.block(hidden, f"h.{layer}")
        last = ops.gather(self.normalised(hidden, "ln_f"), _integers(-1), _integer(1))
        if "lm_head.weight" in self.weights:  # untied; stands in the file only then
            head = quantise(self.weights.get("lm_head.weight", shape.vocabulary, shape.width))
            table, scales = map(ops.constant, head)
        logits = ops.result(ops.matmul(last, _restored(table, scales), False, True))
        logits.output(0).set_names({"logits"})
        return Model([logits], self.assignments, self.inputs, self.variables, "gpt2")

    def block(self, hidden: Node, name: str) -> Node:
        hidden = ops.add(hidden, self.attention(self.normalised(hidden, f"{name}.ln_1"), name))
        inner = self.linear(self.normalised(hidden, f"{name}.ln_2"), f"{name}.mlp.c_fc")
        return ops.add(
            hidden, self.linear(ops.gelu(inner, ACTIVATIONS[self.shape.activation]), f"{name}.mlp.c_proj")
        )

    def attention(self, hidden: Node, name: str) -> Node:
        heads, width = self.shape.heads, self.shape.width
        all_three = self.linear(hidden, f"{name}.attn.c_attn")
        parts = ops.variadic_split(all_three, _integer(2), _integers(width, width, width))
        query, key, value = (
            ops.transpose(ops.reshape(part, _integers(0, 0, heads, width // heads), True), _integers(0, 2, 1, 3))
            for part in parts.outputs()
        )
        key, value = self.remembered(key, f"{name}.key"), self.remembered(value, f"{name}.value")
        mixed = ops.scaled_dot_product_attention(query, key, value, self.bias)
        together = ops.reshape(ops.transpose(mixed, _integers(0, 2, 1, 3)), _integers(0, 0, width), True)
        return self.linear(together, f"{name}.attn.c_proj")

    def remembered(self, new: Node, name: str) -> Node:
        """All keys (or values) so far: those in the cache, picked by `beam_idx`, and the new ones."""
        info = VariableInfo()
        info.variable_id = name
        info.data_type = Type.f32
        info.data_shape = PartialShape([-1, self.shape.heads, -1, self.shape.width // self.shape.heads])
        variable = Variable(info)
        kept = ops.gather(ops.read_value(self.empty_cache, variable), self.rows, _integer(0))
        everything = ops.concat([kept, new], 2)
        self.variables.append(variable)
        self.assignments.append(ops.assign(everything, variable))
        return everything

    def linear(self, hidden: Node, name: str) -> Node:
        inputs, outputs = self.shape.modules()[name]
        matrix = self.weights.get(f"{name}.weight", inputs, outputs)  # GPT-2 keeps them the other way round
        kernel = _restored(*map(ops.constant, quantise(numpy.ascontiguousarray(matrix.T))))
        bias = self.weights.get(f"{name}.bias", outputs).reshape(1, 1, outputs)
        result = ops.add(ops.matmul(hidden, kernel, False, True), ops.constant(bias))
        if not self.adapters:
            return result
        down = self.input(f"{name}.down", Type.f32, -1, inputs)
        up = self.input(f"{name}.up", Type.f32, -1, outputs)  # transposed: ten rows are 4 % faster this way round
        return ops.add(result, ops.matmul(ops.matmul(hidden, down, False, True), up, False, False))

    def normalised(self, hidden: Node, name: str) -> Node:
        gain, shift = (
            ops.constant(self.weights.get(f"{name}.{part}", self.shape.width).reshape(1, 1, -1))
            for part in ("weight", "bias")
        )
        centred = ops.mvn(hidden, _integers(-1), True, self.shape.epsilon, "inside_sqrt")
        return ops.add(ops.multiply(centred, gain), shift)

    def attention_bias(self, ids: Node, mask: Node) -> Node:
        """[rows, 1, new, all]: 0 where a new token may look, `_MASKED` for padding and for what comes after it."""
        new, total = (ops.gather(ops.shape_of(node), _integer(1), _integer(0)) for node in (ids, mask))
        looking = ops.unsqueeze(ops.range(ops.subtract(total, new), total, _integer(1), "i64"), _integer(1))
        looked_at = ops.unsqueeze(ops.range(_integer(0), total, _integer(1), "i64"), _integer(0))
        earlier = ops.unsqueeze(ops.less_equal(looked_at, looking), _integers(0, 1))
        real = ops.unsqueeze(ops.not_equal(mask, _integer(0)), _integers(1, 2))
        allowed = ops.logical_and(earlier, real)
        return ops.select(allowed, ops.constant(numpy.float32(0)), ops.constant(numpy.float32(_MASKED)))

    def input(self, name: str, kind: Type, *sizes: int) -> Parameter:
        parameter = ops.parameter(PartialShape(list(sizes)), kind, name)
        parameter.output(0).set_names({name})
        self.inputs.append(parameter)
        return parameter


def _restored(table: Node, scales: Node) -> Node:
    return ops.multiply(ops.convert(table, Type.f32), scales)


def _integer(value: int) -> Node:
    return ops.constant(numpy.int64(value))


def _integers(*values: int) -> Node:
    return ops.constant(numpy.array(values, numpy.int64))
