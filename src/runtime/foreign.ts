/** Other people's ONNX files: opened as they are, run by their own names. */
import type { Tensor } from '../base/index.ts'
import { BilevelError, inputError, internalError } from '../base/index.ts'
import type { DeviceOptions } from './device.ts'
import { resolveDevice } from './device.ts'
import { asDeclared, carriedType } from './elementTypes.ts'
import type { DeclaredValue, LaneSession, ModelFiles, Session } from './engine.ts'
import { unavailable } from './engine.ts'

/** A foreign model, loaded to be run. */
export interface LoadedForeignModel {
  /**
   * Runs once, outputs by name, all or those that are asked for; calls are queued. An input of float16 is fed float32, an output of it comes as
   * float32. @throws `runtime.feed`, `runtime.run`
   */
  run(inputs: Readonly<Record<string, Tensor>>, outputs?: readonly string[]): Promise<Record<string, Tensor>>
  /** Frees the session. */
  dispose(): Promise<void>
}

/** A foreign model with what its file says of it. */
export interface ForeignModel extends LoadedForeignModel {
  readonly inputs: readonly DeclaredValue[]
  readonly outputs: readonly DeclaredValue[]
  /** Its bytes, with those of the files beside it. @throws `onnx.open`, `onnx.external`, and where the engine has no way to them */
  files(): Promise<ModelFiles>
  /** The same model in each of several lanes, which run at the same time and share its threads. Each is to be freed by itself. */
  inLanes(lanes: number): Promise<readonly LoadedForeignModel[]>
}

/**
 * Opens an ONNX model from a file (external data beside it is found; in a browser, an address) or from bytes.
 * @throws `onnx.open` if the file is missing or is no model the engine accepts; `file.lfsPointer`, `file.webPage`; `runtime.device` if the device is not there
 */
export async function openModel(model: string | Uint8Array, options: DeviceOptions = {}): Promise<ForeignModel> {
  const { engine, ...settings } = resolveDevice(options)
  const name = typeof model === 'string' ? `'${model}'` : `of ${model.length} bytes`
  if (typeof model === 'string') await engine.checkFile?.(model)
  const session = await engine.load(model, { ...settings, optimize: true }).catch((error: unknown) => {
    if (error instanceof BilevelError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    const providerFailed = settings.device !== 'cpu' && /provider|adapter|device/i.test(reason)
    if (providerFailed) throw unavailable(engine, settings.device, error)
    throw inputError('onnx.open', `the ONNX model ${name} must load in ONNX Runtime, but: ${reason}`, { cause: error })
  })
  const { inputs, outputs } = session
  const running = (loaded: Session | LaneSession): LoadedForeignModel => ({
    async run(feeds, wanted) {
      checkForeignFeeds(inputs, feeds)
      const fed = Object.fromEntries(inputs.map(({ name, dtype }) => [name, asDeclared(feeds[name], dtype)]))
      return 'runHolding' in loaded ? loaded.run(fed, undefined, wanted) : loaded.run(fed, wanted)
    },
    dispose: () => loaded.release(),
  })
  return {
    inputs,
    outputs,
    ...running(session),
    async files() {
      if (typeof model !== 'string') return { bytes: model, files: {} }
      if (engine.readModelFiles) return engine.readModelFiles(model)
      throw inputError('onnx.open', `this engine gives no bytes of '${model}'; open the model from its bytes`)
    },
    async inLanes(lanes) {
      const { loadInLane } = engine
      if (!loadInLane) throw internalError(`${lanes} lanes of an engine that has none`)
      const shared = { ...settings, threads: Math.max(1, Math.floor(settings.threads / lanes)) }
      const loaded = await Promise.all(
        Array.from({ length: lanes }, (_, lane) => loadInLane(lane, model, { ...shared, optimize: true })),
      )
      return loaded.map(running)
    },
  }
}

function checkForeignFeeds(inputs: readonly DeclaredValue[], feeds: Readonly<Record<string, Tensor>>): void {
  for (const { name, dtype, shape } of inputs) {
    const feed = feeds[name] as Tensor | undefined
    const fits =
      feed &&
      feed.dtype === carriedType(dtype) &&
      feed.shape.length === shape.length &&
      shape.every((extent, axis) => typeof extent === 'string' || extent === feed.shape[axis])
    if (fits) continue
    const came = feed ? `${feed.dtype}[${feed.shape}]` : 'nothing'
    const wanted = shape.map((extent) => (extent === '' ? '?' : extent))
    throw inputError('runtime.feed', `input '${name}' must be ${carriedType(dtype)}[${wanted}], got ${came}`)
  }
}
