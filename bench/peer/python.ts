/** The Python that the PyTorch programs run in, at its best: both cores, OpenBLAS, and memory that is kept instead of returned. */
import { spawnSync } from 'node:child_process'
import { deviceError, failure } from '../../src/base/index.ts'

/** A Python that has PyTorch. */
export interface Python {
  readonly command: string
  readonly torch: string
  /** Path of the library that multiplies matrices, as far as it can be told. */
  readonly blas: string
}

/** Debian's own comes first: it is where its packages are. */
const CANDIDATES = ['/usr/bin/python3', 'python3']

/** Pages given back to the system and asked for again cost PyTorch up to a third of its time. */
const ALLOCATOR = { MALLOC_TRIM_THRESHOLD_: '10000000000', MALLOC_MMAP_THRESHOLD_: '10000000000' }

const ASK = `
import json, torch
torch.ones(64, 64) @ torch.ones(64, 64)
paths = {line.split()[-1] for line in open("/proc/self/maps") if "/" in line}
blas = sorted(path for path in paths if "blas" in path or "mkl" in path)
print(json.dumps({"torch": torch.__version__, "blas": ", ".join(blas) or "inside PyTorch"}))
`

/**
 * @param given the one to use; else `PYTHON`, else Debian's, else the first on the path
 * @throws `bench.python` (kind `device`) if none has PyTorch, with what to install
 */
export function findPython(given = process.env.PYTHON): Python {
  const candidates = given === undefined ? CANDIDATES : [given]
  for (const command of candidates) {
    const { status, stdout } = spawnSync(command, ['-c', ASK], { encoding: 'utf8' })
    if (status === 0) return { command, ...(JSON.parse(stdout) as Omit<Python, 'command'>) }
  }
  throw deviceError(
    'bench.python',
    `the comparison needs a Python with PyTorch, ${candidates.join(' and ')} ${candidates.length > 1 ? 'have' : 'has'} none; install one ` +
      '(on Debian: apt-get install --no-install-recommends python3-torch libopenblas0) or name it: PYTHON=/path/to/python3',
  )
}

/** What one of our PyTorch programs says. @throws `bench.peer` with its own words if it fails */
export function runPeer<Said>({ command }: Python, argv: readonly string[]): Said {
  const { status, stdout, stderr } = spawnSync(command, argv, {
    encoding: 'utf8',
    env: { ...process.env, ...ALLOCATOR },
  })
  if (status === 0) return JSON.parse(stdout) as Said
  throw failure('bench.peer', `${command} ${argv.join(' ')} must end with 0, got ${status}: ${stderr.trim()}`)
}
