/**
 * Errors a caller can act on: what must hold, what came, what to do; a stable `code`; a `kind` that decides the exit code.
 * Numerical outcomes (did not converge, too few effective samples) are values in results, not errors.
 */

/** `input`: the caller's mistake (usage, config, files). `device`: hardware or a dependency is missing. */
export type ErrorKind = 'input' | 'device' | 'failed' | 'interrupted' | 'internal'

/** The one error class of this project. */
export class BilevelError extends Error {
  override readonly name = 'BilevelError'
  readonly code: string
  readonly kind: ErrorKind

  constructor(kind: ErrorKind, code: string, message: string, options?: ErrorOptions) {
    super(oneLine(message), options)
    this.kind = kind
    this.code = code
  }
}

/** Messages quote what came, which may hold line breaks and bytes that move a terminal's cursor. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const oneLine = (message: string): string => message.replace(/\s*[\u0000-\u001f\u007f-\u009f\u2028\u2029]+\s*/g, ' ')

/** A caller's mistake: bad argument, config, data or model file. Exit code 2. */
export function inputError(code: string, message: string, options?: ErrorOptions): BilevelError {
  return new BilevelError('input', code, message, options)
}

/** A device or dependency that is not there. Exit code 3. */
export function deviceError(code: string, message: string, options?: ErrorOptions): BilevelError {
  return new BilevelError('device', code, message, options)
}

/** The run could not finish (NaN loss, full disk). Exit code 1. */
export function failure(code: string, message: string, options?: ErrorOptions): BilevelError {
  return new BilevelError('failed', code, message, options)
}

/**
 * Stops work whose caller has given up on it: called between program runs.
 * @throws `interrupted` (kind `interrupted`, exit code 130), its cause the signal's reason
 */
export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  const message = 'the work was interrupted before it finished; start it again, or go on from its last checkpoint'
  throw new BilevelError('interrupted', 'interrupted', message, { cause: signal.reason })
}

/** A bug of this project. */
export function internalError(message: string): BilevelError {
  return new BilevelError('internal', 'internal', `internal: ${message}`)
}

const EXIT_CODES: Record<ErrorKind, number> = { input: 2, device: 3, failed: 1, interrupted: 130, internal: 1 }

/** Process exit code of an error: 1 failed, 2 usage, config or input, 3 device or dependency, 130 interrupted. */
export function exitCodeOf(error: unknown): number {
  return error instanceof BilevelError ? EXIT_CODES[error.kind] : 1
}
