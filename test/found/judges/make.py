"""The classifier of logits.onnx in the forms that people have: what stands before and after it differs, its answers do not."""
import os
import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

here = os.path.dirname(os.path.abspath(__file__))
base = onnx.load(os.path.join(here, "logits.onnx"))
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def made(name, kind, shape, before, values=(), outputs=(("logits", T.FLOAT, ["b", 10]),), after=()):
    """`before` leads from 'image' to 'x', the classifier's own input; `after` from 'logits' to the outputs."""
    graph = base.graph
    inits = list(graph.initializer) + [nh.from_array(np.array(v, dtype), key) for key, v, dtype in values]
    model = h.make_model(
        h.make_graph(
            [*before, *graph.node, *after],
            name,
            [h.make_tensor_value_info("image", kind, shape)],
            [h.make_tensor_value_info(*one) for one in outputs],
            inits,
        ),
        opset_imports=base.opset_import,
        ir_version=base.ir_version,
    )
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(here, f"{name}.onnx"))


mean, std = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in IMAGENET)
# The grey of three channels is their mean: their sum over a kernel of ones, a third each.
grey = [
    h.make_node("Mul", ["image", "std"], ["scaled"]),
    h.make_node("Add", ["scaled", "mean"], ["moved"]),
    h.make_node("Conv", ["moved", "third"], ["x"]),
]
made("imagenet", T.FLOAT, ["b", 3, 16, 16], grey,
     [("std", std, np.float32), ("mean", mean, np.float32), ("third", np.full((1, 3, 1, 1), 1 / 3), np.float32)])
made("nhwc", T.FLOAT, ["b", 16, 16, 1], [h.make_node("Transpose", ["image"], ["x"], perm=[0, 3, 1, 2])])
made("large", T.FLOAT, ["b", 1, 32, 32], [h.make_node("AveragePool", ["image"], ["x"], kernel_shape=[2, 2], strides=[2, 2])])
made("bytes", T.UINT8, ["b", 16, 16, 1], [
    h.make_node("Cast", ["image"], ["floats"], to=T.FLOAT),
    h.make_node("Div", ["floats", "most"], ["unit"]),
    h.make_node("Transpose", ["unit"], ["x"], perm=[0, 3, 1, 2]),
], [("most", 255, np.float32)])
made("half", T.FLOAT16, ["b", 1, 16, 16], [h.make_node("Cast", ["image"], ["x"], to=T.FLOAT)],
     outputs=[("half_logits", T.FLOAT16, ["b", 10])], after=[h.make_node("Cast", ["logits"], ["half_logits"], to=T.FLOAT16)])
made("doubles", T.DOUBLE, ["b", 1, 16, 16], [h.make_node("Cast", ["image"], ["x"], to=T.FLOAT)])
made("several", T.FLOAT, ["b", 1, 16, 16], [h.make_node("Identity", ["image"], ["x"])],
     outputs=[("pixels", T.FLOAT, ["b", 256]), ("scores", T.FLOAT, ["b", 10]), ("log_probabilities", T.FLOAT, ["b", 10])],
     after=[h.make_node("Flatten", ["x"], ["pixels"]), h.make_node("Identity", ["logits"], ["scores"]),
            h.make_node("LogSoftmax", ["logits"], ["log_probabilities"])])
