// SPDX-License-Identifier: Apache-2.0
// The JavaScript peers of the lab, with the roles and events of ours: node js_peer.js ROLE OPTIONS
'use strict'
const { createRequire } = require('node:module')
const net = require('node:net')
const path = require('node:path')

const [role, json] = process.argv.slice(2)
const options = JSON.parse(json)
const fromPackages = createRequire(path.join(options.packages, 'package.json'))
const DHT = fromPackages('hyperdht')

const bootstrap = options.bootstrap ? [options.bootstrap] : []
const relayThrough = options.through ? Buffer.from(options.through.key, 'hex') : null

function say (event, more = {}) { console.log(JSON.stringify({ event, ...more })) }

function pathOf (socket) {
  const host = socket.rawStream.remoteHost
  if (host === options.through?.address) return 'relayed'
  return /^(192\.168|10|100\.64)\./.test(host) ? 'lan' : 'direct'
}

/** Joins both until one of them is over. */
function join (local, socket) {
  local.on('error', () => {})
  socket.on('error', (error) => { socket.reason = error.code || error.message })
  socket.on('open', () => {
    say('connection', { path: pathOf(socket) })
    socket.rawStream.on('remote-changed', () => say('path', { path: pathOf(socket) }))
  })
  socket.on('close', () => {
    say('closed', { reason: socket.reason || '' })
    local.destroy()
  })
  local.on('close', () => socket.destroy())
  local.pipe(socket).pipe(local)
}

const ROLES = {
  async node () {
    const dht = bootstrap.length === 0
      ? DHT.bootstrapper(options.port, options.address)
      : new DHT({ bootstrap, port: options.port, ephemeral: false, firewalled: false })
    await dht.fullyBootstrapped()
    say('ready')
  },

  async server () {
    const dht = new DHT({ bootstrap })
    let refusals = options.refusals || 0 // of punches
    const server = dht.createServer({ relayThrough, holepunch: () => refusals-- <= 0 }, (socket) => {
      join(net.connect({ path: options.service, allowHalfOpen: true }), socket)
    })
    const keys = DHT.keyPair()
    await server.listen(keys)
    say('listening', { publicKey: keys.publicKey.toString('hex') })
  },

  async client () {
    const dht = new DHT({ bootstrap })
    await dht.fullyBootstrapped()
    const listener = net.createServer({ allowHalfOpen: true }, (local) => {
      join(local, dht.connect(Buffer.from(options.key, 'hex'), { relayThrough }))
    })
    listener.listen(options.local, () => say('ready'))
  },

  async relay () {
    const relay = fromPackages('blind-relay')
    const dht = new DHT({ bootstrap })
    const relays = new relay.Server({ createStream: (opts) => dht.createRawStream({ ...opts, framed: true }) })
    const server = dht.createServer((socket) => {
      socket.on('error', () => {})
      relays.accept(socket, { id: socket.remotePublicKey }).on('error', () => {})
    })
    const keys = DHT.keyPair()
    await server.listen(keys)
    say('relaying', { publicKey: keys.publicKey.toString('hex') })
  }
}

ROLES[role]()
