/**
 * The browser's entry of the package: bundled from the packed tarball by an ordinary bundler, and run in headless Chromium on onnxruntime-web, where it
 * must find what Node finds.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filled, randomStream, sizeOf } from '../src/base/index.ts'
import { loadModel, readSamplingSchedule } from '../src/diffusion/files/index.ts'
import { compileDenoiser, generate } from '../src/diffusion/index.ts'
import type { Answer, Question } from './corePage.fixture.ts'
import { installedPackage } from './installed.fixture.ts'

const MODEL = 'assets/models/digits-16'
const ORT = 'node_modules/onnxruntime-web/dist'
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', process.env.CHROME ?? '']
const browser = CHROMIUM.find((path) => path && existsSync(path))

const SHAPE = [2, 1, 16, 16]
const question: Question = {
  shape: SHAPE,
  data: [...randomStream({ seed: 3, purpose: 'test.core' }).normal(new Float32Array(sizeOf(SHAPE)))],
  time: 500,
  classes: [3, 8],
}

let home = ''
let script = ''
let modules: Readonly<Record<string, { readonly code: string | null }>> = {}
let imports: readonly string[] = []
beforeAll(async () => {
  ;({ home } = installedPackage(['onnxruntime-web']))
  // A file of the stranger's: from this folder the package would be this folder.
  copyFileSync('test/corePage.fixture.ts', join(home, 'page.ts'))
  const bundle = await rolldown({ cwd: home, input: join(home, 'page.ts'), platform: 'browser', logLevel: 'silent' })
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
  await bundle.close()
  ;({ code: script, modules, imports } = output[0])
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

test('bundled for a browser, the package is whole and nothing of Node is left', () => {
  const own = join(realpathSync(home), 'node_modules', 'bilevel-diffusion', 'dist')
  const ids = Object.keys(modules)
  expect(ids).toContain(join(own, 'diffusion', 'denoisers', 'compiledDenoiser.js'))
  expect(ids).toContain(join(own, 'runtime', 'web', 'engine.js'))
  expect(ids.filter((id) => /\bruntime\/node\b|\bonnxruntime-node\b/.test(id))).toEqual([])
  expect(imports).toEqual([])
  // onnxruntime-web asks for Node's modules where it runs in Node, past any bundler.
  const others = Object.entries(modules).filter(([id]) => !id.includes('onnxruntime-web'))
  expect(others.length).toBeGreaterThan(100)
  expect(others.filter(([, { code }]) => /["'`]node:/.test(code ?? '')).map(([id]) => id)).toEqual([])
})

/** Serves the page, its script and files, and gives what the page posts. */
async function inBrowser(command: string): Promise<Answer> {
  const profile = mkdtempSync(join(tmpdir(), 'bilevel-chromium-'))
  let answered = (_: string): void => undefined
  const answer = new Promise<string>((tell) => {
    answered = tell
  })
  const page = '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>'
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(request.url ?? '/')
    if (path === '/answer') {
      let body = ''
      for await (const part of request) body += part
      response.end()
      return answered(body)
    }
    const [type, content] = ((): [string, string | Uint8Array | undefined] => {
      if (path === '/') return ['text/html', page]
      if (path === '/page.js') return ['text/javascript', script]
      if (path === '/question.json') return ['application/json', JSON.stringify(question)]
      const [, room, file] = /^\/(model|ort)\/([\w./+-]+)$/.exec(path) ?? []
      const local = join(room === 'ort' ? ORT : MODEL, file ?? '')
      const kind = /\.m?js$/.test(path) ? 'text/javascript' : /\.wasm$/.test(path) ? 'application/wasm' : 'text/plain'
      return [kind, file && existsSync(local) ? readFileSync(local) : undefined]
    })()
    response.writeHead(content === undefined ? 404 : 200, { 'content-type': type }).end(content)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-port=0']
  const child = spawn(command, [...flags, `--user-data-dir=${profile}`, `http://127.0.0.1:${port}/`], {
    detached: true,
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  try {
    const found = await Promise.race([
      answer,
      ended.then(([code]) => Promise.reject(new Error(`the browser ended with ${code}`))),
    ])
    const { error, ...rest } = JSON.parse(found) as Answer & { readonly error?: string }
    if (error !== undefined) throw new Error(error)
    return rest
  } finally {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await ended
    server.closeAllConnections()
    server.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

describe.skipIf(!browser)(`in a browser (${browser ?? 'none is installed: chromium'})`, () => {
  test('the shipped model predicts, is differentiated and makes images as in Node', async () => {
    const found = await inBrowser(browser ?? '')
    const { network, state, noiseSchedule } = await loadModel(MODEL)
    const denoiser = await compileDenoiser({ network, state, batch: 2, binding: 'bound' })
    const x = filled(SHAPE, 0)
    x.data.set(question.data)
    const condition = Int32Array.from(question.classes)
    const truth = await denoiser.predict(x, question.time, condition)
    const { dx } = await denoiser.vjp(x, question.time, condition, x)
    const file = join(MODEL, 'schedules', 'dpm-solver++-5', 'sampling_schedule.json')
    const { schedule, settings } = readSamplingSchedule(readFileSync(file, 'utf8'), file)
    const { images } = await generate({ denoiser, schedule, settings, count: 2, seed: 0, condition })
    await denoiser.dispose()
    const furthest = (a: ArrayLike<number>, b: ArrayLike<number>) => {
      expect(a.length).toBe(b.length)
      return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0)
    }
    expect(Math.max(...truth.data)).toBeGreaterThan(0.5)
    expect(furthest(found.prediction, truth.data)).toBeLessThan(1e-4)
    expect(furthest(found.dx, dx.data)).toBeLessThan(1e-4)
    expect(furthest(found.images, images.data)).toBeLessThan(1e-3)
    expect(found.timesteps).toBe(noiseSchedule.timesteps)
  })
})
