import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { float32, int64 } from '../base/index.ts'
import { operatorCases } from '../graph/cases.fixture.ts'
import { traceCase } from '../graph/caseType.fixture.ts'
import type { Graph, SymbolicTensor } from '../graph/index.ts'
import { add, constant, conv, gather, input, matmul, mul, silu, trace } from '../graph/index.ts'
import { checkModel } from './check.ts'
import { encode, encodeModel } from './encode.ts'
import { ProtoWriter } from './protobuf.ts'

/** A layer with every kind of tensor: inputs, constants of two types, shared and repeated values, outputs under names of their own. */
function layer(): Graph {
  return trace(
    { v0: { dtype: 'float32', shape: [2, 3] }, 'x.weight': { dtype: 'float32', shape: [3, 4] } },
    ({ v0, 'x.weight': w }) => {
      const y = add(mul(matmul(v0, w), 0.5), 0.5)
      const picked = gather(y, constant(int64([1, 0])), 1)
      return { c1: y, 'out sample': picked, twin: picked, echo: v0, seven: constant(float32([7])) }
    },
  )
}

describe('encode', () => {
  it('writes what a strict reader accepts, under the names given', () => {
    const model = checkModel(encodeModel(layer(), { name: 'layer' }))
    expect(model.irVersion).toBe(8)
    expect([...model.opsets]).toEqual([['', 17]])
    expect(model.inputs).toEqual([
      { name: 'v0', dataType: 1, shape: [2, 3] },
      { name: 'x.weight', dataType: 1, shape: [3, 4] },
    ])
    expect(model.outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['c1', [2, 4]],
      ['out sample', [2, 2]],
      ['twin', [2, 2]],
      ['echo', [2, 3]],
      ['seven', [1]],
    ])
    expect(model.nodes.map(({ operator }) => operator).sort()).toEqual([
      'Add',
      'Gather',
      'Identity',
      'Identity',
      'Identity',
      'MatMul',
      'Mul',
    ])
    // .5 twice is one initializer; [1, 0] and [7] are the others.
    expect([...model.initializers.values()].sort()).toEqual([16, 4, 4])
  })

  it('gives the same bytes for the same graph', () => {
    expect(encodeModel(layer())).toEqual(encodeModel(layer()))
  })

  it('leaves named axes open', () => {
    const { inputs, outputs } = checkModel(encode(layer(), { axisNames: { v0: ['batch'], c1: ['batch', undefined] } }))
    expect(inputs[0].shape).toEqual(['batch', 3])
    expect(outputs[0].shape).toEqual(['batch', 4])
  })

  it('refuses composites and inputs that the graph does not declare', () => {
    const x = input('x', [2])
    expect(() => encode({ inputs: { x }, outputs: { y: silu(x) } })).toThrow(/composite Silu must be expanded/)
    expect(() => encode({ inputs: {}, outputs: { y: add(x, 1) } })).toThrow(/'x' is not an input/)
  })
})

describe('every operator case is a valid file of standard operators', () => {
  const files = operatorCases.map(
    (entry) => [`${entry.operator}: ${entry.title}`, encodeModel(traceCase(entry))] as const,
  )

  it.each(files)('%s', (_, bytes) => {
    expect([...checkModel(bytes).opsets.keys()]).toEqual([''])
  })

  const checker = hasOnnxPackage()
  it.skipIf(!checker)(
    `to the onnx package's own checker, shapes inferred (${checker ? 'found' : 'python3-onnx is not installed'})`,
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'onnx-check-'))
      try {
        files.forEach(([, bytes], i) => {
          writeFileSync(join(folder, `${i}.onnx`), bytes)
        })
        expect(runPython(CHECK_FOLDER, folder)).toBe(`${files.length} checked\n`)
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  )
})

const CHECK_FOLDER = `
import glob, os, sys, onnx
files = sorted(glob.glob(sys.argv[1] + '/*.onnx'))
for f in files:
    onnx.checker.check_model(onnx.load(f), full_check=True)
print(len(files), 'checked')
`

function runPython(program: string, ...args: string[]): string {
  return execFileSync('/usr/bin/python3', ['-c', program, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function hasOnnxPackage(): boolean {
  try {
    runPython('import onnx')
    return true
  } catch {
    return false
  }
}

describe('the strict reader refuses', () => {
  const node =
    (inputs: string[], outputs: string[], domain = '') =>
    (writer: ProtoWriter) => {
      for (const name of inputs) writer.string(1, name)
      for (const name of outputs) writer.string(2, name)
      writer.string(4, 'Neg').string(7, domain)
    }
  const float = (writer: ProtoWriter) => writer.message(1, (tensor) => tensor.int(1, 1).message(2, () => undefined))
  const value = (name: string) => (writer: ProtoWriter) => writer.string(1, name).message(2, float)
  const model = (...nodes: ((writer: ProtoWriter) => void)[]) => {
    const graph = new ProtoWriter()
    for (const write of nodes) graph.message(1, write)
    graph.string(2, 'graph').message(11, value('x')).message(12, value('y'))
    return new ProtoWriter()
      .int(1, 8)
      .blob(7, graph.finish())
      .message(8, (w) => w.string(1, '').int(2, 17))
      .finish()
  }

  it.each([
    ['use before making', model(node(['a'], ['y']), node(['x'], ['a'])), /uses 'a' before it is made/],
    ['two makers of a tensor', model(node(['x'], ['y']), node(['x'], ['y'])), /made once under a name, 'y' is not/],
    [
      'a domain without a version',
      model(node(['x'], ['y'], 'com.example')),
      /domain 'com.example', which is not imported/,
    ],
    ['an output that nothing makes', model(node(['x'], ['a'])), /output 'y' must be made by a node/],
    ['no graph', new ProtoWriter().int(1, 8).finish(), /must hold one graph, it holds 0/],
  ])('%s', (_, bytes, message) => {
    expect(() => checkModel(bytes)).toThrow(message)
  })

  it('a file cut short anywhere', () => {
    const bytes = encodeModel(layer())
    for (let length = 0; length < bytes.length; length++) {
      expect(() => checkModel(bytes.subarray(0, length))).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^onnx\./) }),
      )
    }
  })
})

describe('exported networks', () => {
  it('hold no operator of one engine only', () => {
    const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
    const block = trace(
      { x: float(2, 16, 8, 8), w: float(16, 16, 3, 3) },
      ({ x, w }: Record<'x' | 'w', SymbolicTensor>) => ({
        y: silu(conv(x, w, { padding: 1 })),
      }),
    )
    const { nodes } = checkModel(encodeModel(block))
    expect(nodes.map(({ operator }) => operator)).toEqual(['Conv', 'Sigmoid', 'Mul'])
  })
})
