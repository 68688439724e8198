// SPDX-License-Identifier: Apache-2.0
// Blind relays of either kind between peers of either kind. Everybody is on loopback, so direct paths are
// forbidden where a relay is to be seen at work, and the peers take themselves for firewalled: who is open
// is dialled directly, whatever relay is named.
'use strict'
const crypto = require('node:crypto')
const DHT = require('hyperdht')
const relay = require('blind-relay')
const t = require('../support/harness')
const peers = require('./peers')
const { Driver } = require('./driver')

const MEGABYTE = 1024 * 1024
const FIREWALLED = { quickFirewall: false, ephemeral: true }
const NO_DIRECT_SERVER = { shareLocalAddress: false, holepunch: () => false }
const NO_DIRECT_CLIENT = { localConnection: false, fastOpen: false, holepunch: () => false }

/** By who makes it: the key of a relay. */
const RELAYS = {
  async hsfwd (net) {
    const program = t.hsfwd(['node', '--relay', '--name', 'relay', '--bootstrap', net.bootstrap, '--host', '127.0.0.1', '--json'])
    return Buffer.from((await program.event('relaying')).publicKey, 'hex')
  },
  async JavaScript (net) {
    const node = peers.node(net)
    const relays = new relay.Server({ createStream: (options) => node.createRawStream({ ...options, framed: true }) })
    const server = node.createServer((socket) => {
      socket.on('error', () => {})
      relays.accept(socket, { id: socket.remotePublicKey }).on('error', () => {})
    })
    await server.listen()
    return server.publicKey
  }
}

/** A server of JavaScript that sends back what it gets. */
async function javascriptServer (net, options) {
  const server = peers.node(net, FIREWALLED).createServer({ ...NO_DIRECT_SERVER, ...options }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  await server.listen()
  return server.publicKey
}

/** What comes back of `data`, over a connection of JavaScript that ends. */
async function roundTrip (net, key, options, data) {
  const socket = peers.node(net, FIREWALLED).connect(key, { ...NO_DIRECT_CLIENT, ...options })
  const all = t.readAll(socket)
  socket.end(data)
  return t.within(30000, 'the data to come back', all)
}

const BY = { client: 'the client', server: 'the server', both: 'both' }

for (const kind of Object.keys(RELAYS)) {
  for (const named of Object.keys(BY)) {
    t.test(`relay of ${kind}, named by ${BY[named]}: JavaScript to JavaScript`, async () => {
      const net = await peers.ownNetwork()
      const relayThrough = await RELAYS[kind](net)
      const key = await javascriptServer(net, named === 'client' ? {} : { relayThrough })
      const data = crypto.randomBytes(2 * MEGABYTE)
      const back = await roundTrip(net, key, named === 'server' ? {} : { relayThrough }, data)
      t.equal(t.sha256(back), t.sha256(data), 'what comes back')
    })

    t.test(`relay of ${kind}, named by ${BY[named]}: hsfwd to JavaScript`, async () => {
      const net = await peers.ownNetwork()
      const relayThrough = await RELAYS[kind](net)
      const key = await javascriptServer(net, named === 'client' ? {} : { relayThrough })
      const driver = await Driver.start(net, { ephemeral: 1, walled: true })
      const { path } = await driver.ask('connect', 0, { as: 'a', key, direct: false, relays: [], ...(named === 'server' ? {} : { relayThrough }) })
      t.equal(path, 'relayed', 'path')
      const data = crypto.randomBytes(MEGABYTE / 4)
      await driver.ask('write', 0, { socket: 'a', data })
      await t.until(() => driver.received('a').length === data.length, 'the data to come back')
      t.ok(driver.received('a').equals(data), 'what comes back is what was sent')
    })

    t.test(`relay of ${kind}, named by ${BY[named]}: JavaScript to hsfwd`, async () => {
      const net = await peers.ownNetwork()
      const relayThrough = await RELAYS[kind](net)
      const driver = await Driver.start(net, { ephemeral: 1, walled: true })
      const seed = crypto.randomBytes(32)
      await driver.ask('listen', 0, { as: 'server', seed, direct: false, ...(named === 'client' ? {} : { relayThrough }) })
      const socket = peers.node(net, FIREWALLED).connect(DHT.keyPair(seed).publicKey,
        { ...NO_DIRECT_CLIENT, ...(named === 'server' ? {} : { relayThrough }) })
      t.cleanups.push(() => socket.destroy())
      socket.on('error', () => {})
      const data = crypto.randomBytes(MEGABYTE / 4)
      socket.write(data)
      const { socket: id, path } = await driver.program.event('connection')
      t.equal(path, 'relayed', 'path')
      await t.until(() => driver.received(id).length === data.length, 'the data to arrive')
      t.ok(driver.received(id).equals(data), 'what arrives is what was sent')
      const answer = t.within(10000, 'the answer', new Promise((resolve) => socket.once('data', resolve)))
      await driver.ask('write', 0, { socket: id, data: Buffer.from('heard') })
      t.equal((await answer).toString(), 'heard', 'answer')
    })
  }
}

t.test('a relay of hsfwd lets in whom it is told to', async () => {
  const net = await peers.ownNetwork()
  const welcome = DHT.keyPair()
  const program = t.hsfwd(['node', '--relay', '--name', 'relay', '--allow', welcome.publicKey.toString('hex'),
    '--bootstrap', net.bootstrap, '--host', '127.0.0.1', '--json'])
  const relayThrough = Buffer.from((await program.event('relaying')).publicKey, 'hex')
  const stranger = peers.node(net).connect(relayThrough)
  const refused = new Promise((resolve) => stranger.on('error', (error) => resolve(error.code)))
  t.equal(await t.within(20000, 'the refusal', refused), 'PEER_CONNECTION_FAILED', 'error')
  const guest = peers.node(net).connect(relayThrough, { keyPair: welcome })
  guest.on('error', () => {})
  await t.within(20000, 'the connection', new Promise((resolve) => guest.once('open', resolve)))
  guest.destroy()
})
