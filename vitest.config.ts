import { defineConfig } from 'vitest/config'

/** Where continuous integration wants the counts as JSON. */
const report = process.env.BILEVEL_TEST_REPORT

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    // Only what hangs is ended: a busy machine may take any time.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    teardownTimeout: 60_000,
    setupFiles: ['test/node.setup.ts'],
    // Tests write to no folder of the user's, and none depends on what another one left there.
    env: { BILEVEL_CACHE: 'off', ORT_DISABLE_TELEMETRY: '1' },
    maxWorkers: 2,
    // A worker keeps its modules from file to file: a third of the time of the tests below src/ went into loading them again.
    isolate: false,
    // Transformed modules are kept between runs: nothing else of a run of a few files takes as long.
    experimental: { fsModuleCache: true },
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
