/**
 * A reward module in a thread of its own: whatever somebody else's code does there (print, exit, throw in a timer, never come back) is an
 * error that names it, and neither the end of the process nor a line in its output.
 */
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import { failure, inputError } from '../base/index.ts'
import type { ModuleCall, ModuleExport, ModuleReply } from './moduleServer.ts'
import { serveModule } from './moduleServer.ts'

export interface ModuleThread {
  readonly exported: ModuleExport
  /** Calls one of its functions. An `Error` with the words of what it throws. @throws `reward.timeout`, `reward.module` if the thread has ended */
  call(request: Omit<ModuleCall, 'call'>): Promise<unknown>
  close(): Promise<void>
}

interface Waiting {
  resolve(returned: unknown): void
  reject(error: Error): void
}

/** Number of the loading among the calls. */
const LOADING = 0

/**
 * Loads a module in a thread.
 * @param path    as the user gave it, for errors
 * @param file    absolute path
 * @param keys    what its default export may hold
 * @param timeout seconds that loading and each call may take; null: no limit
 * @throws `reward.module` if it does not load, `reward.timeout`
 */
export async function openModuleThread(
  path: string,
  file: string,
  keys: readonly string[],
  timeout: number | null,
): Promise<ModuleThread> {
  const thread = new Thread(path, file, keys, timeout)
  try {
    const exported = (await thread.loaded) as ModuleExport
    return { exported, call: (request) => thread.call(request), close: () => thread.close() }
  } catch (error) {
    await thread.close()
    throw error
  }
}

class Thread {
  readonly loaded: Promise<unknown>
  readonly #path: string
  readonly #timeout: number | null
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  /** Why there will be no more answers. */
  #over: Error | undefined
  #last = LOADING

  constructor(path: string, file: string, keys: readonly string[], timeout: number | null) {
    this.#path = path
    this.#timeout = timeout
    // By import() alone: with --input-type=module, which threads inherit, there is no require.
    const program = `import('node:worker_threads').then(({ parentPort, workerData }) =>
      (${serveModule.toString()})(parentPort, () => import(workerData.url), workerData.keys))`
    const workerData = { url: pathToFileURL(file).href, keys }
    this.#worker = new Worker(program, { eval: true, workerData })
    this.#worker.on('message', (reply: ModuleReply) => this.#receive(reply))
    this.#worker.on('error', (error: unknown) => this.#end(failure('reward.module', this.#strayed(error))))
    this.#worker.on('exit', (code) => this.#end(failure('reward.module', this.#exited(code))))
    this.loaded = this.#wait(LOADING)
  }

  call(request: Omit<ModuleCall, 'call'>): Promise<unknown> {
    if (this.#over) return Promise.reject(this.#over)
    const call = ++this.#last
    const answer = this.#wait(call)
    this.#worker.postMessage({ ...request, call } satisfies ModuleCall)
    return answer
  }

  async close(): Promise<void> {
    this.#end(failure('reward.module', `the reward module '${this.#path}' is closed`))
    await this.#worker.terminate()
  }

  #wait(call: number): Promise<unknown> {
    const { promise, resolve, reject } = withResolvers()
    this.#waiting.set(call, { resolve, reject })
    // An idle thread keeps no process alive.
    this.#worker.ref()
    if (this.#timeout === null) return promise
    const timer = setTimeout(() => {
      this.#end(failure('reward.timeout', this.#late(call === LOADING)))
      void this.#worker.terminate()
    }, 1000 * this.#timeout)
    return promise.finally(() => clearTimeout(timer))
  }

  #receive(reply: ModuleReply): void {
    const call = 'call' in reply ? reply.call : LOADING
    const waiting = this.#waiting.get(call)
    this.#waiting.delete(call)
    if (this.#waiting.size === 0) this.#worker.unref()
    if (reply.kind === 'loaded') waiting?.resolve(reply.exported)
    else if (reply.kind === 'returned') waiting?.resolve(reply.returned)
    else if (reply.kind === 'threw') waiting?.reject(new Error(reply.reason))
    else
      waiting?.reject(inputError('reward.module', `the reward module '${this.#path}' must load, but: ${reply.reason}`))
  }

  #end(error: Error): void {
    this.#over ??= error
    for (const { reject } of this.#waiting.values()) reject(this.#over)
    this.#waiting.clear()
  }

  #strayed(error: unknown): string {
    const reason = error instanceof Error ? error.message : inspect(error)
    return `the reward module '${this.#path}' must catch what it starts, but threw outside of a call, in a timer or a promise: ${reason}; await it, or catch it`
  }

  #exited(code: number): string {
    return `the reward module '${this.#path}' must go on until it is no longer asked, but ended with process.exit(${code}); throw an error instead`
  }

  #late(loading: boolean): string {
    const what = loading ? 'load' : 'answer each call'
    return (
      `the reward module '${this.#path}' must ${what} within ${this.#timeout} s, but has not: a promise that never settles, or an endless loop? ` +
      'Repair it, or give it more time with --reward-timeout (none: no limit)'
    )
  }
}

function withResolvers() {
  let resolve: Waiting['resolve'] = () => undefined
  let reject: Waiting['reject'] = () => undefined
  const promise = new Promise<unknown>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
