/**
 * A model whose input is looked up in a table: in place of the tensor it takes a row number for each item of the batch. What a network is told of a prompt
 * becomes a class so, and all that is done with classes is done with prompts. The file's bytes are kept but for that input.
 */
import type { Tensor } from '../base/index.ts'
import { inputError } from '../base/index.ts'
import type { ProtoField } from './protobuf.ts'
import { ProtoWriter, readFields } from './protobuf.ts'
import { DATA_TYPES, GRAPH, MODEL, NODE, TENSOR, TYPE, VALUE_INFO } from './schema.ts'

export interface TableOptions {
  /** The input that goes, such as `encoder_hidden_states`. */
  readonly input: string
  /** float32 [rows, ...]: what it was fed for one item. */
  readonly table: Tensor<'float32'>
  /** Name of the new input, int64 [batch]. */
  readonly name: string
}

/**
 * The bytes of the model with the table in it: a Gather before all its nodes.
 * @throws `onnx.inputs` where there is no such input, or one of the new name; `onnx.parse`
 * @example inputFromTable(bytes, { input: 'encoder_hidden_states', table, name: 'class_labels' })
 */
export function inputFromTable(bytes: Uint8Array, options: TableOptions): Uint8Array {
  const model = new ProtoWriter()
  for (const field of readFields(bytes)) {
    if (field.field !== MODEL.graph || field.kind !== 'bytes') copy(model, field)
    else model.blob(MODEL.graph, withTable(field.value, options))
  }
  return model.finish()
}

function withTable(graph: Uint8Array, { input, table, name }: TableOptions): Uint8Array {
  const fields = [...readFields(graph)]
  const nameOf = (field: ProtoField, at: number): string | null => {
    if (field.kind !== 'bytes') return null
    const found = [...readFields(field.value)].findLast((inner) => inner.field === at)
    return found?.kind === 'bytes' ? new TextDecoder().decode(found.value) : null
  }
  const inputs = fields.filter(({ field }) => field === GRAPH.input).map((field) => nameOf(field, VALUE_INFO.name))
  if (!inputs.includes(input) || inputs.includes(name)) {
    throw inputError(
      'onnx.inputs',
      `the model must have an input '${input}' and none '${name}'; its inputs are ${inputs.join(', ') || 'none'}`,
    )
  }
  const rows = `${input} by ${name}`
  const body = new ProtoWriter()
  body.message(GRAPH.node, (node) => {
    node.string(NODE.input, rows).string(NODE.input, name).string(NODE.output, input).string(NODE.opType, 'Gather')
  })
  for (const field of fields) {
    const goes = field.field === GRAPH.input && nameOf(field, VALUE_INFO.name) === input
    if (!goes) copy(body, field)
  }
  body.message(GRAPH.initializer, (tensor) => {
    const { buffer, byteOffset, byteLength } = table.data
    tensor.packedInts(TENSOR.dims, table.shape).int(TENSOR.dataType, DATA_TYPES.float32)
    tensor.string(TENSOR.name, rows).blob(TENSOR.rawData, new Uint8Array(buffer, byteOffset, byteLength))
  })
  body.message(GRAPH.input, (value) => {
    value.string(VALUE_INFO.name, name).message(VALUE_INFO.type, (type) => {
      type.message(TYPE.tensorType, (tensor) => {
        tensor.int(TYPE.elemType, DATA_TYPES.int64)
        tensor.message(TYPE.shape, (shape) =>
          shape.message(TYPE.dim, (axis) => axis.string(TYPE.dimParam, `${name} batch`)),
        )
      })
    })
  })
  return body.finish()
}

function copy(writer: ProtoWriter, field: ProtoField): void {
  if (field.kind === 'varint') writer.int(field.field, field.value)
  else if (field.kind === 'bytes') writer.blob(field.field, field.value)
  else throw inputError('onnx.parse', 'a model holds a number of fixed size where ONNX has none')
}
