/** The Python that the PyTorch programs run in: as it is installed, with nothing set that helps or hinders either side. */
import { spawnSync } from 'node:child_process'
import { deviceError, failure } from '../../src/base/index.ts'

/** A Python that has PyTorch. */
export interface Python {
  readonly command: string
  readonly torch: string
  /** What multiplies: the instructions that it found, and whether oneDNN is in. */
  readonly build: string
}

/** Variables of the surroundings that change how either side runs: threads, allocator, instructions that are pretended. */
const TUNING =
  /^(OMP_|MKL_|OPENBLAS_|GOTO_|KMP_|ONEDNN_|DNNL_|MALLOC_|LD_PRELOAD$|ATEN_|TORCH_|NUMEXPR_|GLIBC_TUNABLES$)/

export const plainEnvironment = (environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !TUNING.test(name)))

const ASK = `
import json, torch
onednn = "oneDNN" if torch.backends.mkldnn.is_available() else "no oneDNN"
print(json.dumps({"torch": torch.__version__, "build": torch.backends.cpu.get_cpu_capability() + ", " + onednn}))
`

/**
 * @param candidates commands, the first that has PyTorch is taken
 * @throws `bench.python` (kind `device`) if none has it, with what to install
 */
export function pythonAmong(candidates: readonly string[]): Python {
  for (const command of candidates) {
    const { status, stdout } = spawnSync(command, ['-c', ASK], { encoding: 'utf8', env: plainEnvironment() })
    if (status === 0) return { command, ...(JSON.parse(stdout) as Omit<Python, 'command'>) }
  }
  throw deviceError(
    'bench.python',
    `the comparison needs a Python with PyTorch, ${candidates.join(' and ')} ${candidates.length > 1 ? 'have' : 'has'} none; leave PYTHON out, so that ` +
      'an environment with the pinned one is made, or name one that has it: PYTHON=/path/to/python3',
  )
}

/** Whether it has all of these modules. */
export const has = ({ command }: Python, modules: readonly string[]): boolean =>
  spawnSync(command, ['-c', `import ${modules.join(', ')}`], { env: plainEnvironment() }).status === 0

/** What one of our PyTorch programs says. @throws `bench.peer` with its own words if it fails */
export function runPeer<Said>({ command }: Python, argv: readonly string[]): Said {
  const { status, stdout, stderr } = spawnSync(command, argv, { encoding: 'utf8', env: plainEnvironment() })
  if (status === 0) return JSON.parse(stdout) as Said
  throw failure('bench.peer', `${command} ${argv.join(' ')} must end with 0, got ${status}: ${stderr.trim()}`)
}
