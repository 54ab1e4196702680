/** An ONNX file called from Python as it is called here: by its own names, layouts and element types. */
import type { DenoiserInputs } from '../../diffusion/index.ts'
import type { PythonNetwork } from './context.ts'
import { list, text, within } from './pythonText.ts'

/** Images of a call: a file made for some number of images takes no other. */
export function countOf(network: PythonNetwork, wanted: number): number {
  if (network.kind === 'pipeline') return network.unet.kind === 'onnx' ? fixedBy(network.unet.inputs, wanted) : wanted
  return network.kind === 'onnx' ? fixedBy(network.inputs, wanted) : wanted
}

function fixedBy({ image, time, classes }: DenoiserInputs, wanted: number): number {
  // A time of one entry may be one time for all.
  const timeBatch = time.shape[0] === 1 ? undefined : time.shape[0]
  const fixed = [image.shape[0], timeBatch, classes?.shape[0]].find((extent) => typeof extent === 'number')
  return typeof fixed === 'number' ? fixed : wanted
}

type OnnxNetwork = Omit<PythonNetwork & { kind: 'onnx' }, 'kind'> & { readonly place?: 'run' | 'model' }

/**
 * The function `unet(x, time)`, with `classes` of the caller where the file takes them.
 * @param labels input and value in Python that the file takes in their place
 */
export function onnxCall(asked: OnnxNetwork, count: number, labels?: readonly [string, string]): string[] {
  const { path, inRun, inputs, timeScale, timeOffset = 0, place } = asked
  const { image, time, classes, output, layout, constants = [] } = inputs
  const full = ({ shape, dtype }: DenoiserInputs['image'], value: string) => {
    const extents = shape.map((extent, axis) => (typeof extent === 'number' ? extent : axis === 0 ? count : 1))
    return `np.full(${list(extents)}, ${value}, np.${dtype})`
  }
  const scaled = `${timeScale === 1 ? '' : ` * ${timeScale}`}${timeOffset === 0 ? '' : ` + ${timeOffset}`}`
  const toldTime = time.dtype.startsWith('int') ? `int(time)${scaled}` : `float(time)${scaled}`
  const cast = image.dtype === 'float32' ? '' : `.astype(np.${image.dtype})`
  const moved = layout === 'nhwc' ? 'np.ascontiguousarray(x.numpy().transpose(0, 2, 3, 1))' : 'x.numpy()'
  const feeds = [
    `${text(image.name)}: ${moved}${cast}`,
    `${text(time.name)}: ${full(time, toldTime)}`,
    ...(classes ? [labels ? `${text(labels[0])}: ${labels[1]}` : `${text(classes.name)}: ${labelsFor(classes)}`] : []),
    ...constants.map(({ input, value }) => `${text(input.name)}: ${full(input, String(value))}`),
  ]
  const back = `${layout === 'nhwc' ? '.transpose(0, 3, 1, 2)' : ''}${cast === '' ? '' : '.astype(np.float32)'}`
  const file = inRun ? within(path, place) : text(path)
  return [
    `network = onnxruntime.InferenceSession(${file}, providers=["CPUExecutionProvider"])`,
    '',
    classes ? 'def unet(x, time, classes=classes):' : 'def unet(x, time):',
    `    feeds = {${feeds.join(', ')}}`,
    `    return torch.from_numpy(network.run([${text(output)}], feeds)[0]${back})`,
    '',
  ]
}

/** Numbers, a column of them, or one-hot rows, of which the one past the last is zeros. */
function labelsFor({ dtype, shape }: NonNullable<DenoiserInputs['classes']>): string {
  const [, width] = shape
  if (shape.length === 1) return `classes.numpy().astype(np.${dtype})`
  if (typeof width === 'number' && width > 1)
    return `np.eye(${width + 1}, ${width}, dtype=np.${dtype})[classes.numpy()]`
  return `classes.numpy().astype(np.${dtype}).reshape(${[-1, ...shape.slice(1).map(() => 1)].join(', ')})`
}
