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

const ours = (...args) => [t.BINARY, ...args, '--json']
const identity = () => ['--identity', scratchPath('key')]
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

/** Two hosts of a private network, each with its `address`. `through` as in KINDS. */
async function startNetwork (hosts, { bootstrap, through } = {}) {
  const members = await Promise.all(hosts.map(async (host) => {
    const file = scratchPath('key')
    const { stdout } = await t.run(['keygen', '--identity', file, '--json'])
    // Of interfaces to come; those of the lab have none.
    await host.namespace.ask('sysctl -q -w net.ipv6.conf.default.disable_ipv6=0')
    return { ...JSON.parse(stdout), host, file }
  }))
  await Promise.all(members.map(async (member, i) => {
    const [command, ...args] = ours('tun', members[1 - i].key, '--identity', member.file, '--bootstrap', bootstrap, ...relayed(through))
    member.program = member.host.program(command, args)
    member.stop = () => member.program.kill('SIGKILL')
    await member.program.event('ready', { timeout: START_TIMEOUT })
  }))
  return members
}

const lastOf = (program, field) => program.events.map((event) => event[field]).filter(Boolean).pop()

/** What became of pings until one is answered, as timeToFirstByte() tells it. */
async function timeToFirstPong (from, to, timeout) {
  const start = performance.now()
  const since = () => performance.now() - start
  while (since() < timeout) {
    // It fails at once while there is nobody to be found, as just after the start.
    const ping = from.host.program('ping', ['-n', '-c', '1', '-W', '10', to.address])
    if (await ping.exited === 0) return { ok: true, took: since(), path: lastOf(from.program, 'path') }
    await t.sleep(200)
  }
  return { ok: false, took: since(), reason: lastOf(from.program, 'reason') || 'no reason given' }
}

/** What a script in JavaScript writes that runs at a member's, with these words. */
async function runAt (member, does, ...words) {
  const program = member.host.program(process.execPath, ['-e', `(${does})(...process.argv.slice(1))`, ...words])
  const code = await program.exited
  if (code !== 0) throw new Error(`a script ended with ${code}: ${program.stderr}`)
  return program.text()
}

/** The address that one member's network has for the other's name. */
function lookUp (from, to) {
  return runAt(from, (name) => {
    const resolver = new (require('node:dns').promises.Resolver)()
    resolver.setServers(['fdae:7d21:d73d::53'])
    resolver.resolve6(name).then(([address]) => process.stdout.write(address))
  }, `${to.key}.hsfwd`)
}

/** Megabytes from one member to the other by TCP; the MD5 sums of what left and what arrived. */
async function carry (from, to, megabytes) {
  const received = runAt(to, (address) => {
    const sum = require('node:crypto').createHash('md5')
    const server = require('node:net').createServer((socket) => {
      socket.on('data', (data) => sum.update(data))
      socket.on('end', () => {
        process.stdout.write(sum.digest('hex'))
        server.close()
        socket.end()
      })
    }).listen(7001, address)
  }, to.address)
  const sent = await runAt(from, (address, megabytes) => {
    const net = require('node:net')
    const sum = require('node:crypto').createHash('md5')
    const chunk = require('node:crypto').randomBytes(1 << 20)
    const pour = async (socket) => {
      for (let i = 0; i < Number(megabytes); i++) {
        chunk.writeUInt32LE(i)
        sum.update(chunk)
        await new Promise((resolve) => socket.write(Buffer.from(chunk), resolve))
      }
      process.stdout.write(sum.digest('hex'))
      socket.end()
    }
    // The other side may not listen yet.
    const attempt = () => net.connect(7001, address).on('error', () => setTimeout(attempt, 200)).on('connect', function () { pour(this) })
    attempt()
  }, to.address, String(megabytes))
  return { sent, received: await received }
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

module.exports = { KINDS, carry, greet, hasJavaScript, lookUp, startClient, startNetwork, startNode, startRelay, startServer, timeToFirstByte, timeToFirstPong }
