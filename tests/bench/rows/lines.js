// SPDX-License-Identifier: Apache-2.0
// Rows about long and narrow lines, in the NAT lab: a forwarded port next to the kernel's TCP without one, by each congestion control
// that there is, and what either makes others wait who send over the same line.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const t = require('../../support/harness')
const ssh = require('../../support/sshd')
const { Lab, unavailable } = require('../../natlab/lab')
const { START_TIMEOUT, ours, scratchPath, startNode } = require('../../natlab/peers')
const { installed, iperfOnce } = require('../compare')

const PORT = 5201
const LOCAL = 6201
const NODES = 5
const PING_INTERVAL = 0.1 // s

// Mbit/s each way, ms there and back, kilobytes that wait at the line, per cent lost each way.
const LINES = [
  { name: 'line_deep', rate: 100, trip: 20, buffer: 1000, loss: 0 },
  { name: 'line_shallow', rate: 100, trip: 20, buffer: 50, loss: 0 },
  { name: 'line_long', rate: 300, trip: 100, buffer: 3750, loss: 0 },
  { name: 'line_lossy', rate: 100, trip: 200, buffer: 2500, loss: 0.5 }
]
const titleOf = ({ rate, trip, buffer, loss }) => `line of ${rate} Mbit/s, ${trip} ms, ${buffer} KB${loss ? `, ${loss} % lost` : ''}`

const CONTROLS = fs.readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ')
  .filter((control) => ['cubic', 'bbr'].includes(control))

let lab = null
let server = null
let client = null

/** Until somebody listens at the port of the client's host. */
const listening = (program) => t.until(async () => {
  if (program.code !== undefined) throw program.failure('it listened')
  return (await client.namespace.ask('ss -ltn')).includes(`:${LOCAL} `)
}, 'the local port', START_TIMEOUT)

// Each begins anew for each measurement, as nothing of the line before is to be remembered: {programs, at, words of iperf3}.
const WAYS = new Map([
  ['hsfwd', async () => {
    const [expose, ...exposeWords] = ours('expose', `bulk=${PORT}`, '--identity', scratchPath('key'), '--bootstrap', lab.bootstrap)
    const exposed = server.program(expose, exposeWords)
    const { publicKey } = await exposed.event('listening', { timeout: START_TIMEOUT })
    await exposed.event('reachability', { timeout: START_TIMEOUT })
    const [connect, ...words] = ours('connect', publicKey, '-L', `${LOCAL}:bulk`, '--identity', scratchPath('key'), '--bootstrap', lab.bootstrap)
    const program = client.program(connect, words)
    await program.event('ready', { timeout: START_TIMEOUT })
    return { programs: [program, exposed], address: '127.0.0.1', port: LOCAL, words: [] }
  }],
  ['ssh -L', async () => {
    const problem = ssh.unavailable()
    if (problem) throw new Error(problem)
    const { server: serving, words } = await ssh.startSshd(server, server.address, server.address)
    const program = client.program('ssh', [...words, '-N', '-L', `${LOCAL}:127.0.0.1:${PORT}`, server.address])
    await listening(program)
    return { programs: [program, serving], address: '127.0.0.1', port: LOCAL, words: [] }
  }],
  ...CONTROLS.map((control) => [`bare, ${control}`, async () =>
    ({ programs: [], address: server.address, port: PORT, words: ['-C', control] })])
])

/** Milliseconds that 95 of 100 pings take at most. */
async function lateness (seconds) {
  await t.sleep(1000) // the beginning of a stream is another matter
  const count = Math.max(5, Math.floor((seconds - 1.5) / PING_INTERVAL))
  const program = client.program('ping', ['-n', '-c', String(count), '-i', String(PING_INTERVAL), '-W', '2', server.address])
  await program.exited
  const took = [...program.text().matchAll(/time=([\d.]+)/g)].map(([, millis]) => Number(millis)).sort((a, b) => a - b)
  return took[Math.floor(0.95 * (took.length - 1))]
}

async function measure (line, start, seconds) {
  lab.core.tell(`delay ${line.trip / 2}\nline ${line.rate} ${line.buffer}\nloss 0`)
  const { programs, address, port, words } = await start()
  lab.core.tell(`loss ${line.loss}`)
  const { sum, other: late } = await iperfOnce({ server, port: PORT }, { client, address, port },
    ['-t', String(seconds), ...words], () => lateness(seconds)).finally(() => Promise.all(programs.map((program) => program.kill('SIGKILL'))))
  return [sum && sum.bits_per_second / 1e6, sum && late - line.trip]
}

const MEASUREMENTS = LINES.map((line) => ({
  rows: [
    // What there is in place of a forwarded port is the kernel's own TCP: it counts. Who leaves the line empty waits for nothing: no merit.
    { name: line.name, title: `${titleOf(line)}: Mbit/s`, bareCounts: true },
    { name: `${line.name}_wait`, title: `${titleOf(line)}: wait, ms`, less: true, compared: false }
  ],
  contestants: [...WAYS.keys()].map((name) => [name, name]),
  measure: (start, seconds) => measure(line, start, seconds)
}))

module.exports = {
  title: 'long and narrow lines',
  lines: true,
  measurements: MEASUREMENTS,
  unavailable: () => {
    if (!installed('iperf3', 'ping', 'ss')) return 'it takes iperf3, ping and ss'
    if (!fs.existsSync(path.join(path.dirname(t.BINARY), 'natlab_internet'))) return 'there is no natlab_internet (scripts/build release natlab_internet)'
    return unavailable()
  },
  open: async () => {
    lab = new Lab()
    await lab.start({ nodes: NODES, startNode: (host, bootstrap) => startNode('hsfwd', host, bootstrap) });
    ({ client, server } = await lab.place('public', 'public'))
    const missing = [['hypertele and holesail', 'they take DHT nodes of their own host only']]
    return { ways: WAYS, missing }
  }
}
