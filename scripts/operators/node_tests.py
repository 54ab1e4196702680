"""Writes the tests of single nodes that the package onnx brings: for each NAME.onnx and NAME.data.onnx, whose initializers are what is fed
(`input:NAME`) and what must come out (`output:NAME`), and tests.json.

    pip install onnx==1.23.2
    python scripts/operators/node_tests.py FOLDER
"""
import json
import os
import sys
import warnings

import numpy as np
import onnx
from onnx import defs, helper, numpy_helper
from onnx.backend.test.case.node import collect_testcases

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
warnings.simplefilter("ignore")


def initializer(name, value):
    tensor = value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value))
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy


def is_tensor(value):
    return isinstance(value, (np.ndarray, np.generic, onnx.TensorProto, int, float, bool))


tests = []
for case in collect_testcases(None):
    graph = case.model.graph
    inputs, outputs = case.data_sets[0]
    entry = {
        "name": case.name,
        "operators": sorted({(f"{node.domain}:" if node.domain else "") + node.op_type for node in graph.node}),
        "rtol": case.rtol,
        "atol": case.atol,
    }
    tests.append(entry)
    if not all(is_tensor(value) for value in [*inputs, *outputs]):
        entry["other"] = "sequences, maps or optional values"
        continue
    try:
        data = [initializer(f"input:{one.name}", value) for one, value in zip(graph.input, inputs)]
        data += [initializer(f"output:{one.name}", value) for one, value in zip(graph.output, outputs)]
    except (NotImplementedError, ValueError, TypeError, KeyError) as error:
        entry["other"] = str(error)
        continue
    onnx.save(case.model, os.path.join(folder, case.name + ".onnx"))
    model = helper.make_model(helper.make_graph([], "data", [], [], initializer=data))
    onnx.save(model, os.path.join(folder, case.name + ".data.onnx"))

names = sorted({schema.name for schema in defs.get_all_schemas() if schema.domain == "" and not schema.deprecated})
with open(os.path.join(folder, "tests.json"), "w") as file:
    json.dump({"onnx": onnx.__version__, "opset": defs.onnx_opset_version(), "operators": names, "tests": tests}, file)
print(len(tests), "tests")
