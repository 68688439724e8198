// SPDX-License-Identifier: Apache-2.0
// Either end of a tunnel is holesail, with its connection strings. Its program runs unmodified but for
// what preload.cjs lends it: it has no option for a network of its own.
'use strict'
const crypto = require('node:crypto')
const dgram = require('node:dgram')
const path = require('node:path')
const t = require('../support/harness')
const peers = require('./peers')

function holesail (net, args) {
  const program = path.join(path.dirname(require.resolve('holesail/package.json')), 'src/bin/holesail.mjs')
  return new t.Program(process.execPath, ['--require', path.join(__dirname, 'holesail/preload.cjs'), program, ...args.map(String)],
    { env: { HOLESAIL_BOOTSTRAP_PORT: String(net.port) } })
}

/** `holesail --live`; its connection string. */
async function live (net, port, more = []) {
  const program = holesail(net, ['--live', port, ...more])
  const { line } = await program.event('line', { matches: ({ line }) => line.includes('hs://') })
  return /hs:\/\/\w+/.exec(line)[0]
}

/** `holesail --connect`; its local port. */
async function dial (net, url) {
  const port = await t.freePort()
  const program = holesail(net, ['--connect', url, '--port', port])
  await program.event('line', { matches: ({ line }) => line.includes('hs://') })
  // It says so a moment before it listens.
  await t.until(() => t.connect(port).then((socket) => { socket.destroy(); return true }, () => false), 'holesail to listen')
  return port
}

/** A UDP socket that answers what it hears, or a client of one. */
async function datagrams (answers) {
  const socket = dgram.createSocket('udp4')
  if (answers) socket.on('message', (message, from) => socket.send(message, from.port, from.address))
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.cleanups.push(() => new Promise((resolve) => socket.close(resolve)))
  return socket
}

/** `holesail --connect --udp`, whose record may say nothing of it; its local port. */
async function dialUdp (net, url) {
  const port = await t.freePort()
  const program = holesail(net, ['--connect', url, '--port', port, '--udp', '--host', '127.0.0.1'])
  await program.event('line', { matches: ({ line }) => line.includes('hs://') })
  return port
}

/** Datagrams of several programs come back, each to whom it was said to; asked again until they do. */
async function udpEchoes (port) {
  for (const program of [await datagrams(), await datagrams()]) {
    const heard = []
    program.on('message', (message) => heard.push(message))
    for (const size of [5, 1400, 8000, 60000]) {
      const said = crypto.randomBytes(size)
      await t.until(async () => {
        program.send(said, port, '127.0.0.1')
        for (let i = 0; i < 25 && !heard.some((message) => message.equals(said)); ++i) await t.sleep(20)
        return heard.some((message) => message.equals(said))
      }, `${size} bytes to come back`)
    }
  }
}

async function ask (port) {
  const socket = await t.connect(port)
  const heard = await t.within(20000, 'an answer', t.readAll(socket))
  socket.end()
  return heard.toString()
}

/** Ends only when all is back: holesail throws away what it has not sent yet when its service closes. */
async function echoes (port) {
  const socket = await t.connect(port)
  const said = crypto.randomBytes(3 * 1024 * 1024)
  let heard = Buffer.alloc(0)
  const complete = new Promise((resolve, reject) => {
    socket.on('data', (data) => {
      heard = Buffer.concat([heard, data])
      if (heard.length >= said.length) resolve()
    })
    socket.on('close', () => reject(new Error(`closed after ${heard.length} bytes`)))
  })
  socket.write(said)
  await t.within(30000, 'the echo', complete)
  t.ok(heard.equals(said), 'hears what it said')
  const ended = new Promise((resolve) => socket.on('end', resolve))
  socket.end()
  await t.within(10000, 'the end', ended)
}

for (const by of ['hsfwd testnet', 'hyperdht']) {
  t.test(`network of ${by}: connect and pipe to a public holesail`, async () => {
    const net = await peers.NETWORKS[by]()
    const hello = await t.service((socket) => socket.end('hello'))
    const url = await live(net, hello.port, ['--public'])
    t.ok(url.startsWith('hs://0000'), `a public string: ${url}`)
    t.equal(await ask((await peers.connect(net, url)).port), 'hello', 'through connect')
    const pipe = await t.run(['pipe', url, '--bootstrap', net.bootstrap], { input: '' })
    t.equal(pipe.stdout, 'hello', `through pipe, which said ${pipe.stderr}`)
  })

  t.test(`network of ${by}: connect to a secure holesail, which takes nobody else`, async () => {
    const net = await peers.NETWORKS[by]()
    const echo = await t.service((socket) => socket.pipe(socket))
    const url = await live(net, echo.port)
    t.ok(url.startsWith('hs://s000'), `a secure string: ${url}`)
    await echoes((await peers.connect(net, url)).port)
    const { publicKey } = require('hyperdht').keyPair(seedOf(url))
    const stranger = await t.run(['pipe', publicKey.toString('hex'), '--bootstrap', net.bootstrap], { input: '' })
    t.equal(stranger.code, 69, 'exit code of one who knows the public key only')
  })

  t.test(`network of ${by}: holesail to expose, public and secure`, async () => {
    const net = await peers.NETWORKS[by]()
    const echo = await t.service((socket) => socket.pipe(socket))
    const { program, key } = await peers.expose(net, [echo.port])
    await echoes(await dial(net, 'hs://0000' + require('z32').encode(Buffer.from(key, 'hex'))))
    await program.kill()

    const url = 'hs://s000' + crypto.randomBytes(32).toString('hex')
    const own = require('hyperdht').keyPair(seedOf(url))
    const secure = t.hsfwd(['expose', String(echo.port), '--identity', '-', '--allow', own.publicKey.toString('hex'),
      '--bootstrap', net.bootstrap, '--json'], { stdin: 'pipe' })
    secure.child.stdin.end(seedOf(url).toString('hex') + '\n')
    t.equal((await secure.event('listening')).publicKey, own.publicKey.toString('hex'), 'the key of the string')
    await echoes(await dial(net, url))
  })

  t.test(`network of ${by}: UDP of holesail, exposed by either`, async () => {
    const net = await peers.NETWORKS[by]()
    const service = await datagrams(true)
    const url = await live(net, service.address().port, ['--udp', '--public'])
    await udpEchoes((await peers.connect(net, url, [], 'udp:0')).port)
    const { key } = await peers.expose(net, [`udp:${service.address().port}`])
    await udpEchoes(await dialUdp(net, 'hs://0000' + require('z32').encode(Buffer.from(key, 'hex'))))
  })
}

function seedOf (url) { return crypto.createHash('sha256').update(url.slice('hs://s000'.length)).digest() }
