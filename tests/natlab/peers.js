// SPDX-License-Identifier: Apache-2.0
// The programs that run on the hosts of a lab: DHT nodes, servers and clients, ours and in JavaScript,
// used alike. Unix sockets lead out of a namespace, so that services and their users live in the test
// itself: a server leads to a service of the test's, a client listens on a socket of its own.
'use strict'
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const t = require('../support/harness')
const { DHT_PORT } = require('./lab')

const SCRIPT = path.join(__dirname, 'js_peer.js')
const PACKAGES = process.env.HSFWD_JS_PACKAGES || path.join(__dirname, '../interop')
const START_TIMEOUT = 60000

/** Whether the JavaScript peers are installed. */
function hasJavaScript () { return fs.existsSync(path.join(PACKAGES, 'node_modules/hyperdht')) }

/** A command line of ours that says events. */
const ours = (...args) => [t.BINARY, ...args, '--json']
const identity = () => ['--identity', scratchPath('key')]
/** The words of a command line for a relay, if there is one. */
const relayed = (through) => through ? ['--relay-through', through.key] : []
const script = (role, options) => [process.execPath, SCRIPT, role, JSON.stringify({ ...options, packages: PACKAGES })]

/** The command line of each role. `through` is a relay: its key and address. */
const KINDS = {
  hsfwd: {
    node: ({ address, bootstrap }) => ours('node', '--port', String(DHT_PORT),
      ...(bootstrap ? ['--persistent', '--bootstrap', bootstrap] : ['--first', address])),
    relay: ({ bootstrap }) => ours('node', '--relay', ...identity(), '--bootstrap', bootstrap),
    server: ({ bootstrap, service, through }) => ours('expose', `it=unix:${service}`, ...identity(),
      '--bootstrap', bootstrap, ...relayed(through)),
    client: ({ bootstrap, key, local, through }) => ours('connect', key, '-v', '-L', `unix:${local}`, ...identity(),
      '--bootstrap', bootstrap, ...relayed(through))
  },
  js: {
    node: (options) => script('node', { ...options, port: DHT_PORT }),
    relay: (options) => script('relay', options),
    server: (options) => script('server', options),
    client: (options) => script('client', options)
  }
}

let serial = 0
function scratchPath (suffix) { return path.join(t.scratch, `${serial++}.${suffix}`) }

function launch (kind, role, host, options, settings) {
  const [command, ...args] = KINDS[kind][role](options)
  return host.program(command, args, settings)
}

/** Persistent nodes; the first of a network has no `bootstrap`. It says `ready`. */
function startNode (kind, host, bootstrap) {
  return launch(kind, 'node', host, { address: host.address, bootstrap }, { lasting: true })
}

async function startRelay (kind, host, bootstrap) {
  const program = launch(kind, 'relay', host, { bootstrap })
  const { publicKey } = await program.event('relaying', { timeout: START_TIMEOUT })
  return { program, key: publicKey, address: host.address, stop: () => program.kill('SIGKILL') }
}

function greet (socket) {
  socket.write('hello')
  socket.on('data', (data) => socket.write(data))
  socket.on('end', () => socket.end())
}

/**
 * A server that has announced itself; `serve(socket)` for each connection. In JavaScript it can break off
 * as many punches as `refusals` says.
 */
async function startServer (kind, host, { bootstrap, serve = greet, through, refusals } = {}) {
  const service = scratchPath('sock')
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    serve(socket)
  })
  await new Promise((resolve) => listener.listen(service, resolve))
  const program = launch(kind, 'server', host, { bootstrap, service, through, refusals })
  const stop = async () => {
    await program.kill('SIGKILL')
    listener.close()
  }
  t.cleanups.push(stop)
  const { publicKey } = await program.event('listening', { timeout: START_TIMEOUT })
  return { program, key: publicKey, stop }
}

/** A client that has joined the DHT, and connects to the key when it is told to. */
async function startClient (kind, host, { bootstrap, key, through } = {}) {
  const local = scratchPath('sock')
  const program = launch(kind, 'client', host, { bootstrap, key, local, through })
  await program.event('ready', { timeout: START_TIMEOUT })
  return {
    program,
    connect: () => net.connect({ path: local, allowHalfOpen: true }),
    /** Along what the last connection runs, and why it ended. */
    path: () => program.events.filter((event) => event.path).map((event) => event.path).pop(),
    reason: () => program.events.filter((event) => event.event === 'closed').map((event) => event.reason).pop(),
    stop: () => program.kill('SIGKILL')
  }
}

/**
 * What became of a wish for a connection: {ok, took, path} with the milliseconds to the server's first
 * byte, or {ok: false, took, reason}.
 */
async function timeToFirstByte (client, timeout) {
  const start = performance.now()
  const socket = client.connect()
  const ok = await t.within(timeout, 'the first byte', new Promise((resolve) => {
    socket.on('error', () => {})
    socket.once('data', () => resolve(true))
    socket.once('end', () => resolve(false))
    socket.once('close', () => resolve(false))
  })).catch(() => undefined)
  const took = performance.now() - start
  // What the client says of it may come a little later.
  await t.sleep(50)
  socket.destroy()
  if (ok) return { ok, took, path: client.path() }
  return { ok: false, took, reason: ok === undefined ? 'no verdict' : client.reason() || 'no reason given' }
}

module.exports = {
  KINDS, START_TIMEOUT, greet, hasJavaScript, ours, relayed, scratchPath, startClient, startNode, startRelay, startServer, timeToFirstByte
}
