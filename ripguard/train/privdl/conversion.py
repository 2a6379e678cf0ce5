"""Convert a network so that it runs on scrambled images and gives the logits that it gives for clean ones.

The network is traced. Every convolution and every pool gets an order of its own, from a key derived from the images'
key and the layer's name. Maps that are added or concatenated share one order, as the branches of a residual block do;
whatever works on each position alone keeps its order. So maps stay scrambled until a global pool has one position left.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from ripguard.errors import UsageError, out_of_memory
from ripguard.schemes.pixel_order import layer_order_key, pixel_order
from ripguard.train.privdl.layers import (
    Gathering,
    Scrambled,
    ScrambledAvgPool2d,
    ScrambledConv2d,
    ScrambledEnlargement,
    ScrambledMaxPool2d,
    ScrambledOutput,
    Size,
    average_window,
    max_window,
    pair,
)

OUTPUT = "scrambled_output"  # name of the module at the end of a network whose output is a map
# they treat every position alike
EACH = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Identity, nn.Dropout)
EACH_CALL = {F.relu, F.gelu, F.silu, torch.relu, operator.truediv, operator.mul, "relu", "relu_", "contiguous"}
GLOBAL = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
GLOBAL_CALL = {F.adaptive_avg_pool2d, F.adaptive_max_pool2d}
JOIN = {operator.add, operator.iadd, torch.add, torch.cat, "add", "add_"}
FLATTEN = {torch.flatten, "flatten"}


def convert(model: nn.Module, key: bytes, size: int | Size) -> fx.GraphModule:
    """A network for images that were scrambled with a key; its parameters have the names of the model's.

    It is a copy. Trained on scrambled images, it becomes what the model becomes on clean ones. It holds the orders of
    all layers, and with them the order of the images: keep it as you keep the key. Its ``state_dict`` holds parameters
    and statistics alone.

    Args:
        model: of convolutions, pools, batch norm and activations, global pooling and linear layers: VGG, ResNet, U-Net.
            It takes float ``[batch, channels, height, width]``.
        key: 32 bytes, see :func:`ripguard.schemes.pixel_order.release_order_key`.
        size: height and width of the images in pixels; one number for a square.

    Raises:
        UsageError: the model has a part that needs to know where a pixel is, or does not take images of this size.
    """
    net = copy.deepcopy(model)
    try:
        traced = fx.symbolic_trace(net)
    except Exception as error:  # a forward pass may hold any Python code
        raise UsageError(f"privdl: {type(model).__name__} cannot be traced: {error}") from None
    if sum(node.op == "placeholder" for node in traced.graph.nodes) != 1:
        raise UsageError(f"privdl: {type(model).__name__} takes more than images", "convert a network of one input")
    _find_sizes(traced, pair(size))
    plan = _Orders(traced, key)
    for node in traced.graph.nodes:
        plan.visit(node)
    plan.replace()
    return fx.GraphModule(traced, traced.graph, f"Scrambled{type(model).__name__}")


def unscramble_output(net: fx.GraphModule, maps: Tensor) -> Tensor:
    """The output map of a converted network, ``[batch, channels, height, width]``, with each pixel at its place.

    Raises:
        UsageError: the output of the network is no map.
    """
    if not hasattr(net, OUTPUT):
        raise UsageError("privdl: the output of this network is no map", "its output is not scrambled")
    return cast(ScrambledOutput, net.get_submodule(OUTPUT)).clean(maps)


def _find_sizes(net: fx.GraphModule, size: Size) -> None:
    """Note the shape of every node's result; statistics of batch norm stay as they are."""
    modes = {module: module.training for module in net.modules()}
    first = next(module for module in net.modules() if isinstance(module, nn.Conv2d))
    like = next(net.parameters())
    net.eval()
    try:
        with torch.no_grad():
            ShapeProp(net).propagate(torch.zeros(1, first.in_channels, *size, dtype=like.dtype, device=like.device))
    except RuntimeError as error:
        if out_of_memory(error):
            raise
        raise UsageError(f"privdl: the model does not take images of {size[1]}×{size[0]} pixels") from None
    for module, mode in modes.items():
        module.training = mode


