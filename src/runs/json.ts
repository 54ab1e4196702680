/** Plain JSON data: what may be in a checkpoint's state and a config, compared and hashed in one canonical form. */
import { internalError, sha256 } from '../base/index.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Whether a value is an object with keys (no list, no null). */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @throws internal error where JSON would lose something: NaN, infinities, undefined, typed arrays, class instances */
export function requireJson(value: unknown, path = 'state'): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number' && Number.isFinite(value)) return
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) requireJson(item, `${path}[${i}]`)
  } else if (isRecord(value) && Object.getPrototypeOf(value) === Object.prototype) {
    for (const [key, item] of Object.entries(value)) requireJson(item, `${path}.${key}`)
  } else {
    throw internalError(`${path} must be plain JSON, got ${typeof value === 'number' ? value : typeof value}`)
  }
}

/** JSON with keys in order and undefined ones left out: equal data, equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    isRecord(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  )
}

/** SHA-256 (hex) of data in canonical form. */
export function jsonHash(value: unknown): string {
  return sha256(canonicalJson(value))
}
