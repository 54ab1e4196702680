/** Equal models share one session: one model in memory, one queue. */
import type { Engine, Session } from './engine.ts'

interface Shared {
  readonly session: Promise<Session>
  holders: number
}

/** By engine, then by the key of the model. */
const shares = new Map<Engine, Map<string, Shared>>()

function sharesOf(engine: Engine): Map<string, Shared> {
  const known = shares.get(engine) ?? new Map<string, Shared>()
  shares.set(engine, known)
  return known
}

/** The session of a key, made on first demand and shared by all who ask for the same. */
export async function sharedSession(engine: Engine, key: string, load: () => Promise<Session>): Promise<Session> {
  const cache = sharesOf(engine)
  let shared = cache.get(key)
  if (!shared) {
    shared = { session: load(), holders: 0 }
    cache.set(key, shared)
  }
  shared.holders++
  const entry = shared
  const drop = () => {
    if (--entry.holders > 0) return false
    if (cache.get(key) === entry) cache.delete(key)
    return true
  }
  try {
    const session = await entry.session
    return {
      ...session,
      release: async () => {
        if (drop()) await session.release()
      },
    }
  } catch (error) {
    drop()
    throw error
  }
}

/** Number of sessions that are loaded and shared, for tests and memory reports. */
export function sharedSessionCount(): number {
  return [...shares.values()].reduce((sum, { size }) => sum + size, 0)
}
