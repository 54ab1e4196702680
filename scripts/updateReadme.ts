/**
 * Puts into README.md and docs/guide what they quote from elsewhere: the examples, word for word, the tables of comparisons, and the table of a run of `quick`; and into
 * assets/models/README.md the tables of the models' records.
 *
 *     npm run readme
 *     npm run readme -- OTHER_RESULT.json
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { GUIDE_PAGES, withComparisons, withExamples, withModelTables, withTable } from './readmeParts.ts'

const [, , results = 'docs/results/quick.json'] = process.argv
const comparisonOf = (name: string) => JSON.parse(readFileSync(`docs/results/compare/${name}.json`, 'utf8'))
for (const page of GUIDE_PAGES) {
  writeFileSync(page, withComparisons(withExamples(readFileSync(page, 'utf8')), comparisonOf))
}
writeFileSync('README.md', withTable(readFileSync('README.md', 'utf8'), JSON.parse(readFileSync(results, 'utf8'))))
const models = 'assets/models'
const recordOf = (name: string) => JSON.parse(readFileSync(`${models}/${name}/record.json`, 'utf8'))
writeFileSync(`${models}/README.md`, withModelTables(readFileSync(`${models}/README.md`, 'utf8'), recordOf))
