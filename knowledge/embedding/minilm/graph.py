"""Write all-MiniLM-L6-v2 as a graph that computes with 8-bit integers.

    python -m knowledge.embedding.minilm.graph MODEL int8 > QUANTIZED

The package ships the model with 8-bit weights, one scale for each column, but computes in float32:
each weight becomes a float before it is used. Here the same weights go, unchanged, into operators
of onnxruntime that multiply integers and quantize what comes in anew for each text. The whole of an
attention is one operator. There is no padding, so nothing is masked and no text is of two segments.

It runs in a process of its own that ends (`files.py`), because `onnx` stays in memory. The same
model gives the same bytes each time.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Processors without VNNI add up products of 8 bits in 16, where "int8" overflows. "uint8" does not,
# gives the same vectors and takes 1.6 times as long.
Weights = Literal["int8", "uint8"]

LAYERS = 6
HEADS = 12
EPSILON = 1e-12

Array = np.ndarray[Any, Any]


def main() -> None:
    _, source, weights = sys.argv
    sys.stdout.buffer.write(quantized(Path(source), weights))  # type: ignore[arg-type]


def quantized(source: Path, weights: Weights) -> bytes:
    """The graph for the model as the package ships it: `input_ids` to `last_hidden_state`."""
    return _Writer(onnx.load(source).graph, weights).write()


class _Writer:
    def __init__(self, shipped: onnx.GraphProto, weights: Weights) -> None:
        self.shipped = {i.name: numpy_helper.to_array(i) for i in shipped.initializer}
        self.makers = {output: node for node in shipped.node for output in node.output}
        self.dense = dict(self._dense(node) for node in shipped.node if self._bias(node))
        self.is_unsigned = weights == "uint8"
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def write(self) -> bytes:
        hidden = self.embeddings()
        for layer in range(LAYERS):
            hidden = self.layer(f"encoder.layer.{layer}", hidden)
        self.nodes[-1].output[0] = "last_hidden_state"
        graph = helper.make_graph(
            self.nodes,
            "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
            [
                helper.make_tensor_value_info(
                    "last_hidden_state", TensorProto.FLOAT, ["texts", "tokens", 384]
                )
            ],
            self.constants,
        )
        versions = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=versions, ir_version=9)
        return model.SerializeToString(deterministic=True)

    def embeddings(self) -> str:
        """Words and their places, as vectors; the rows that are not asked for stay 8-bit."""
        of = "embeddings.word_embeddings.weight"
        rows = self.plain("Gather", self.kept(f"{of}_q"), "input_ids")
        scales = self.plain("Gather", self.kept(f"{of}_scale"), "input_ids")
        words = self.plain("Mul", self.plain("Cast", rows, to=TensorProto.FLOAT), scales)
        of = "embeddings.position_embeddings.weight"
        places = self.shipped[f"inner.{of}_q"] * self.shipped[f"inner.{of}_scale"]
        places = places + self.shipped["inner.embeddings.token_type_embeddings.weight"][0]
        table = self.constant("places", places.astype(np.float32))
        length = self.plain("Shape", "input_ids", start=1, end=2)
        first = self.plain("Slice", table, self.constant("zero", np.zeros(1, np.int64)), length)
        norm = [self.kept(f"embeddings.LayerNorm.{part}") for part in ("weight", "bias")]
        return self.plain("LayerNormalization", self.plain("Add", words, first), *norm, **_NORM)

    def layer(self, of: str, hidden: str) -> str:
        attended = self.linear(f"{of}.attention.output.dense", self.attention(of, hidden))
        hidden = self.normalized(f"{of}.attention.output.LayerNorm", attended, hidden)
        # The bias goes with the activation, which is faster than with the product.
        wide = self.linear(f"{of}.intermediate.dense", hidden, biased=False)
        wide = self.fused("BiasGelu", wide, self.kept(f"{of}.intermediate.dense.bias"))
        return self.normalized(
            f"{of}.output.LayerNorm", self.linear(f"{of}.output.dense", wide), hidden
        )

    def attention(self, of: str, hidden: str) -> str:
        parts = [self.dense[f"{of}.attention.self.{part}"] for part in ("query", "key", "value")]
        weights, scales = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
        biases = [self.shipped[f"inner.{of}.attention.self.{p}.bias"] for p in _PROJECTIONS]
        name = f"{of}.attention.self"
        matrix, scale, zero = self.matrix(name, weights, scales)
        bias = self.constant(f"{name}.bias", np.concatenate(biases))
        whole, step, offset = self.node("DynamicQuantizeLinear", [hidden], outputs=3)
        inputs = [whole, matrix, bias, step, scale, "", offset, zero]
        return self.node("QAttention", inputs, domain="com.microsoft", num_heads=HEADS)[0]

    def linear(self, of: str, hidden: str, *, biased: bool = True) -> str:
        matrix = self.matrix(of, *self.dense[of])
        bias = [self.kept(f"{of}.bias")] if biased else []
        return self.fused("DynamicQuantizeMatMul", hidden, *matrix, *bias)

    def normalized(self, of: str, hidden: str, skipped: str) -> str:
        norm = [self.kept(f"{of}.{part}") for part in ("weight", "bias")]
        return self.fused("SkipLayerNormalization", hidden, skipped, *norm, epsilon=EPSILON)

    def matrix(self, of: str, weights: Array, scales: Array) -> tuple[str, str, str]:
        """The names of a matrix of integers, and of the scale and the zero of each column."""
        zeros: Array = np.zeros(len(scales), np.int8)
        if self.is_unsigned:
            weights, zeros = (
                (each.astype(np.int16) + 128).astype(np.uint8) for each in (weights, zeros)
            )
        return (
            self.constant(f"{of}.weight", weights),
            self.constant(f"{of}.scale", scales),
            self.constant(f"{of}.zero", zeros),
        )

    def plain(self, operator: str, *inputs: str, **attributes: Any) -> str:
        return self.node(operator, inputs, **attributes)[0]

    def fused(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node of an operator that onnxruntime has beside those of ONNX."""
        return self.node(operator, inputs, domain="com.microsoft", **attributes)[0]

    def node(
        self, operator: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any
    ) -> list[str]:
        names = [f"{operator}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names

    def constant(self, name: str, value: Array) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def kept(self, name: str) -> str:
        """A constant of the shipped graph."""
        return self.constant(name, self.shipped[f"inner.{name}"])

    def _bias(self, node: onnx.NodeProto) -> str:
        """The bias that a node adds, "" for none."""
        named = [name for name in node.input if name.endswith(".bias") and name in self.shipped]
        return named[0] if named and node.op_type == "Add" else ""

    def _dense(self, node: onnx.NodeProto) -> tuple[str, tuple[Array, Array]]:
        """The weights and their scales, found by the bias: only biases bear their layer's name."""
        bias = self._bias(node)
        product = self.makers[next(name for name in node.input if name != bias)]
        scaled = self.makers[product.input[1]]
        scale = next(name for name in scaled.input if name.endswith("_scale"))
        weights = self.shipped[scale.removesuffix("_scale") + "_q"]
        return bias.removeprefix("inner.").removesuffix(".bias"), (weights, self.shipped[scale][0])


_PROJECTIONS = ("query", "key", "value")
_NORM = {"axis": -1, "epsilon": EPSILON}

if __name__ == "__main__":
    main()
