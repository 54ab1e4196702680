/**
 * The command as one file and its thread as another, over what the compiler made of them: a module graph of some five hundred files takes
 * longer to find than to run. The library keeps its modules; packages stay where they are installed.
 */
import { readFileSync } from 'node:fs'

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const names = Object.keys(dependencies)

export default {
  input: ['src/cli/main.ts', 'src/cli/worker.ts'],
  platform: 'node',
  external: (id) => names.some((name) => id === name || id.startsWith(`${name}/`)),
  // Beside each other and no deeper: paths to package.json and assets are found from here.
  output: { dir: 'dist/cli', format: 'esm', chunkFileNames: '[name].part.js' },
}
