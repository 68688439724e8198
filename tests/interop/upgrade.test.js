// SPDX-License-Identifier: Apache-2.0
// A connection that begins on a blind relay moves to a direct path while bytes flow, and none is lost:
// a wall around the nodes of ours is closed at first, and opened in the middle of the transfer.
'use strict'
const crypto = require('node:crypto')
const DHT = require('hyperdht')
const { Server: BlindRelay } = require('blind-relay')
const t = require('../support/harness')
const peers = require('./peers')
const { Driver } = require('./driver')

const MEGABYTE = 1024 * 1024

/** A network whose ports are all known, and a blind relay on it. */
async function relayNetwork (kind) {
  const net = await peers.ownNetwork(1)
  const members = await Driver.start(net, { persistent: 9 })
  net.ports = [net.port, ...members.nodes.map(({ port }) => port)]
  net.visits = [] // of JavaScript's relay, as long as they last
  if (kind === 'hsfwd') {
    const seed = crypto.randomBytes(32)
    await members.ask('relay', 0, { seed })
    net.relay = DHT.keyPair(seed).publicKey
    return net
  }
  const node = peers.node(net, { ephemeral: false, firewalled: false })
  await node.fullyBootstrapped()
  const blind = new BlindRelay({ createStream: (options) => node.createRawStream({ ...options, framed: true }) })
  t.cleanups.push(() => blind.close())
  const server = node.createServer((socket) => {
    socket.on('error', () => {})
    net.visits.push(socket)
    blind.accept(socket, { id: socket.remotePublicKey }).on('error', () => {})
  })
  await server.listen()
  net.relay = server.publicKey
  net.ports.push(node.address().port)
  return net
}

/** One end of a connection, of either kind: write, what was received, whether it runs directly. */
class Ours {
  constructor (driver, socket) { Object.assign(this, { driver, socket }) }
  write (data) { return this.driver.ask('write', 0, { socket: this.socket, data }) }
  received () { return this.driver.received(this.socket) }
  async direct () { return (await this.driver.ask('path', 0, { socket: this.socket })).path !== 'relayed' }
  async end () { await this.driver.ask('end', 0, { socket: this.socket }) }
}

class Theirs {
  constructor (net, stream) {
    this.net = net
    this.stream = stream
    this.chunks = []
    this.ended = false
    stream.on('error', (error) => { this.error = error })
    stream.on('data', (data) => this.chunks.push(data))
    stream.on('end', () => { this.ended = true })
  }

  write (data) { this.stream.write(data) }
  received () { return Buffer.concat(this.chunks) }
  direct () { return !this.net.ports.includes(this.stream.rawStream.remotePort) }
  end () { this.stream.end() }
}

const SHY = { quickFirewall: false, ephemeral: true }

/**
 * A connection between two kinds whose only path is the relay, as long as the wall is closed; `namedBy`
 * is the side that wants the relay.
 */
async function connection (net, { server, client, namedBy }) {
  const walls = []
  const ours = async () => {
    const driver = await Driver.start(net, { ephemeral: 1, walled: true })
    await driver.ask('wall', 0, { butFor: net.ports })
    walls.push(driver)
    return driver
  }
  const relayFor = (side) => namedBy === side ? { relayThrough: net.relay } : {}
  const seed = crypto.randomBytes(32)
  const { publicKey } = DHT.keyPair(seed)
  let accepted
  if (server === 'hsfwd') {
    const driver = await ours()
    await driver.ask('listen', 0, { seed, as: 'server', ...relayFor('server') })
    accepted = driver.program.event('connection').then(({ socket }) => new Ours(driver, socket))
  } else {
    const options = { shareLocalAddress: false, ...relayFor('server') }
    let taken
    accepted = new Promise((resolve) => { taken = resolve })
    const listening = peers.node(net, SHY).createServer(options, (stream) => taken(new Theirs(net, stream)))
    await listening.listen(DHT.keyPair(seed))
  }
  let dialled
  if (client === 'hsfwd') {
    const driver = await ours()
    await driver.ask('connect', 0, { key: publicKey, as: 'client', ...relayFor('client') })
    dialled = new Ours(driver, 'client')
  } else {
    const options = { localConnection: false, fastOpen: false, ...relayFor('client') }
    const stream = peers.node(net, SHY).connect(publicKey, options)
    dialled = new Theirs(net, stream)
    await t.within(20000, 'the client to open', new Promise((resolve, reject) => { stream.on('open', resolve); stream.on('error', reject) }))
  }
  const open = async () => { for (const driver of walls) await driver.ask('wall', 0) }
  return { ends: [dialled, await t.within(20000, 'the server to hear of it', accepted)], open }
}

/** Writes at a measured pace, in both directions; done when all has come. */
async function flow (ends, size, meanwhile = async () => {}) {
  const data = ends.map(() => crypto.randomBytes(size))
  const before = ends.map((end) => end.received().length)
  const write = async (i) => {
    for (let at = 0; at < size; at += 128 * 1024) {
      await ends[i].write(data[i].subarray(at, at + 128 * 1024))
      await t.sleep(20)
    }
  }
  await Promise.all([write(0), write(1), meanwhile()])
  for (const i of [0, 1]) {
    const heard = () => ends[1 - i].received().subarray(before[1 - i])
    await t.until(() => heard().length >= size, `everything from ${i ? 'the server' : 'the client'}`, 60000)
    t.ok(heard().equals(data[i]), `what comes from ${i ? 'the server' : 'the client'} is what was sent`)
  }
}

const PAIRS = [['hsfwd', 'hsfwd'], ['hsfwd', 'JavaScript'], ['JavaScript', 'hsfwd']]

async function move (kind, { client, server, namedBy }) {
  const net = await relayNetwork(kind)
  const { ends, open } = await connection(net, { client, server, namedBy })
  for (const end of ends) t.ok(!await end.direct(), 'at first it runs through the relay')
  await flow(ends, 10 * MEGABYTE, async () => {
    await t.sleep(500)
    for (const end of ends) t.ok(!await end.direct(), 'it still does')
    await open()
  })
  for (const end of ends) await t.until(() => end.direct(), 'it runs directly', 20000)
  await t.until(() => net.visits.every((socket) => socket.destroyed), 'the relay to be left')
  await flow(ends, MEGABYTE)
  for (const end of ends) await end.end()
}

for (const kind of ['hsfwd', 'JavaScript']) {
  for (const namedBy of ['client', 'server']) {
    t.test(`relay of ${kind}, named by the ${namedBy}: 10 MB each way over the move`, () =>
      t.together(PAIRS.map(([client, server]) => [`${client} to ${server}`, () => move(kind, { client, server, namedBy })])))
  }
}
