/** docs/schedulers.md agrees with the reader. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readScheduler } from './diffusersScheduler.ts'
import { classRows, schedulerPage } from './schedulerTable.ts'

const gold = JSON.parse(readFileSync('test/gold/schedulerClasses.json', 'utf8')) as {
  readonly defaults: Readonly<Record<string, object>>
}

test('docs/schedulers.md is what npm run docs:schedulers writes', () => {
  expect(readFileSync('docs/schedulers.md', 'utf8')).toBe(schedulerPage())
})

test('the page has every class of diffusers, once', () => {
  expect(classRows().map(({ name }) => name)).toEqual(Object.keys(gold.defaults).toSorted())
})

test.each(classRows())('$name is $reading', ({ name, reading }) => {
  const config = { ...gold.defaults[name], _class_name: name }
  const read = () => readScheduler(JSON.stringify(config), 'config.json')
  if (reading === 'refused') expect(read).toThrow(new RegExp(`^config.json: .*${name}`))
  else if (reading === 'read') expect(() => read().planOf({ steps: 5 })).toThrow(/which are not here/)
  else expect(read().planOf({ steps: 5 })).toMatchObject({ className: name, told: { length: 5 } })
})
