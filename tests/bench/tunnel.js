// SPDX-License-Identifier: Apache-2.0
// hsfwd next to hypertele, and plain loopback TCP for reference, on this machine in one run: throughput
// each way, time to the first byte, resident memory. They take turns, so that what else the machine does
// meets them alike; the medians are told.
//
// Usage: HSFWD_BINARY=build/release/hsfwd node tests/bench/tunnel.js [MEGABYTES [ROUNDS]]
// after: npm ci --ignore-scripts --prefix tests/interop
'use strict'
const path = require('node:path')
const t = require('../support/harness')
const peers = require('../interop/peers')
const hypertele = require('../interop/hypertele')

const MEGABYTE = 1024 * 1024
const [, , megabytes = '256', rounds = '5'] = process.argv
process.argv.length = 2 // no names of cases
const SIZE = Number(megabytes) * MEGABYTE
const ROUNDS = Number(rounds)
const DIALS = 10

/** Speaks first: a byte; then does as the first byte it gets says: d sends SIZE bytes, u takes them and answers a byte. */
function serve (socket) {
  socket.setNoDelay(true)
  socket.write('!')
  let received = 0
  socket.once('data', (data) => {
    if (data[0] === 'd'.charCodeAt(0)) { send(socket); return }
    received = data.length - 1
    socket.on('data', (data) => {
      received += data.length
      if (received === SIZE) socket.write('!')
    })
  })
  socket.on('end', () => socket.end())
}

async function send (socket) {
  const block = Buffer.alloc(256 * 1024, 7)
  for (let sent = 0; sent < SIZE; sent += block.length) {
    if (!socket.write(block)) await new Promise((resolve) => socket.once('drain', resolve))
  }
}

/** A connection whose first byte has come, and how long that took. */
async function dial (port) {
  const start = performance.now()
  const socket = await t.connect(port)
  await t.within(30000, 'the first byte', new Promise((resolve) => socket.once('data', resolve)))
  return { socket, millis: performance.now() - start }
}

async function transfer (tunnel, direction) {
  const { socket } = await dial(tunnel.port)
  const start = performance.now()
  const wanted = direction === 'd' ? SIZE : 1
  let received = 0
  const all = new Promise((resolve, reject) => {
    socket.on('data', (data) => {
      received += data.length
      if (received === wanted) resolve()
    })
    socket.on('close', () => reject(new Error(`${tunnel.name}: closed after ${received} bytes`)))
  })
  const watch = setInterval(() => tunnel.sample(), 20)
  socket.write(direction)
  if (direction === 'u') send(socket)
  await t.within(300000, `${tunnel.name}: the transfer`, all)
  clearInterval(watch)
  const seconds = (performance.now() - start) / 1000
  socket.end()
  await new Promise((resolve) => socket.once('close', resolve))
  return SIZE / MEGABYTE / seconds
}

class Tunnel {
  constructor (name, port, server, client, coldStart) {
    Object.assign(this, { name, port, coldStart, peak: [0, 0] })
    this.programs = [server, client]
    this.idle = this.memory()
    for (const figure of ['down', 'up', 'dial', 'cold']) this[figure] = []
  }

  memory () { return this.programs.map((program) => program ? t.residentMemory(program.pid()) / MEGABYTE : 0) }
  sample () { this.memory().forEach((memory, i) => { this.peak[i] = Math.max(this.peak[i], memory) }) }
}

function median (values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : NaN
}

/** From the start of a client's process to the first byte through it. */
async function cold (startClient) {
  const start = performance.now()
  const { program, port } = await startClient()
  const { socket } = await dial(port)
  const millis = performance.now() - start
  socket.destroy()
  await program.kill()
  return millis
}

t.test('tunnels', async () => {
  const net = await peers.ownNetwork()
  const { port } = await t.service(serve)
  const seed = require('node:crypto').randomBytes(32).toString('hex')

  const exposed = await peers.expose(net, [port])
  const ours = () => peers.connect(net, exposed.key)
  const theirServer = await hypertele.server(net, port, { seed })
  const theirs = () => hypertele.client(net, theirServer.key)
  const [ourClient, theirClient] = [await ours(), await theirs()]
  await t.sleep(2000)
  const tunnels = [
    new Tunnel('plain TCP', port, null, null, null),
    new Tunnel('hypertele', theirClient.port, theirServer.program, theirClient.program, theirs),
    new Tunnel('hsfwd', ourClient.port, exposed.program, ourClient.program, ours)
  ]

  for (const tunnel of tunnels) (await dial(tunnel.port)).socket.destroy()
  for (let round = 0; round < ROUNDS; round++) {
    for (const tunnel of tunnels) {
      for (let i = 0; i < DIALS; i++) {
        const { socket, millis } = await dial(tunnel.port)
        tunnel.dial.push(millis)
        socket.destroy()
      }
      if (tunnel.coldStart) tunnel.cold.push(await cold(tunnel.coldStart))
    }
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const tunnel of tunnels) {
      tunnel.down.push(await transfer(tunnel, 'd'))
      tunnel.up.push(await transfer(tunnel, 'u'))
    }
  }

  const [, hypertelesOwn, hsfwds] = tunnels
  const rows = [
    ['MB/s from the service', (tunnel) => median(tunnel.down), 'more'],
    ['MB/s to the service', (tunnel) => median(tunnel.up), 'more'],
    ['ms to first byte, running client', (tunnel) => median(tunnel.dial), 'less'],
    ['ms to first byte, client started', (tunnel) => median(tunnel.cold), 'less'],
    ['MB resident, idle, server', (tunnel) => tunnel.idle[0], 'less'],
    ['MB resident, idle, client', (tunnel) => tunnel.idle[1], 'less'],
    ['MB resident, at most, server', (tunnel) => tunnel.peak[0], 'less'],
    ['MB resident, at most, client', (tunnel) => tunnel.peak[1], 'less']
  ]
  const cell = (value) => (value ? value.toFixed(1) : '-').padStart(11)
  console.log(`\n${SIZE / MEGABYTE} MB a transfer, medians of ${ROUNDS} rounds\n`)
  console.log(''.padEnd(34) + tunnels.map(({ name }) => name.padStart(11)).join('') + '  hsfwd is better'.padStart(18))
  for (const [title, figure, better] of rows) {
    const ratio = better === 'more' ? figure(hsfwds) / figure(hypertelesOwn) : figure(hypertelesOwn) / figure(hsfwds)
    console.log(title.padEnd(34) + tunnels.map((tunnel) => cell(figure(tunnel))).join('') + `${ratio.toFixed(1)} times`.padStart(18))
  }
  console.log()
})
