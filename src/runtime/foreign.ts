/** Other people's ONNX files: opened as they are, run by their own names. */
import { open, stat } from 'node:fs/promises'
import type { DType, Tensor } from '../base/index.ts'
import { BilevelError, inputError, STAND_IN_BYTES, standInError } from '../base/index.ts'
import type { DeviceOptions } from './device.ts'
import { resolveDevice, unavailable } from './device.ts'
import { loadInLane } from './lanes.ts'
import type { Session } from './session.ts'
import { loadSession } from './session.ts'

/** An input or output as the file declares it. */
export interface ForeignValue {
  readonly name: string
  /** The file's element type; one that is no `DType` (float16, string, ...) cannot be fed. */
  readonly dtype: DType | string
  /** Extents; a name, or '' without one, where the file leaves an axis open. */
  readonly shape: readonly (number | string)[]
}

/** A foreign model, loaded to be run. */
export interface LoadedForeignModel {
  /** Runs once, outputs by name; calls are queued. @throws `runtime.feed`, `runtime.run` */
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>
  /** Frees the session. */
  dispose(): Promise<void>
}

/** A foreign model with what its file says of it. */
export interface ForeignModel extends LoadedForeignModel {
  readonly inputs: readonly ForeignValue[]
  readonly outputs: readonly ForeignValue[]
  /** The same model in each of several lanes, which run at the same time and share its threads. Each is to be freed by itself. */
  inLanes(lanes: number): Promise<readonly LoadedForeignModel[]>
}

/**
 * Opens an ONNX model from a file (external data beside it is found) or from bytes.
 * @throws `onnx.open` if the file is missing or is no model the engine accepts; `file.lfsPointer`, `file.webPage`; `runtime.device` if the device is not there
 */
export async function openModel(model: string | Uint8Array, options: DeviceOptions = {}): Promise<ForeignModel> {
  const settings = { ...resolveDevice(options), optimize: true }
  const name = typeof model === 'string' ? `'${model}'` : `of ${model.length} bytes`
  if (typeof model === 'string') await checkFile(model)
  const session = await loadSession(model, settings).catch((error: unknown) => {
    if (error instanceof BilevelError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    const providerFailed = settings.device !== 'cpu' && /provider|adapter|device/i.test(reason)
    if (providerFailed) throw unavailable(settings.device, error)
    throw inputError('onnx.open', `the ONNX model ${name} must load in ONNX Runtime, but: ${reason}`, { cause: error })
  })
  const inputs = session.handle.inputMetadata.map(describe)
  const outputs = session.handle.outputMetadata.map(describe)
  const running = (loaded: Pick<Session, 'run' | 'release'>): LoadedForeignModel => ({
    async run(feeds) {
      checkForeignFeeds(inputs, feeds)
      return loaded.run(Object.fromEntries(inputs.map((value) => [value.name, feeds[value.name]])))
    },
    dispose: () => loaded.release(),
  })
  return {
    inputs,
    outputs,
    ...running(session),
    async inLanes(lanes) {
      const shared = { ...settings, threads: Math.max(1, Math.floor(settings.threads / lanes)) }
      const loaded = await Promise.all(Array.from({ length: lanes }, (_, lane) => loadInLane(lane, model, shared)))
      return loaded.map(running)
    },
  }
}

async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw inputError('onnx.open', `an ONNX model must be a readable file, '${path}' is none`, { cause })
  })
  if (!found.isFile()) throw inputError('onnx.open', `an ONNX model must be a file, '${path}' is a folder`)
  const standIn = standInError(await startOf(path), `the ONNX model '${path}'`)
  if (standIn) throw standIn
}

/** The first bytes of a file; none where it cannot be read, which the engine then says. */
async function startOf(path: string): Promise<Uint8Array> {
  const file = await open(path).catch(() => null)
  if (!file) return new Uint8Array(0)
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(STAND_IN_BYTES), 0, STAND_IN_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

type Metadata = Awaited<ReturnType<typeof loadSession>>['handle']['inputMetadata'][number]

function describe(value: Metadata): ForeignValue {
  if (!value.isTensor) return { name: value.name, dtype: 'not a tensor', shape: [] }
  return { name: value.name, dtype: value.type, shape: value.shape }
}

function checkForeignFeeds(inputs: readonly ForeignValue[], feeds: Readonly<Record<string, Tensor>>): void {
  for (const { name, dtype, shape } of inputs) {
    const feed = feeds[name] as Tensor | undefined
    const fits =
      feed &&
      feed.dtype === dtype &&
      feed.shape.length === shape.length &&
      shape.every((extent, axis) => typeof extent === 'string' || extent === feed.shape[axis])
    if (fits) continue
    const came = feed ? `${feed.dtype}[${feed.shape}]` : 'nothing'
    const wanted = shape.map((extent) => (extent === '' ? '?' : extent))
    throw inputError('runtime.feed', `input '${name}' must be ${dtype}[${wanted}], got ${came}`)
  }
}
