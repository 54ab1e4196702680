/** ONNX files of others at the command line: what is right, what is not, and what is no such file, each in one line and at once. */
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { zipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decode, readModel } from '../src/onnx/index.ts'
import { ProtoWriter } from '../src/onnx/protobuf.ts'
import { bilevelHere, newFolder } from './cli.fixture.ts'

const found = (...name: string[]) => resolve('test', 'found', ...name)
const PLAIN = found('denoisers', 'plain.onnx')

let folder = ''
beforeAll(async () => {
  folder = await newFolder()
  await symlink('/etc/hostname', join(folder, 'link.bin'))
  await writeFile(join(folder, 'w.bin'), new Uint8Array(8))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Writes a file and checks it. */
async function checked(bytes: Uint8Array | string, ...words: string[]) {
  await writeFile(join(folder, 'model.onnx'), bytes)
  return bilevelHere(['onnx', 'check', 'model.onnx', ...words], folder)
}

type Write = (writer: ProtoWriter) => void
const value =
  (name: string, shape: readonly number[], type = 1): Write =>
  (writer) => {
    const dims: Write = (shapes) => {
      for (const extent of shape) shapes.message(1, (dim) => dim.int(1, extent))
    }
    writer.string(1, name).message(2, (of) => of.message(1, (tensor) => tensor.int(1, type).message(2, dims)))
  }
const node =
  (operator: string, inputs: readonly string[], outputs: readonly string[], domain = ''): Write =>
  (writer) => {
    for (const name of inputs) writer.string(1, name)
    for (const name of outputs) writer.string(2, name)
    writer.string(3, `the ${operator}`).string(4, operator).string(7, domain)
  }
/** float32 values, raw or outside. */
const tensor =
  (name: string, dims: readonly number[], raw: Uint8Array | string): Write =>
  (writer) => {
    for (const extent of dims) writer.int(1, extent)
    writer.int(2, 1).string(8, name)
    if (typeof raw !== 'string') writer.blob(9, raw)
    else writer.message(13, (entry) => entry.string(1, 'location').string(2, raw)).int(14, 1)
  }

interface Parts {
  readonly nodes: readonly Write[]
  readonly initializers?: readonly Write[]
  readonly input?: Write
}

/** A model from x [2] to y. */
const model = ({ nodes, initializers = [], input = value('x', [2]) }: Parts): Uint8Array =>
  new ProtoWriter()
    .int(1, 8)
    .message(7, (graph) => {
      for (const write of nodes) graph.message(1, write)
      graph.string(2, 'graph')
      for (const write of initializers) graph.message(5, write)
      graph.message(11, input).message(12, value('y', [2]))
    })
    .message(8, (opset) => opset.string(1, '').int(2, 17))
    .finish()

describe('a file that is right', () => {
  test('is checked as JSON, with the numbers of its framework', async () => {
    const file = found('onnx', 'clip-image.script-17.onnx')
    const words = ['onnx', 'check', file, '--inputs', found('onnx', 'clip-image.npz'), '--json']
    const { code, stdout, stderr } = await bilevelHere(words, folder)
    expect([code, stderr]).toEqual([0, ''])
    const json = JSON.parse(stdout)
    expect(Object.keys(json)).toEqual(['nodes', 'operators', 'unsupported', 'maxRelativeError', 'output', 'gradient'])
    expect(json).toMatchObject({ nodes: 209, operators: { Conv: 1, Softmax: 2 }, unsupported: [] })
    for (const error of [json.maxRelativeError, json.output.maxRelativeError, json.gradient.maxRelativeError]) {
      expect(error).toBeLessThan(1e-5)
    }
  })

  test('in words, at a shape of one’s own', async () => {
    const { code, stdout } = await bilevelHere(
      ['onnx', 'check', found('onnx', 'vit.dynamo-18.onnx'), '--shape', 'in0=3,3,16,16'],
      folder,
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ {2}inputs +in0 float32\[batch,3,16,16\]$/m)
    expect(stdout).toMatch(/^ {2}given +in0 float32\[3,3,16,16\]$/m)
    expect(stdout).toMatch(/^ {2}derivative +in in0: off by \S+ from central differences$/m)
  })

  test('with its weights beside it, and in another folder by a link', async () => {
    const at = join(folder, 'cache')
    await mkdir(join(at, 'blobs'), { recursive: true })
    await mkdir(join(at, 'snapshot'))
    for (const name of ['resnet.dynamo-20.onnx', 'resnet.dynamo-20.onnx.data']) {
      await copyFile(found('onnx', name), join(at, 'blobs', `hash of ${name}`))
      await symlink(`../blobs/hash of ${name}`, join(at, 'snapshot', name))
    }
    const { code, stderr } = await bilevelHere(['onnx', 'check', 'cache/snapshot/resnet.dynamo-20.onnx'], folder)
    expect([code, stderr]).toEqual([0, ''])
  })

  test('that is no model of diffusion is shown as what it is', async () => {
    const { code, stdout } = await bilevelHere(['show', found('onnx', 'resnet.dynamo-20.onnx')], folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^ {2}producer +pytorch 2\.13\.0\+cpu\n {2}opset +20\n {2}inputs +in0 float32\[batch,3,16,16\]\n {2}outputs +out float32\[batch,5\]\n/m,
    )
    expect(stdout).toMatch(
      /^ {2}operators +.*Conv 6.*\n {2}sha256 +[0-9a-f]{64}\nnote: nothing says that it is a model of diffusion: .*--scheduler FILE/m,
    )
    const json = await bilevelHere(['show', found('onnx', 'unet2d.script-11.onnx'), '--json'], folder)
    const shown = JSON.parse(json.stdout)
    expect(shown.onnx).toMatchObject({ opsets: { 'ai.onnx': 11 }, nodes: 306, functions: 0 })
    expect(shown.onnx.inputs[1]).toEqual({ name: 'in1', type: 'int64', shape: ['batch'] })
  })
})

describe('a file that is not', () => {
  test('operators that are not offered are all listed with their nodes: exit code 1, and the answer is given', async () => {
    const nodes = [
      node('Banana', ['x'], ['a']),
      node('Cherry', ['a'], ['b'], 'org.example'),
      node('Add', ['x', 'b'], ['y']),
    ]
    const { code, stdout, stderr } = await checked(model({ nodes }), '--json')
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^error: every operator of model.onnx must be one .*Banana \(the Banana\).*org.example:Cherry \(the Cherry\)[^\n]*\n$/,
    )
    const json = JSON.parse(stdout)
    expect(json.unsupported.map(({ operator }: { operator: string }) => operator)).toEqual([
      'Banana',
      'org.example:Cherry',
    ])
    expect(json).toMatchObject({ nodes: 3, maxRelativeError: null, output: null, gradient: null })
  })

  test.each<[string, () => Uint8Array | string, RegExp]>([
    [
      'random bytes',
      () => Uint8Array.from({ length: 4000 }, (_, i) => (i * 7919 * i + 13) % 251),
      /must be an ONNX model/,
    ],
    ['an empty file', () => '', /must be an ONNX model/],
    ['a text', () => 'class Network(nn.Module):\n    pass\n', /must be an ONNX model/],
    [
      'a Git LFS pointer',
      () => 'version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 454741132\n',
      /Git LFS pointer.*434 MiB.*git lfs pull/,
    ],
    ['a web page', () => '<!DOCTYPE html><html><title>Sign in</title>', /web page titled 'Sign in'/],
    ['a pickle', () => Uint8Array.of(0x80, 2, 0x7d, 0x71, 0, 0x2e), /Python pickle.*torch.onnx.export/],
    [
      'what torch.save writes',
      () => zipSync({ 'archive/data.pkl': Uint8Array.of(0x80, 2, 0x2e) }),
      /zip archive.*torch.onnx.export/,
    ],
    [
      'a circle',
      () =>
        model({ nodes: [node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b']), node('Add', ['a', 'b'], ['y'])] }),
      /no node may need what it makes itself/,
    ],
    [
      'a tensor that nothing makes',
      () => model({ nodes: [node('Add', ['x', 'ghost'], ['y'])] }),
      /uses 'ghost', which nothing makes/,
    ],
    [
      'two makers of a tensor',
      () => model({ nodes: [node('Relu', ['x'], ['y']), node('Neg', ['x'], ['y'])] }),
      /made once, 'y'/,
    ],
    [
      'a huge initializer',
      () =>
        model({
          nodes: [node('Add', ['x', 'w'], ['y'])],
          initializers: [tensor('w', [2 ** 40, 2 ** 10], new Uint8Array(8))],
        }),
      /'w'/,
    ],
    [
      'a huge input',
      () => model({ nodes: [node('Relu', ['x'], ['y'])], input: value('x', [2 ** 31, 2 ** 31]) }),
      /need .* GiB/,
    ],
    [
      'weights in a folder above',
      () => model({ nodes: [node('Add', ['x', 'w'], ['y'])], initializers: [tensor('w', [2], '../w.bin')] }),
      /must lie in its folder.*'\.\.\/w\.bin'/,
    ],
    [
      'weights at the root',
      () => model({ nodes: [node('Add', ['x', 'w'], ['y'])], initializers: [tensor('w', [2], '/etc/hostname')] }),
      /must lie in its folder.*'\/etc\/hostname'/,
    ],
    [
      'weights behind a link',
      () => model({ nodes: [node('Add', ['x', 'w'], ['y'])], initializers: [tensor('w', [2], 'link.bin')] }),
      /must lie in its folder.*'link.bin'/,
    ],
    [
      'weights that are not there',
      () => model({ nodes: [node('Add', ['x', 'w'], ['y'])], initializers: [tensor('w', [2], 'gone.bin')] }),
      /weights of 'model.onnx'.*gone.bin' is not there/,
    ],
    [
      'weights that are too few',
      () => model({ nodes: [node('Add', ['x', 'w'], ['y'])], initializers: [tensor('w', [3], 'w.bin')] }),
      /'w\.bin', which has 8/,
    ],
  ])('%s', async (_, bytes, says) => {
    const { code, stdout, stderr } = await checked(bytes())
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^error: [^\n]+\n$/)
    expect(stderr).toMatch(says)
  })

  test('a folder, or nothing', async () => {
    const [one, none] = [
      await bilevelHere(['onnx', 'check', '.'], folder),
      await bilevelHere(['onnx', 'check', 'gone.onnx'], folder),
    ]
    expect([one.code, one.stderr]).toEqual([
      2,
      "error: an ONNX model must be a readable file, '.' is a folder; name the .onnx file in it\n",
    ])
    expect([none.code, none.stderr]).toEqual([
      2,
      "error: an ONNX model must be a readable file, 'gone.onnx' is not there\n",
    ])
  })

  test('cut short anywhere', async () => {
    const bytes = new Uint8Array(await readFile(PLAIN))
    for (let length = 0; length < bytes.length; length += 97) {
      const read = () => decode(readModel(bytes.subarray(0, length)), { shapes: { image: [2, 1, 8, 8], time: [2] } })
      expect(read, String(length)).toThrow(expect.objectContaining({ kind: 'input' }))
    }
  })
})

describe('inputs that are not the file’s', () => {
  const npz = (arrays: Readonly<Record<string, readonly [string, string, Uint8Array]>>) =>
    zipSync(Object.fromEntries(Object.entries(arrays).map(([name, array]) => [`${name}.npy`, npy(...array)])), {
      level: 0,
    })
  const npy = (descr: string, shape: string, data: Uint8Array) => {
    const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`
    const header = `${dictionary.padEnd(117)}\n`
    return Uint8Array.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length, 0, ...Buffer.from(header), ...data])
  }
  const floats = (shape: string, count: number) => ['<f4', shape, new Uint8Array(4 * count)] as const
  const NAMES = /its inputs are in0 float32\[batch,4,4,4\], in1 int64\[batch\], in2 float32\[batch,5,8\]/
  const FILE = found('onnx', 'unet2d-condition.dynamo-20.onnx')

  test.each<[string, string[], RegExp]>([
    ['a name that there is not', ['--shape', 'image=2,4,4,4'], NAMES],
    ['a shape that does not fit', ['--shape', 'in0=2,3,4,4'], /'in0' must be float32\[batch,4,4,4\], got \[2,3,4,4\]/],
    ['an array that is none', ['--inputs', 'strange.npz'], NAMES],
    ['one left out', ['--inputs', 'short.npz'], /it has none for in1 int64\[batch\], in2/],
    ['another shape', ['--inputs', 'shape.npz'], /'in0' must be float32\[batch,4,4,4\], got \[2,3\]/],
    ['no .npz', ['--inputs', FILE], /zip|archive/],
    ['nothing', ['--inputs', 'gone.npz'], /'gone\.npz' is not there/],
  ])('%s', async (_, words, says) => {
    const rest = { in1: ['<i8', '(2,)', new Uint8Array(16)], in2: floats('(2, 5, 8)', 80) } as const
    await writeFile(join(folder, 'strange.npz'), npz({ picture: floats('(2,)', 2) }))
    await writeFile(join(folder, 'short.npz'), npz({ in0: floats('(2, 4, 4, 4)', 128) }))
    await writeFile(join(folder, 'shape.npz'), npz({ in0: floats('(2, 3)', 6), ...rest }))
    const { code, stdout, stderr } = await bilevelHere(['onnx', 'check', FILE, ...words], folder)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^error: [^\n]+\n$/)
    expect(stderr).toMatch(says)
  })
})
