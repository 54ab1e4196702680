/**
 * What the thread of a reward module does: load the module, say what it exports, call its functions. One function without imports, as it
 * reaches the thread as text: so it is the same from sources, from a bundle and from the built package.
 */
import type { MessagePort } from 'node:worker_threads'

/** What a module exports by default, as far as it can be told. */
export interface ModuleExport {
  /** As `typeof` says, or 'null', or 'class'. */
  readonly type: string
  /** Of an object: its fields, and their values where these are plain. */
  readonly fields: Readonly<Record<string, { readonly type: string; readonly value: unknown }>>
}

export interface ModuleCall {
  readonly call: number
  readonly name: 'values' | 'gradient'
  readonly data: Float32Array | Float64Array
  readonly shape: readonly number[]
  readonly classes: Int32Array | undefined
}

export type ModuleReply =
  | { readonly kind: 'loaded'; readonly exported: ModuleExport }
  | { readonly kind: 'unloadable'; readonly reason: string }
  | { readonly kind: 'returned'; readonly call: number; readonly returned: unknown }
  | { readonly kind: 'threw'; readonly call: number; readonly reason: string }

/**
 * Serves a port.
 * @param load imports the module
 * @param keys what its export may hold
 */
export function serveModule(
  port: MessagePort,
  load: () => Promise<{ readonly default?: unknown }>,
  keys: readonly string[],
): void {
  type Call = (this: unknown, images: object, classes: Int32Array | undefined) => unknown
  const reply = (message: ModuleReply) => port.postMessage(message)
  const reasonOf = (thrown: unknown): string => {
    if (thrown instanceof Error) return thrown.message
    try {
      return JSON.stringify(thrown) ?? String(thrown)
    } catch {
      return String(thrown)
    }
  }
  /** Infinity included, which JSON has not. */
  const plain = (value: unknown): unknown => {
    try {
      return structuredClone(value)
    } catch {
      return String(value)
    }
  }
  const isClass = (value: unknown) => typeof value === 'function' && /^class\b/.test(value.toString())
  const fieldsOf = (exported: object) => {
    const given = exported as Record<string, unknown>
    // What is made of a class has fields of its own.
    const own = Object.getPrototypeOf(exported) === Object.prototype ? Object.keys(given) : []
    const names = [...own, ...keys].filter((name) => given[name] !== undefined)
    return Object.fromEntries(
      names.map((name) => {
        const value = given[name]
        return [name, { type: typeof value, value: typeof value === 'function' ? undefined : plain(value) }]
      }),
    )
  }

  // Standard output belongs to the results of the process.
  process.stdout.write = process.stderr.write.bind(process.stderr)

  let exported: unknown
  const opened = load().then(
    (module) => {
      exported = module.default
      const type = exported === null ? 'null' : isClass(exported) ? 'class' : typeof exported
      reply({
        kind: 'loaded',
        exported: { type, fields: type === 'object' ? fieldsOf(exported as object) : {} },
      })
    },
    (error) => reply({ kind: 'unloadable', reason: reasonOf(error) }),
  )
  opened.catch((error) => reply({ kind: 'unloadable', reason: reasonOf(error) }))

  port.on('message', async ({ call, name, data, shape, classes }: ModuleCall) => {
    let returned: unknown
    try {
      const f = (typeof exported === 'function' ? exported : (exported as Record<string, unknown>)[name]) as Call
      returned = await f.call(exported, { data, shape }, classes)
    } catch (error) {
      return reply({ kind: 'threw', call, reason: reasonOf(error) })
    }
    try {
      reply({ kind: 'returned', call, returned })
    } catch (error) {
      reply({ kind: 'threw', call, reason: `what it returned is no list of numbers: ${reasonOf(error)}` })
    }
  })
}
