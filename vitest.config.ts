import { defineConfig } from 'vitest/config'

/** Where continuous integration wants the counts as JSON. */
const report = process.env.BILEVEL_TEST_REPORT

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    maxWorkers: 2,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
})
