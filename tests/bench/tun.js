// SPDX-License-Identifier: Apache-2.0
// What two hosts get out of a private network, next to the wire under it and to wireguard-go if that is installed: TCP by
// one stream, back, and by eight; small datagrams; ping, idle and beside a stream. Each is told as it is and as a ratio to
// what it is held against. See README.md.
//
// Usage: HSFWD_BINARY=build/release/hsfwd tests/support/own-network node tests/bench/tun.js [SECONDS [ROUNDS]]
'use strict'
const t = require('../support/harness')
const { Host, unavailable } = require('../support/hosts')
const { MTU, installed, iperf, pings, printTable, wireguard } = require('./compare')

const [, , seconds = '4', rounds = '1'] = process.argv
process.argv.length = 2 // no names of cases
const TIME = ['-t', seconds]

t.skipAllIf(unavailable() || (installed('iperf3') ? '' : 'there is no iperf3'))

const gigabits = (sum) => sum && sum.bits_per_second / 1e9
// Those that arrived.
const kilopackets = (sum) => sum && (sum.packets - sum.lost_packets) / sum.seconds / 1e3

async function pingsUnderLoad (from, to) {
  const load = iperf(from, to, ...TIME)
  await t.sleep(500)
  const millis = await pings(from, to, Math.max(1, (Number(seconds) - 1) * 20), 0.05)
  await load
  return millis
}

const COLUMNS = [
  ['TCP, Gbit/s', async (a, b) => gigabits(await iperf(a, b, ...TIME))],
  ['back', async (a, b) => gigabits(await iperf(a, b, ...TIME, '-R'))],
  ['eight', async (a, b) => gigabits(await iperf(a, b, ...TIME, '-P', '8'))],
  ['100-byte UDP, 1,000/s', async (a, b) => kilopackets(await iperf(a, b, ...TIME, '-u', '-b', '0', '-l', '100'))],
  ['ping, ms', (a, b) => pings(a, b, 200, 0.01)],
  ['beside a stream', pingsUnderLoad]
]

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
  printTable(COLUMNS.map(([name]) => name), figures, 'hsfwd')
})
