/**
 * Time to the first training step, in processes of their own: a process compiles the training program of the paper's UNet (graph,
 * derivative, passes, encoding, session) with an empty cache folder, another one with the folder the first one left; then both
 * train two steps, and say how much memory they ever had.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failure } from '../../src/base/index.ts'
import { openTrainer } from '../diffusion/trainStep.ts'
import type { BenchSettings, Clock } from '../settings.ts'
import { paperNetwork, trainingSchedule } from '../subjects.ts'

/** What a probing process says. */
export interface Probe {
  readonly seconds: Readonly<Record<Clock, number>>
  readonly peakMemoryMiB: number
}

export interface CompileFigures {
  readonly cold: Probe
  readonly cached: Probe
}

const STEPS = 2

/** The work of a probing process. */
export async function probe(settings: BenchSettings): Promise<Probe> {
  const network = paperNetwork(settings)
  const before = process.cpuUsage()
  const start = performance.now()
  const trainer = await openTrainer(network, settings.batch, null)
  const wall = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(before)
  let state = trainer.initialState()
  for (let k = 0; k < STEPS; k++) state = await trainer.step(state, trainingSchedule, trainer.draw(k), 1e-3)
  await trainer.dispose()
  return {
    seconds: { wall, cpu: (user + system) / 1e6 },
    peakMemoryMiB: process.resourceUsage().maxRSS / 1024,
  }
}

/** @param script this program, which answers `--probe` with a `Probe` on stdout */
export function measureCompile(settings: BenchSettings, script: string): CompileFigures {
  const cache = mkdtempSync(join(tmpdir(), 'bilevel-bench-'))
  try {
    return { cold: probed(settings, script, cache), cached: probed(settings, script, cache) }
  } finally {
    rmSync(cache, { recursive: true, force: true })
  }
}

function probed({ base, size, batch, tiny }: BenchSettings, script: string, cache: string): Probe {
  const sizes = [`--base=${base}`, `--size=${size}`, `--batch=${batch}`, ...(tiny ? ['--tiny'] : [])]
  const { BILEVEL_CACHE: _, ...environment } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--probe', ...sizes], {
    encoding: 'utf8',
    env: { ...environment, XDG_CACHE_HOME: cache },
  })
  if (status !== 0)
    throw failure('bench.probe', `a process that compiles must end with 0, got ${status}: ${stderr.trim()}`)
  return JSON.parse(stdout) as Probe
}
