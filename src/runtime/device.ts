/** Where programs run, and with how many threads. */
import { deviceError } from '../base/index.ts'
import type { Engine } from './engine.ts'
import { usedEngine } from './engine.ts'
import type { Device } from './program.ts'
import { DEVICES } from './program.ts'

/** Settings of a session that may change its speed, never the formulas. */
export interface DeviceOptions {
  /** Default `cpu`. */
  readonly device?: Device
  /** CPU threads of one program, 1 or more. Default: all cores. Part of the settings that make results repeat to the byte. */
  readonly threads?: number
  /** Default: the engine of this process. */
  readonly engine?: Engine
}

/** Options with every default filled in. */
export type ResolvedDeviceOptions = Required<DeviceOptions>

/** Fills in defaults. @throws `runtime.threads` if threads is not a positive integer; `runtime.device` on an unknown device; `runtime.engine` */
export function resolveDevice(options: DeviceOptions): ResolvedDeviceOptions {
  const { device = 'cpu', engine = usedEngine(), threads = engine.threads } = options
  if (!Number.isInteger(threads) || threads < 1) {
    throw deviceError('runtime.threads', `threads must be a positive integer, got ${threads}`)
  }
  if (!DEVICES.includes(device)) {
    throw deviceError('runtime.device', `device must be one of ${DEVICES.join(', ')}, got '${device}'`)
  }
  return { device, threads, engine }
}
