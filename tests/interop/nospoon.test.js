// SPDX-License-Identifier: Apache-2.0
// A private network with a peer that speaks nospoon's framing over the real hyperdht, in both roles.
'use strict'
const crypto = require('node:crypto')
const DHT = require('hyperdht')
const t = require('../support/harness')
const { Host, unavailable } = require('../support/hosts')
const { Spoon } = require('./spoon')

t.skipAllIf(unavailable())

const SERVER = [10, 0, 0, 1]
const CLIENT = [10, 0, 0, 2]

let started = null
const theHost = () => (started = started || Host.start('home'))

/** A node of JavaScript in this namespace, at the other end of the wire. */
function node (host) {
  const [address, port] = host.bootstrap.split(':')
  const dht = new DHT({ bootstrap: [{ host: address, port: Number(port) }] })
  t.cleanups.push(() => dht.destroy({ force: true }))
  return dht
}

const opened = (socket) => t.within(20000, 'to connect', new Promise((resolve, reject) => {
  socket.once('open', resolve)
  socket.once('error', reject)
}))
const closed = (socket) => t.within(20000, 'the connection to end', new Promise((resolve) => socket.once('close', resolve)))
const peerOf = async (host) => (await host.network()).peers[0]

/** A service that says one thing; its port. */
const greeter = (host) => host.call(({ net, keep }) => new Promise((resolve) => {
  const service = net.createServer((socket) => socket.on('error', () => {}).end('a service'))
  service.listen(0, '127.0.0.1', () => { keep(service); resolve(service.address().port) })
}))

t.test('a client of a nospoon server: connected before anything is sent, again after an end, and pings both ways', async () => {
  const host = await theHost()
  const keys = DHT.keyPair()
  const spoon = new Spoon(SERVER)
  let onConnection = null
  const next = () => t.within(20000, 'a connection', new Promise((resolve) => { onConnection = resolve }))
  const server = node(host).createServer((socket) => onConnection(spoon.take(socket)))
  await server.listen(keys)

  let arrived = next()
  await host.up(`[peer.vpn]\nkey = "${keys.publicKey.toString('hex')}"\naddress = "10.0.0.1"\nnospoon = "server"\n` +
    '[tun]\npeers = "vpn"\naddress = "10.0.0.2/24"')
  let socket = await arrived
  t.equal(socket.remotePublicKey.toString('hex'), host.publicKey, 'the key that it connects with')
  t.ok(await host.ping('10.0.0.1'), 'a ping to the server')
  t.ok(await host.ping('10.0.0.1', '-s', '1372', '-M', 'do'), 'a ping of 1400 bytes')
  t.ok(!await host.ping('10.0.0.1', '-s', '1373', '-M', 'do', '-W', '2'), 'one of 1401 bytes that may not be cut')
  await t.within(10000, 'an answer', spoon.ping(socket, CLIENT))

  const peer = await peerOf(host)
  t.equal(`${peer.nospoon} ${peer.state} ${peer.path} ${peer.addresses}`, 'server open direct 10.0.0.1', 'the status')
  arrived = next()
  socket.destroy()
  socket = await arrived
  t.ok(await host.ping('10.0.0.1'), 'a ping over the next connection')
})

t.test('a server of nospoon clients: by their keys, and whatever else is exposed; garbage ends the connection', async () => {
  const host = await theHost()
  const keys = DHT.keyPair(crypto.randomBytes(32))
  const spoon = new Spoon(CLIENT)
  const port = await greeter(host)
  await host.up(`[[expose]]\nservices = ["greet=${port}"]\n[peer.phone]\nkey = "${keys.publicKey.toString('hex')}"\naddress = "10.0.0.2"\nnospoon = "client"\n` +
    '[tun]\npeers = "phone"\naddress = "10.0.0.1/24"')
  await host.running.event('listening')
  const dht = node(host)
  const connect = async () => {
    const socket = spoon.take(dht.connect(Buffer.from(host.publicKey, 'hex'), { keyPair: keys }))
    await opened(socket)
    return socket
  }
  let socket = await connect()
  await t.within(10000, 'an answer', spoon.ping(socket, SERVER))
  await t.within(10000, 'an answer', spoon.ping(socket, SERVER, 1372))
  t.ok(await host.ping('10.0.0.2'), 'a ping to the client')

  const over = closed(socket)
  socket.write(Buffer.alloc(100, 0xff))
  await over
  t.ok(!await host.ping('10.0.0.2', '-W', '2'), 'a ping to a client that is gone')
  t.equal((await peerOf(host)).state, 'idle', 'nor is it dialled')
  socket = await connect()
  t.ok(await host.ping('10.0.0.2'), 'a ping to the client that is back')

  // A stranger comes to the service that everybody may reach, and not into the network.
  const stranger = dht.connect(Buffer.from(host.publicKey, 'hex'), { keyPair: DHT.keyPair() })
  stranger.on('error', () => {})
  t.equal(`${await t.within(20000, 'an answer', new Promise((resolve) => stranger.once('data', resolve)))}`, 'a service', 'what it gets')
})

t.test('a nospoon client comes into no service, though the network has no interface', async () => {
  const host = await theHost()
  const keys = DHT.keyPair()
  const port = await greeter(host)
  await host.up(`[[expose]]\nservices = ["greet=${port}"]\n[peer.phone]\nkey = "${keys.publicKey.toString('hex')}"\naddress = "10.0.0.2"\nnospoon = "client"\n` +
    '[tun]\nname = "eth0"\npeers = "phone"\naddress = "10.0.0.1/24"', { ready: false })
  await host.running.event('listening')
  const socket = node(host).connect(Buffer.from(host.publicKey, 'hex'), { keyPair: keys })
  let heard = ''
  socket.on('error', () => {})
  socket.on('data', (data) => { heard += data })
  await closed(socket)
  t.equal(heard, '', 'what it gets')
})
