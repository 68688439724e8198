// SPDX-License-Identifier: Apache-2.0
// What two hosts get out of a private network, next to the wire under it and to wireguard-go if that is installed: TCP by
// one stream, back, and by eight; small datagrams; ping, idle and beside a stream. Each is told as it is and as a ratio to
// what it is held against. See README.md.
//
// Usage: HSFWD_BINARY=build/release/hsfwd tests/support/own-network node tests/bench/tun.js [SECONDS [ROUNDS]]
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')
const { Host, unavailable } = require('../support/hosts')

const [, , seconds = '4', rounds = '1'] = process.argv
process.argv.length = 2 // no names of cases
const PORT = 51820
const MTU = 1420

const installed = (...programs) => programs.every((program) => {
  try { return execFileSync('sh', ['-c', `command -v ${program}`]).length > 0 } catch { return false }
})
const problem = unavailable() || (installed('iperf3') ? '' : 'there is no iperf3')
if (problem) {
  fs.rmSync(t.scratch, { recursive: true, force: true })
  console.log(`skipped: ${problem}`)
  process.exit(77)
}

function median (numbers) {
  const sorted = numbers.filter((number) => number !== undefined).sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

/** What iperf3 says at its end; nothing if it failed. */
async function iperf (from, to, ...words) {
  const program = from.program('iperf3', ['-c', to, '-t', seconds, '-J', ...words])
  await program.exited
  try {
    const { end } = JSON.parse(program.text())
    return end.sum_received || end.sum
  } catch {
    return undefined
  }
}

const gigabits = (sum) => sum && sum.bits_per_second / 1e9
// Those that arrived.
const kilopackets = (sum) => sum && (sum.packets - sum.lost_packets) / sum.seconds / 1e3

/** Milliseconds, the mean. */
async function pings (from, to, count, interval) {
  const program = from.program('ping', ['-n', '-q', '-c', String(count), '-i', String(interval), to])
  await program.exited
  const found = /= [\d.]+\/([\d.]+)\//.exec(program.text())
  return found ? Number(found[1]) : undefined
}

async function pingsUnderLoad (from, to) {
  const load = iperf(from, to)
  await t.sleep(500)
  const millis = await pings(from, to, Math.max(1, (Number(seconds) - 1) * 20), 0.05)
  await load
  return millis
}

const COLUMNS = [
  ['TCP, Gbit/s', async (a, b) => gigabits(await iperf(a, b))],
  ['back', async (a, b) => gigabits(await iperf(a, b, '-R'))],
  ['eight', async (a, b) => gigabits(await iperf(a, b, '-P', '8'))],
  ['100-byte UDP, 1,000/s', async (a, b) => kilopackets(await iperf(a, b, '-u', '-b', '0', '-l', '100'))],
  ['ping, ms', (a, b) => pings(a, b, 200, 0.01)],
  ['beside a stream', pingsUnderLoad]
]

async function wireguard (a, b) {
  const ends = [[a, '10.60.0.1'], [b, '10.60.0.2']].map(([host, inside]) => {
    const file = path.join(host.folder, 'wireguard')
    fs.writeFileSync(file, execFileSync('wg', ['genkey']), { mode: 0o600 })
    return { host, inside, file, key: execFileSync('wg', ['pubkey'], { input: fs.readFileSync(file) }).toString().trim() }
  })
  const link = (host) => `wg-${host.name}` // the control sockets are in one folder
  const programs = ends.map(({ host }) => host.program('wireguard-go', ['-f', link(host)], { env: { LOG_LEVEL: 'silent' } }))
  for (const [i, { host, inside, file }] of ends.entries()) {
    const other = ends[1 - i]
    await t.until(() => host.sh(`ip link show ${link(host)}; wg show ${link(host)}`).then(() => true, () => false), 'wireguard-go')
    await host.sh(`wg set ${link(host)} listen-port ${PORT} private-key ${file} peer ${other.key} \
      allowed-ips ${other.inside}/32 endpoint ${other.host.wireAddress}:${PORT}
      ip addr add ${inside}/24 dev ${link(host)}; ip link set ${link(host)} up mtu ${MTU}`)
  }
  return { programs, to: ends[1].inside }
}

async function hsfwd (a, b) {
  const programs = [[a, b], [b, a]].map(([host, peer]) => host.hsfwd(
    ['tun', peer.key, '--identity', host.identity, '--bootstrap', host.bootstrap, '--mtu', String(MTU), '--json']))
  for (const program of programs) await program.event('ready')
  await t.until(() => a.ping(b.address), 'the peer')
  return { programs, to: b.address }
}

t.test('what a private network carries', async () => {
  const [a, b] = await Promise.all([Host.start('a'), Host.start('b')])
  const server = b.program('iperf3', ['-s'])
  await t.until(async () => (await b.sh('ss -ltn')).includes(':5201'), 'iperf3')
  const rows = [['the wire', async () => ({ programs: [], to: b.wireAddress })]]
  if (installed('wireguard-go', 'wg')) rows.push(['wireguard-go', wireguard])
  rows.push(['hsfwd', hsfwd])
  const figures = new Map(rows.map(([name]) => [name, COLUMNS.map(() => [])]))
  for (let round = 0; round < Number(rounds); round++) {
    for (const [name, start] of rows) {
      const { programs, to } = await start(a, b)
      for (const [i, [, measure]] of COLUMNS.entries()) figures.get(name)[i].push(await measure(a, to))
      for (const program of programs) await program.kill()
    }
  }
  await server.kill()
  const line = (cells) => console.log(`| ${cells.join(' | ')} |`)
  const show = (number) => number === undefined ? 'failed' : number.toPrecision(3)
  line(['', ...COLUMNS.map(([name]) => name)])
  line(['---', ...COLUMNS.map(() => '---:')])
  const medians = new Map([...figures].map(([name, columns]) => [name, columns.map(median)]))
  for (const [name, columns] of medians) line([name, ...columns.map(show)])
  for (const [name] of rows.slice(0, -1)) {
    line([`hsfwd / ${name}`, ...medians.get('hsfwd').map((number, i) => show(number / medians.get(name)[i]))])
  }
})
