#!/usr/bin/env bash
# Node 20 on Linux: `process.resourceUsage().maxRSS` of a small program begins with what its parent had in memory.
# An informed guess: the peak of resident memory of a process is that process's own, so that a program started anew by execFile reports what it needed.
# Seen: a child that does nothing reports the parent's resident memory, as getrusage's ru_maxrss is kept from fork over exec; VmHWM in
# /proc/self/status belongs to the program alone. Measurements of peak memory in child processes are wrong wherever the parent is large.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/child.mjs" <<'JS'
import { readFileSync } from 'node:fs'
const own = Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
console.log(JSON.stringify({ maxRss: process.resourceUsage().maxRSS, own }))
JS
cat > "$work/parent.mjs" <<'JS'
import { execFileSync } from 'node:child_process'
const peaks = () => JSON.parse(execFileSync(process.execPath, [process.argv[2]], { encoding: 'utf8' }))
const before = peaks()
const held = Buffer.alloc(400 * 2 ** 20, 1)
const after = peaks()
const mib = (kib) => Math.round(kib / 1024)
console.log(`Node ${process.version}: a child's maxRSS ${mib(before.maxRss)} MiB, once its parent holds 400 MiB ${mib(after.maxRss)} MiB; its own peak ${mib(after.own)} MiB`)
if (held.length === 0 || mib(after.maxRss) < 400 || mib(after.own) > 200) throw new Error('the peak of a child is its own')
JS
node "$work/parent.mjs" "$work/child.mjs"
