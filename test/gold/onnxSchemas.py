"""Which inputs and attributes ONNX's operators have, version by version: what the entries of src/graph/ops are checked against.

    pip install onnx==1.23.2
    python test/gold/onnxSchemas.py > test/gold/onnxSchemas.json

Of every operator named below: [first version of its operator set, [[input, 0 single | 1 may be absent | 2 any number], ...],
{attribute: [type, default; absent: none, null: must be given]}], up to operator set 22.
"""
import json

import onnx
from onnx import defs, helper

NAMES = """Abs Acos Acosh Add And ArgMax Asin Asinh Atan Atanh AveragePool BatchNormalization Cast Ceil Clip Concat Conv ConvTranspose Cos Cosh
CumSum Div Elu Equal Erf Exp Expand Floor Gather GatherElements GatherND Gemm GlobalAveragePool Greater GreaterOrEqual GridSample Identity InstanceNormalization LayerNormalization LeakyRelu
Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Min Mod Mul Neg Not OneHot Or Pad Pow Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum Relu
Reshape Resize Round ScatterElements ScatterND Sigmoid Sign Sin Sinh Slice Softmax Softplus Split Sqrt Sub Tan Tanh TopK Transpose Where""".split()
NEWEST = 22


def default_of(attribute):
    if attribute.default_value.type == onnx.AttributeProto.UNDEFINED:
        return None
    value = helper.get_attribute_value(attribute.default_value)
    return value.decode() if isinstance(value, bytes) else value


def attribute_of(attribute):
    kind = attribute.type.name.lower()
    default = default_of(attribute)
    if default is not None:
        # float32 as the shortest decimal
        return [kind, float(f"{default:.7g}") if kind == "float" else default]
    return [kind, None] if attribute.required else [kind]


schemas = {name: [] for name in NAMES}
for schema in defs.get_all_schemas_with_history():
    if schema.domain == "" and schema.name in schemas and schema.since_version <= NEWEST:
        inputs = [[one.name, int(one.option)] for one in schema.inputs]
        attributes = {name: attribute_of(one) for name, one in sorted(schema.attributes.items())}
        schemas[schema.name].append([schema.since_version, inputs, attributes])
for versions in schemas.values():
    versions.sort(key=lambda version: version[0])
print("{")
print(",\n".join(f" {json.dumps(name)}: [\n  " + ",\n  ".join(json.dumps(v) for v in versions) + "\n ]" for name, versions in schemas.items()))
print("}")
