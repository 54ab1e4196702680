/** A hub on this machine: the few endpoints that fetching a model takes, over a table of files. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sha256 } from '../base/index.ts'

export const COMMIT = 'c0ffee'.padEnd(40, '0')

export interface TestHub {
  readonly url: string
  /** Every request, as `METHOD /path`. */
  readonly requests: string[]
  close(): Promise<void>
}

/**
 * Serves `files` as `org/name` at branch main.
 * @param token only who brings it may read
 */
export async function testHub(files: Readonly<Record<string, Uint8Array>>, token?: string): Promise<TestHub> {
  const requests: string[] = []
  const oid = (path: string) => sha256(files[path]).slice(0, 40)
  const entry = (path: string) => ({ type: 'file', path, size: files[path].length, oid: oid(path) })
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://hub')
    requests.push(`${request.method} ${pathname}`)
    const json = (value: unknown) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify(value))
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      return response.writeHead(401).end()
    }
    if (pathname === '/api/models/org/name/revision/main') {
      return json({ _id: '1', id: 'org/name', sha: COMMIT, lastModified: '2026-01-01T00:00:00Z' })
    }
    if (pathname === `/api/models/org/name/tree/${COMMIT}`) return json(Object.keys(files).map(entry))
    if (pathname === `/api/models/org/name/paths-info/${COMMIT}`) {
      let body = ''
      request.on('data', (part: Buffer) => {
        body += part.toString()
      })
      request.on('end', () => {
        const { paths } = JSON.parse(body) as { readonly paths: readonly string[] }
        const last = { id: COMMIT, title: 'all', date: '2026-01-01T00:00:00Z' }
        json(paths.filter((path) => path in files).map((path) => ({ ...entry(path), lastCommit: last })))
      })
      return
    }
    const path = decodeURIComponent(pathname).replace(`/org/name/resolve/${COMMIT}/`, '')
    if (!(path in files)) return response.writeHead(404, { 'X-Error-Code': 'EntryNotFound' }).end()
    const bytes = files[path]
    response.setHeader('ETag', `"${oid(path)}"`)
    const range = request.headers.range?.match(/bytes=(\d+)-(\d+)/)
    if (!range) return response.setHeader('Content-Length', bytes.length).end(bytes)
    const [first, last] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)]
    response.writeHead(206, { 'Content-Range': `bytes ${first}-${last}/${bytes.length}` })
    return response.end(bytes.subarray(first, last + 1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
