/** Fetching from a hub on this machine, and from the cache alone. */
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { neededFiles } from './hubFiles.ts'
import type { TestHub } from './hubServer.fixture.ts'
import { COMMIT, testHub } from './hubServer.fixture.ts'
import { fetchFromHub, hubName, hubOrigin } from './index.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const FILES = {
  'README.md': bytes('# a model'),
  'model_index.json': bytes('{}'),
  'scheduler/scheduler_config.json': bytes('{"beta": 1}'),
  'unet/config.json': bytes('{}'),
  'unet/model.onnx': bytes('the network'),
  'unet/model.onnx_data': bytes('its weights'),
  'unet/diffusion_pytorch_model.bin': bytes('a pickle'),
  'vae_decoder/model.onnx': bytes('the decoder'),
  'safety_checker/model.onnx': bytes('not needed'),
  'other/net.onnx': bytes('alone'),
}

let root: string
let hub: TestHub
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hub-'))
  hub = await testHub(FILES)
})
afterAll(async () => {
  await hub.close()
  await rm(root, { recursive: true })
})

test('names', () => {
  expect(hubName('hf:org/name')).toEqual({ repository: 'org/name', path: '', revision: 'main' })
  expect(hubName('hf:org/na.me/onnx/model.onnx@refs/pr/1')).toEqual({
    repository: 'org/na.me',
    path: 'onnx/model.onnx',
    revision: 'refs/pr/1',
  })
  for (const bad of ['hf:', 'hf:name', 'hf:org/name/../x', 'hf:../name', 'hf:org/name@../x', 'hf:org/name@a@b'])
    expect(() => hubName(bad), bad).toThrow(/named hf:org\/name/)
})