class _Orders:
    """Which maps of a traced network share an order, and what takes the place of its layers."""

    def __init__(self, net: fx.GraphModule, key: bytes) -> None:
        self.net, self.key = net, key
        self.parent: dict[fx.Node, fx.Node] = {}
        self.number = {node: number for number, node in enumerate(net.graph.nodes)}
        self.images: list[fx.Node] = []
        self.layers: list[tuple[fx.Node, Callable[[Scrambled, Scrambled], Gathering]]] = []

    def visit(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self.images.append(node)
        elif node.op == "output":
            self._end(node)
        elif node.op == "call_module":
            self._module(node, self.net.get_submodule(str(node.target)))
        elif node.op in ("call_function", "call_method"):
            self._call(node)
        else:
            self._refuse(node)

    def _module(self, node: fx.Node, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            self._layer(node, lambda before, after: ScrambledConv2d(module, before, after))
        elif isinstance(module, nn.MaxPool2d):
            self._layer(node, lambda before, after: ScrambledMaxPool2d(max_window(module), before, after))
        elif isinstance(module, nn.AvgPool2d):
            self._layer(node, lambda before, after: ScrambledAvgPool2d(average_window(module), before, after))
        elif isinstance(module, GLOBAL) and _size(node) == (1, 1):
            pass  # it takes all positions together
        elif isinstance(module, EACH) or (isinstance(module, nn.Linear) and _positions(node) == 1):
            self._join(node, node.all_input_nodes)
        else:
            self._refuse(node, type(module).__name__)

    def _call(self, node: fx.Node) -> None:
        what, sources = node.target, node.all_input_nodes
        if what in JOIN or (what in EACH_CALL and len(sources) == 1):
            if what is torch.cat and (node.args[1:] or (node.kwargs.get("dim"),))[0] != 1:
                self._refuse(node)
            self._join(node, sources)
        elif what in FLATTEN and _positions(sources[0]) == 1:
            self._join(node, sources)
        elif what in GLOBAL_CALL and _size(node) == (1, 1):
            pass
        elif what is F.max_pool2d:
            given: Any = (node.args[1:], {name: value for name, value in node.kwargs.items() if name != "input"})
            window = max_window(nn.MaxPool2d(*given[0], **given[1]))
            self._layer(node, lambda before, after: ScrambledMaxPool2d(window, before, after))
        elif what is F.interpolate and self._enlarges(node):
            self._layer(node, ScrambledEnlargement)
        else:
            self._refuse(node)

    def _layer(self, node: fx.Node, make: Callable[[Scrambled, Scrambled], Gathering]) -> None:
        self.layers.append((node, make))

    def _enlarges(self, node: fx.Node) -> bool:
        """Whether an interpolation repeats each pixel a whole number of times."""
        old, new = _size(node.all_input_nodes[0]), _size(node)
        return node.kwargs.get("mode", "nearest") == "nearest" and all(b % a == 0 for a, b in zip(old, new))

    def _end(self, node: fx.Node) -> None:
        """Mark the output, if it is a map."""
        sources = node.all_input_nodes
        if len(sources) != 1:
            self._refuse(node, "several outputs")
        if _positions(sources[0]) > 1:
            self.net.add_submodule(OUTPUT, nn.Identity())  # until the orders are known
            with self.net.graph.inserting_before(node):
                marked = self.net.graph.call_module(OUTPUT, (sources[0],))
            marked.meta, self.number[marked] = dict(sources[0].meta), len(self.number)
            node.replace_input_with(sources[0], marked)
            self._layer(marked, lambda before, after: ScrambledOutput(after))
            self._join(marked, [sources[0]])

    def _root(self, node: fx.Node) -> fx.Node:
        while node in self.parent:
            node = self.parent[node]
        return node

    def _join(self, node: fx.Node, others: list[fx.Node]) -> None:
        """Let maps share one order: that of the first, in the network's order."""
        for other in others:
            one, two = self._root(node), self._root(other)
            if one is not two:
                first, last = sorted((one, two), key=lambda own: self.number[own])
                self.parent[last] = first

    def _scrambled(self, node: fx.Node) -> Scrambled:
        root, size = self._root(node), _size(node)
        key = self.key if root in self.images else layer_order_key(self.key, root.name)
        return Scrambled(size, pixel_order(key, *size))

    def replace(self) -> None:
        """Put gathering layers in the place of convolutions, pools and enlargements."""
        made = set()
        for node, make in self.layers:
            before, after = self._scrambled(node.all_input_nodes[0]), self._scrambled(node)
            layer = make(before, after)
            layer.to(next(self.net.parameters()).device)
            name = str(node.target) if node.op == "call_module" else f"scrambled_{node.name}"
            if name in made:
                raise UsageError(f"privdl: the layer {name} is used twice", "give each use a layer of its own")
            made.add(name)
            layer.train(self.net.training)
            self.net.add_submodule(name, layer)
            if node.op != "call_module":
                source = node.all_input_nodes[0]
                with self.net.graph.inserting_after(node):
                    other = self.net.graph.call_module(name, (source,))
                other.meta = dict(node.meta)
                node.replace_all_uses_with(other)
                self.net.graph.erase_node(node)
                self.parent[other] = node

    def _refuse(self, node: fx.Node, what: str = "") -> None:
        raise UsageError(
            f"privdl: {what or node.target} ({node.name}) cannot run on scrambled images",
            "convert a network of convolutions, pools, batch norm, activations, global pooling and linear layers",
        )


def _shape(node: fx.Node) -> tuple[int, ...]:
    found: Any = node.meta.get("tensor_meta")
    return tuple(found.shape) if hasattr(found, "shape") else ()


def _size(node: fx.Node) -> Size:
    """Height and width of a node's result."""
    shape = _shape(node)
    return (shape[2], shape[3]) if len(shape) == 4 else (1, 1)


def _positions(node: fx.Node) -> int:
    height, width = _size(node)
    return height * width
