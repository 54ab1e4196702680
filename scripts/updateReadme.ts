/**
 * Puts into README.md what it quotes from elsewhere: the examples, word for word, and the table of a run of `quick`.
 *
 *     npm run readme
 *     npm run readme -- OTHER_RESULT.json
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { withExamples, withTable } from './readmeParts.ts'

const [, , results = 'docs/results/quick.json'] = process.argv
const text = withTable(withExamples(readFileSync('README.md', 'utf8')), JSON.parse(readFileSync(results, 'utf8')))
writeFileSync('README.md', text)
