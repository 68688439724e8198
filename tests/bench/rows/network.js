// SPDX-License-Identifier: Apache-2.0
// Rows about a private network between two hosts, next to wireguard-go and to the wire under both.
'use strict'
const t = require('../../support/harness')
const { Host, unavailable } = require('../../support/hosts')
const { MTU, installed, iperf, pings, wireguard } = require('../compare')

const COLUMNS = ['hsfwd', 'wireguard-go', 'bare']

let hosts = []

const gigabits = (sum) => sum && sum.bits_per_second / 1e9
// Those that arrived.
const kilopackets = (sum) => sum && (sum.packets - sum.lost_packets) / sum.seconds / 1e3

async function hsfwd (a, b) {
  const programs = [[a, b], [b, a]].map(([host, peer]) => host.hsfwd(
    ['tun', peer.key, '--identity', host.identity, '--bootstrap', host.bootstrap, '--mtu', String(MTU), '--json']))
  for (const program of programs) await program.event('ready')
  await t.until(() => a.ping(b.address), 'the peer')
  return b.address
}

// Where `b` is for `a`. All stay up side by side.
const WAYS = {
  hsfwd,
  'wireguard-go': async (a, b) => {
    if (!installed('wireguard-go', 'wg')) throw new Error('it takes wireguard-go and wireguard-tools')
    const { to } = await wireguard(a, b)
    await t.until(() => a.ping(to), 'the peer')
    return to
  },
  bare: async (a, b) => b.wireAddress
}

const row = (name, title, measure, less) => ({
  rows: [{ name, title, less }],
  contestants: COLUMNS.map((column) => [column, column]),
  measure: async (to, seconds) => [await measure(...hosts, to, ['-t', String(seconds)], seconds)]
})

const MEASUREMENTS = [
  row('network', 'network: TCP to the peer, Gbit/s', async (a, b, to, time) => gigabits(await iperf(a, to, ...time))),
  row('network_back', 'network: TCP from the peer, Gbit/s', async (a, b, to, time) => gigabits(await iperf(a, to, ...time, '-R'))),
  row('network_eight', 'network: TCP, eight streams, Gbit/s', async (a, b, to, time) => gigabits(await iperf(a, to, ...time, '-P', '8'))),
  row('network_packets', 'network: UDP of 100 bytes that arrives, 1,000/s', async (a, b, to, time) =>
    kilopackets(await iperf(a, to, ...time, '-u', '-b', '0', '-l', '100'))),
  row('network_ping', 'network: ping, idle, mean, ms', (a, b, to) => pings(a, to, 200, 0.01), true),
  row('network_ping_busy', 'network: ping beside a stream, mean, ms', async (a, b, to, time, seconds) => {
    const [millis] = await Promise.all([
      t.sleep(500).then(() => pings(a, to, Math.max(5, Math.floor((seconds - 0.8) * 20)), 0.05)), iperf(a, to, ...time)])
    return millis
  }, true)
]

module.exports = {
  title: 'a private network',
  measurements: MEASUREMENTS,
  unavailable: () => installed('iperf3', 'ss') ? unavailable() : 'it takes iperf3 and ss',
  open: async () => {
    hosts = await Promise.all([Host.start('a'), Host.start('b')])
    const [a, b] = hosts
    b.program('iperf3', ['-s'])
    await t.until(async () => (await b.sh('ss -ltn')).includes(':5201'), 'iperf3')
    const ways = new Map()
    const missing = []
    for (const [name, start] of Object.entries(WAYS)) {
      try { ways.set(name, await start(a, b)) } catch (error) { missing.push([name, error.message.split('\n')[0]]) }
    }
    return { ways, missing }
  }
}