describe('fetching', () => {
  const online = (home: string) => ({ HF_ENDPOINT: `${hub.url}/`, HF_HOME: join(root, home) })

  test('brings what is needed alone, into the shared layout, once, and says nothing on standard output', async () => {
    const debug = vi.spyOn(console, 'debug')
    const notes: string[] = []
    const environment = online('home')
    const ask = () => fetchFromHub('hf:org/name', { wanted: 'model', environment, onNote: (note) => notes.push(note) })
    const folder = await ask()
    expect(folder).toBe(join(root, 'home', 'hub', 'models--org--name', 'snapshots', COMMIT))
    expect(hubOrigin(join(folder, 'unet'))).toEqual({ repository: 'org/name', revision: COMMIT })
    expect(await readFile(join(folder, 'unet', 'model.onnx_data'), 'utf8')).toBe('its weights')
    for (const left of ['README.md', 'safety_checker', 'unet/diffusion_pytorch_model.bin', 'other'])
      await expect(stat(join(folder, left)), left).rejects.toThrow()
    expect(await readFile(join(folder, '..', '..', 'refs', 'main'), 'utf8')).toBe(COMMIT)
    expect(notes.join()).toMatch(/6 files, 0\.0 MiB, of commit c0ffee/)
    expect(debug).not.toHaveBeenCalled()
    const before = hub.requests.length
    expect(await ask()).toBe(folder)
    expect(hub.requests.slice(before).map((request) => request.replace(/\/api.*\//, '/'))).toEqual([
      'GET /main',
      `GET /${COMMIT}`,
    ])
    expect(notes).toHaveLength(1)
  })

  test('offline, or with no hub to reach, what is in the cache is taken', async () => {
    const environment = { ...online('home'), HF_HUB_OFFLINE: '1' }
    const before = hub.requests.length
    const found = await fetchFromHub('hf:org/name', { wanted: 'model', environment })
    expect(found).toContain(COMMIT)
    expect(hub.requests).toHaveLength(before)
    const missing = fetchFromHub('hf:org/other', { wanted: 'model', environment })
    await expect(missing).rejects.toThrow(/offline .* hf:org\/other is not in .*fetch it once online/)
    const notes: string[] = []
    const unreached = { ...environment, HF_HUB_OFFLINE: '', HF_ENDPOINT: 'http://127.0.0.1:1' }
    const ask = (name: string) =>
      fetchFromHub(name, { wanted: 'model', environment: unreached, onNote: (note) => notes.push(note) })
    expect(await ask('hf:org/name')).toBe(found)
    expect(notes).toEqual([expect.stringMatching(/cannot be reached: hf:org\/name is taken as it was fetched before/)])
    await expect(ask('hf:org/other')).rejects.toMatchObject({ code: 'hub.fetch' })
  })

  test('a cache that another program made is used', async () => {
    const repository = join(root, 'theirs', 'models--org--made')
    const snapshot = join(repository, 'snapshots', COMMIT)
    for (const folder of ['blobs', 'refs', `snapshots/${COMMIT}/onnx`])
      await mkdir(join(repository, folder), { recursive: true })
    await writeFile(join(repository, 'blobs', 'a'), 'theirs')
    await symlink('../../../blobs/a', join(snapshot, 'onnx', 'net.onnx'))
    await writeFile(join(repository, 'refs', 'v1'), `${COMMIT}\n`)
    const environment = { HF_HUB_CACHE: join(root, 'theirs'), HF_HUB_OFFLINE: 'true' }
    const path = await fetchFromHub('hf:org/made/onnx/net.onnx@v1', { wanted: 'file', environment })
    expect(await readFile(path, 'utf8')).toBe('theirs')
    await rm(join(repository, 'blobs', 'a'))
    const broken = fetchFromHub('hf:org/made/onnx/net.onnx@v1', { wanted: 'file', environment })
    await expect(broken).rejects.toMatchObject({ code: 'hub.offline' })
  })

  test('a file by its path', async () => {
    const path = await fetchFromHub(`hf:org/name/other/net.onnx@${COMMIT}`, {
      wanted: 'model',
      environment: online('one'),
    })
    expect(await readFile(path, 'utf8')).toBe('alone')
  })

  test('a token goes to the hub, and without one it is said where it goes', async () => {
    const closed = await testHub(FILES, 'hf_right')
    const environment = { HF_ENDPOINT: closed.url, HF_HOME: join(root, 'closed') }
    const ask = (more: object) =>
      fetchFromHub('hf:org/name/other/net.onnx', { wanted: 'model', environment: { ...environment, ...more } })
    await expect(ask({})).rejects.toThrow(/it answered 401: .* HF_TOKEN/)
    await expect(ask({ HF_TOKEN: 'hf_other' })).rejects.toMatchObject({ code: 'hub.fetch' })
    await expect(ask({ HF_TOKEN: 'right' })).rejects.toThrow(/must begin with hf_/)
    expect(await ask({ HF_TOKEN: 'hf_right' })).toContain(COMMIT)
    await closed.close()
    await expect(fetchFromHub('hf:org/else', { wanted: 'model', environment: online('else') })).rejects.toThrow(
      /it answered 404: there is no such repository/,
    )
  })
})

describe('what is needed', () => {
  const of = (paths: readonly string[], wanted: 'model' | 'clip' | 'file' = 'model', path = '') =>
    neededFiles(paths, path, wanted, 'hf:org/name')

  test('of a folder with a native network its safetensors, of a CLIP folder its towers', () => {
    expect(
      of([
        'model_index.json',
        'unet/config.json',
        'unet/diffusion_pytorch_model.safetensors',
        'vae/config.json',
        'a.bin',
      ]),
    ).toEqual(['model_index.json', 'unet/config.json', 'unet/diffusion_pytorch_model.safetensors'])
    expect(
      of(['onnx/vision_model.onnx', 'onnx/text_model.onnx', 'tokenizer.json', 'pytorch_model.bin'], 'clip'),
    ).toEqual(['onnx/vision_model.onnx', 'onnx/text_model.onnx', 'tokenizer.json'])
    expect(of(['a/net.onnx', 'a/net.onnx.data', 'a/net.model.json', 'b'], 'file', 'a/net.onnx')).toEqual([
      'a/net.onnx',
      'a/net.onnx.data',
      'a/net.model.json',
    ])
  })

  test('pickles are refused by name, with what converts them; and what is no model, with what is there', () => {
    expect(() => of(['model_index.json', 'unet/config.json', 'unet/diffusion_pytorch_model.bin'])).toThrow(
      /as the pickle unet\/diffusion_pytorch_model\.bin, which can run code .*safe_serialization=True/,
    )
    expect(() => of(['w.ckpt'], 'file', 'w.ckpt')).toThrow(/pickle w\.ckpt/)
    expect(() => of(['README.md', 'x.txt'])).toThrow(/must hold unet\/model\.onnx .*holds README\.md, x\.txt/)
    expect(() => of(['x.onnx'], 'file')).toThrow(/named with its path/)
    expect(() => of(['reward.js'], 'file', 'reward.js')).toThrow(/code is not fetched/)
  })
})
