// SPDX-License-Identifier: Apache-2.0
// One TCP stream over narrow lines of some length, and a ping beside it: as the hosts have it, through wireguard-go if that is
// installed, and through a private network. The congestion controls are those of the hosts' kernel. See README.md.
//
// Usage: HSFWD_BINARY=build/release/hsfwd node tests/bench/tun_wan.js [SECONDS [ROUNDS [WORDS]]]     lines that have the words only
'use strict'
const fs = require('node:fs')
const t = require('../support/harness')
const { Lab, unavailable } = require('../natlab/lab')
const { startNetwork, timeToFirstPong } = require('../natlab/members')
const { startNode } = require('../natlab/peers')
const { installed, iperf, pings, printTable, wireguard } = require('./compare')

const [, , seconds = '10', rounds = '1', words = ''] = process.argv
process.argv.length = 2 // no names of cases

// Mbit/s each way, ms there and back, kilobytes that wait at the line, per cent lost each way.
const LINES = [
  { rate: 100, trip: 20, buffer: 1000, loss: 0 },
  { rate: 100, trip: 20, buffer: 50, loss: 0 },
  { rate: 300, trip: 100, buffer: 3750, loss: 0 },
  { rate: 100, trip: 200, buffer: 2500, loss: 0.5 }
]
const nameOf = ({ rate, trip, buffer, loss }) => `${rate} Mbit/s, ${trip} ms, ${buffer} KB${loss ? `, ${loss} % loss` : ''}`

t.skipAllIf(unavailable() || (installed('iperf3') ? '' : 'there is no iperf3'))
const CONTROLS = fs.readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ')
  .filter((control) => ['cubic', 'bbr'].includes(control))
const COLUMNS = CONTROLS.flatMap((control) => [`${control}, Mbit/s`, 'back', 'ping beside it, ms'])

const megabits = (sum) => sum && sum.bits_per_second / 1e6

/** What there is in COLUMNS. */
async function measure (from, to) {
  const out = []
  for (const control of CONTROLS) {
    const forth = iperf(from, to, '-t', seconds, '-C', control)
    await t.sleep(500)
    const ping = await pings(from, to, Math.max(1, (Number(seconds) - 1) * 10), 0.1)
    out.push(megabits(await forth), megabits(await iperf(from, to, '-t', seconds, '-C', control, '-R')), ping)
  }
  return out
}

t.test('what a private network carries over long and narrow lines', async () => {
  const lab = new Lab()
  await lab.start({ nodes: 5, startNode: (host, bootstrap) => startNode('hsfwd', host, bootstrap) })
  const { client, server } = await lab.place('public', 'public')
  const [a, b] = [[client, 'a'], [server, 'b']].map(([host, name]) => Object.assign(host,
    { name, folder: fs.mkdtempSync(`${t.scratch}/${name}-`), wireAddress: host.address, sh: (script) => host.namespace.ask(script) }))
  const iperfServer = b.program('iperf3', ['-s'])
  await t.until(async () => (await b.sh('ss -ltn')).includes(':5201'), 'iperf3')

  const hsfwd = async () => {
    const [from, to] = await startNetwork([a, b], { bootstrap: lab.bootstrap })
    t.ok((await timeToFirstPong(from, to, 30000)).ok, 'the peer')
    return { programs: [from.program, to.program], to: to.address }
  }
  const rows = [['the wire', async () => ({ programs: [], to: b.wireAddress })]]
  if (installed('wireguard-go', 'wg')) rows.push(['wireguard-go', wireguard])
  rows.push(['hsfwd', hsfwd])

  for (const line of LINES.filter((line) => nameOf(line).includes(words))) {
    const figures = new Map(rows.map(([name]) => [name, COLUMNS.map(() => [])]))
    for (let round = 0; round < Number(rounds); round++) {
      for (const [name, start] of rows) {
        lab.core.tell(`delay ${line.trip / 2}\nline ${line.rate} ${line.buffer}\nloss 0`)
        const { programs, to } = await start(a, b)
        lab.core.tell(`loss ${line.loss}`)
        for (const [i, figure] of (await measure(a, to)).entries()) figures.get(name)[i].push(figure)
        for (const program of programs) await program.kill()
      }
    }
    console.log(`\n${nameOf(line)}:\n`)
    printTable(COLUMNS, figures, 'hsfwd')
  }
  await iperfServer.kill()
})
