/**
 * Puts into README.md what it quotes from elsewhere: the examples, word for word, and the table of a run of `quick`; and into
 * assets/models/README.md the tables of the models' records.
 *
 *     npm run readme
 *     npm run readme -- OTHER_RESULT.json
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { withExamples, withModelTables, withTable } from './readmeParts.ts'

const [, , results = 'docs/results/quick.json'] = process.argv
const text = withTable(withExamples(readFileSync('README.md', 'utf8')), JSON.parse(readFileSync(results, 'utf8')))
writeFileSync('README.md', text)
const models = 'assets/models'
const recordOf = (name: string) => JSON.parse(readFileSync(`${models}/${name}/record.json`, 'utf8'))
writeFileSync(`${models}/README.md`, withModelTables(readFileSync(`${models}/README.md`, 'utf8'), recordOf))
