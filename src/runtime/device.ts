/** Where programs run, what each device needs, and the error with the remedy where it is missing. */
import { availableParallelism } from 'node:os'
import type { BilevelError } from '../base/index.ts'
import { deviceError } from '../base/index.ts'
import type { Device } from './program.ts'

/** Settings of a session that may change its speed, never the formulas. */
export interface DeviceOptions {
  /** Default `cpu`. */
  readonly device?: Device
  /** CPU threads of one program, 1 or more. Default: all cores. Part of the settings that make results repeat to the byte. */
  readonly threads?: number
}

/** Options with every default filled in. */
export type ResolvedDeviceOptions = Required<DeviceOptions>

/** Fills in defaults. @throws `runtime.threads` if threads is not a positive integer; `runtime.device` on an unknown device */
export function resolveDevice(options: DeviceOptions): ResolvedDeviceOptions {
  const { device = 'cpu', threads = availableParallelism() } = options
  if (!Number.isInteger(threads) || threads < 1) {
    throw deviceError('runtime.threads', `threads must be a positive integer, got ${threads}`)
  }
  if (!(device in REMEDIES)) {
    throw deviceError('runtime.device', `device must be one of ${Object.keys(REMEDIES).join(', ')}, got '${device}'`)
  }
  return { device, threads }
}

const REMEDIES: Readonly<Record<Device, string>> = {
  cpu: 'reinstall onnxruntime-node: its CPU library comes with the package',
  webgpu:
    'WebGPU comes with the package and needs a graphics driver with Vulkan (and its loader, libvulkan1), Metal or Direct3D 12; ' +
    'without a graphics card use --device cpu, or a software driver through VK_DRIVER_FILES',
  cuda:
    'CUDA is opt-in: install the CUDA libraries of onnxruntime-node (its install script with ' +
    '--onnxruntime-node-install=cuda12) and the NVIDIA driver, or use --device cpu or webgpu',
}

/** The error for a device that could not be opened. */
export function unavailable(device: Device, cause: unknown): BilevelError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return deviceError(
    'runtime.device',
    `device '${device}' must be available, it is not (${reason}); ${REMEDIES[device]}`,
    {
      cause,
    },
  )
}
