/**
 * The engine's own telemetry stays off. As soon as a session opens it would write a device id and an event database into the user's
 * cache folder and look up a host to report to, unless ORT_DISABLE_TELEMETRY is in the environment of the process. A user's own value
 * is left as it is.
 */
import { Session } from 'node:inspector'
import { isMainThread } from 'node:worker_threads'
import { deviceError } from '../../base/index.ts'

const NAME = 'ORT_DISABLE_TELEMETRY'
const SET = `process.env.${NAME} ||= '1'`
/** Most milliseconds to wait for a main thread that is busy. */
const PATIENCE = 10_000

// In the main thread this is the environment of the process; in another one a copy that native code does not see.
process.env[NAME] ||= '1'

let done: Promise<void> | undefined

/** Called before a session is opened. @throws `runtime.telemetry` where the environment cannot be reached from this thread */
export function keepTelemetryOff(): Promise<void> {
  done ??= isMainThread ? Promise.resolve() : setInMainThread()
  return done
}

/** A thread started with an environment of its own asks the main thread, through the inspector: nothing else reaches it. */
async function setInMainThread(): Promise<void> {
  try {
    await evaluateInMainThread(SET)
  } catch (cause) {
    if (ofTheProcess()) return
    throw deviceError(
      'runtime.telemetry',
      `ONNX Runtime must not report its use, but ${NAME} cannot be set from this worker thread (${(cause as Error).message}); set it to 1 ` +
        'before Node starts, or import bilevel-diffusion in the main thread too',
      { cause },
    )
  }
}

function evaluateInMainThread(expression: string): Promise<void> {
  const session = new Session()
  return new Promise<void>((resolve, reject) => {
    // The timer also keeps this thread alive meanwhile.
    const timer = setTimeout(() => reject(new Error('the main thread does not answer')), PATIENCE)
    const settle = (error: Error | null, refused: boolean) => {
      clearTimeout(timer)
      if (error ?? refused) reject(error ?? new Error('the main thread refuses'))
      else resolve()
    }
    try {
      session.connectToMainThread()
      session.post('Runtime.evaluate', { expression }, (error, reply) =>
        settle(error, reply?.exceptionDetails !== undefined),
      )
    } catch (error) {
      settle(error as Error, true)
    }
  }).finally(() => session.disconnect())
}

/** Whether the process itself has the variable, as its diagnostic report says. */
function ofTheProcess(): boolean {
  const report = process.report?.getReport() as { environmentVariables?: Record<string, string> } | undefined
  return Boolean(report?.environmentVariables?.[NAME])
}
