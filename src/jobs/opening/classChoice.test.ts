/** Which class an image is asked to be. */
import { expect, test } from 'vitest'
import { classNumber, classOfImage, withClassNames } from './classChoice.ts'
import type { OpenedModel } from './openedModel.ts'

type Opened = Pick<OpenedModel, 'conditional' | 'classes' | 'nullClass'>
const folder = (classes: number | undefined, nullClass = classes): Opened => ({
  conditional: classes !== undefined,
  classes,
  nullClass,
})
/** As diffusers counts classes. */
const withoutNull: Opened = { ...folder(3), nullClass: undefined }
const file = (conditional: boolean): Opened => ({
  conditional,
  classes: undefined,
  nullClass: undefined,
})
const firstFour = (classOf: ReturnType<typeof classOfImage>) => classOf && [0, 1, 2, 3].map(classOf)

test('the classes in turn: as many as the model knows, else as the data have', () => {
  expect(firstFour(classOfImage(folder(3), null))).toEqual([0, 1, 2, 0])
  expect(firstFour(classOfImage(folder(3), null, 2))).toEqual([0, 1, 2, 0])
  expect(firstFour(classOfImage(file(true), null, 2))).toEqual([0, 1, 0, 1])
})

test('a class by its name in the data', () => {
  const named = { ...folder(3), classNames: ['cat', 'dog', 'owl'] }
  expect(firstFour(classOfImage(named, 'dog'))).toEqual([1, 1, 1, 1])
  expect(classNumber(named, 'owl')).toBe(2)
  expect(classNumber(named, 'unconditional')).toBe('unconditional')
  expect(() => classNumber(named, 'dgo')).toThrow(
    /one of its names \(cat, dog, owl\), or 'unconditional'; got 'dgo'.*'dog'/,
  )
  expect(() => classOfImage(folder(3), 'dog')).toThrow(/a number, as nothing here names the classes/)
  expect(() => classOfImage(folder(undefined), 'dog')).toThrow(
    /this model knows no classes, got class dog; leave it out/,
  )
})

test('names of the data for a model without, where they are as many and more than numbers', () => {
  const names = ['cat', 'dog', 'owl']
  expect(withClassNames(folder(3), names)).toMatchObject({ classNames: names })
  expect(withClassNames(file(true), names)).toMatchObject({ classNames: names })
  const own = { ...folder(3), classNames: ['a', 'b', 'c'] }
  expect(withClassNames(own, names)).toBe(own)
  for (const [model, given] of [
    [folder(2), names],
    [folder(undefined), names],
    [folder(3), ['0', '1', '2']],
    [folder(3), []],
    [folder(3), undefined],
  ] as const)
    expect(withClassNames(model, given)).toBe(model)
})

test('one class, the null class, or none', () => {
  expect(firstFour(classOfImage(folder(3), 2))).toEqual([2, 2, 2, 2])
  expect(firstFour(classOfImage(withoutNull, 2))).toEqual([2, 2, 2, 2])
  expect(firstFour(classOfImage(withoutNull, null))).toEqual([0, 1, 2, 0])
  expect(firstFour(classOfImage(file(true), 7, 2))).toEqual([7, 7, 7, 7])
  expect(classOfImage(folder(3), 'unconditional')).toBeUndefined()
  for (const opened of [folder(undefined), file(false)]) {
    expect(classOfImage(opened, null, 10)).toBeUndefined()
    expect(classOfImage(opened, 'unconditional', 10)).toBeUndefined()
  }
})

test.each([
  ['a class the model does not have', folder(3), 3, undefined, /0 to 2; got 3/],
  ['a class for a model without any', folder(undefined), 1, 10, /knows no classes, got class 1/],
  ['a file that needs one, and data without labels', file(true), null, 0, /give one with --class/],
  [
    'the null class of a model without one',
    withoutNull,
    'unconditional',
    10,
    /0 to 2; got unconditional, but it has no null/,
  ],
  ['the null class of a file', file(true), 'unconditional', 10, /give one with --class.*got unconditional/],
] as const)('refused: %s', (_, opened, wanted, ofTheData, message) => {
  expect(() => classOfImage(opened, wanted, ofTheData)).toThrow(message)
})
