import { describe, expect, it } from 'vitest'
import { progressDisplay } from './progressDisplay.ts'

function shown(isTTY: boolean, columns = 60) {
  const text: string[] = []
  let now = 100
  const screen = { isTTY, columns, write: (part: string) => text.push(part) > 0 }
  const display = progressDisplay(screen, () => now)
  return {
    display,
    text,
    at: (seconds: number, done: number) => {
      now = 100 + seconds
      display.show({ phase: 'train', done, total: 4000, detail: 'training step 7' })
    },
  }
}

describe('progress', () => {
  it('on a terminal is one line, drawn again, no wider than the screen, with rate and time left', () => {
    const { display, text, at } = shown(true)
    at(0, 0)
    at(10, 1000)
    const [, last] = text
    expect(last.startsWith('\r\u001b[2K[######------------------] 25% train, ')).toBe(true)
    expect(last.slice(5).length).toBeLessThan(60)
    const wide = shown(true, 200)
    wide.at(0, 0)
    wide.at(10, 1000)
    expect(wide.text[1]).toContain('25% train, 30 s left, 100 evaluations/s: training step 7')
    display.log('a line')
    expect(text.slice(2)).toEqual(['\r\u001b[2K', 'a line\n', last])
    display.end()
    expect(text.at(-1)).toBe('\r\u001b[2K')
  })

  it('elsewhere is a plain line every 15 seconds', () => {
    const { display, text, at } = shown(false)
    for (let second = 0; second <= 40; second++) at(second, second * 50)
    expect(text).toEqual([
      '18% train, 1 min 05 s left, 50 evaluations/s: training step 7\n',
      '37% train, 50 s left, 50 evaluations/s: training step 7\n',
    ])
    display.log('a line')
    display.end()
    expect(text.slice(2)).toEqual(['a line\n'])
  })

  it('of a phase whose end nobody knows says what it does, and no share or time', () => {
    const { display, text } = shown(true, 200)
    display.show({ phase: 'read', done: 0, total: 0, detail: 'photos' })
    expect(text[0]).toMatch(/\] read: photos$/)
  })

  it('of a resumed run does not count what was there before', () => {
    const { text, at } = shown(true, 200)
    at(0, 3000)
    at(10, 3100)
    expect(text[1]).toContain('1 min 30 s left, 10 evaluations/s')
  })
})
