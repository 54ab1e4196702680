/**
 * docs/operators.md: which operators of ONNX are read, by the table of importers, the graph's entries and what `npm run proof:operators` found.
 *
 *     npm run docs:operators
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { operatorPage } from './operators/page.ts'

writeFileSync('docs/operators.md', operatorPage(readFileSync('docs/results/operators.json', 'utf8')))
