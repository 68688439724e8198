// SPDX-License-Identifier: Apache-2.0
// Either end of a tunnel is hypertele, the program as npm installs it.
'use strict'
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')
const peers = require('./peers')
const { client, server } = require('./hypertele')

const MEGABYTE = 1024 * 1024

/** Sends `size` bytes of noise, without an end; their checksum. */
async function send (socket, size) {
  const hash = crypto.createHash('sha256')
  for (let sent = 0; sent < size; sent += MEGABYTE) {
    const block = crypto.randomBytes(MEGABYTE)
    hash.update(block)
    if (!socket.write(block)) await new Promise((resolve) => socket.once('drain', resolve))
  }
  return hash.digest('hex')
}

/** Takes `size` bytes; their checksum. */
function take (socket, size) {
  return new Promise((resolve, reject) => {
    const hash = crypto.createHash('sha256')
    let received = 0
    socket.on('data', (data) => {
      hash.update(data)
      received += data.length
      if (received === size) resolve(hash.digest('hex'))
      if (received > size) reject(new Error(`${received - size} bytes too many`))
    })
    socket.on('close', () => reject(new Error(`closed after ${received} bytes`)))
  })
}

/**
 * Both ends send and take at once, and end when they have everything: hypertele-server throws away what
 * it has not sent yet when its service closes.
 */
async function transferBothWays (open) {
  const size = 100 * MEGABYTE
  let served
  const { port } = await t.service((socket) => {
    served = Promise.all([send(socket, size), take(socket, size)])
    socket.on('end', () => socket.end())
  })
  const socket = await t.connect(await open(port))
  const start = Date.now()
  const [up, down] = await t.within(150000, 'the transfer', Promise.all([send(socket, size), take(socket, size)]))
  const [sentDown, cameUp] = await served
  const seconds = (Date.now() - start) / 1000
  t.equal(cameUp, up, 'checksum of what went up')
  t.equal(down, sentDown, 'checksum of what came down')
  const ended = new Promise((resolve) => socket.on('end', resolve))
  socket.end()
  await t.within(10000, 'the end', ended)
  return `200 MB in ${seconds.toFixed(1)} s`
}

for (const by of ['hsfwd testnet', 'hyperdht']) {
  t.test(`network of ${by}: hypertele to expose, 100 MB each way`, async () => {
    const net = await peers.NETWORKS[by]()
    return transferBothWays(async (port) => (await client(net, (await peers.expose(net, [port])).key)).port)
  })

  t.test(`network of ${by}: connect to hypertele-server, 100 MB each way`, async () => {
    const net = await peers.NETWORKS[by]()
    return transferBothWays(async (port) => (await peers.connect(net, (await server(net, port)).key)).port)
  })
}

t.test('50 connections at once through one hypertele, and through one hypertele-server', async () => {
  const net = await peers.ownNetwork()
  const echo = await t.service((socket) => socket.pipe(socket))
  const ours = await peers.expose(net, [echo.port])
  const theirs = await server(net, echo.port)
  const ports = [(await client(net, ours.key)).port, (await peers.connect(net, theirs.key)).port]
  for (const port of ports) {
    await t.within(60000, 'all connections', Promise.all(Array.from({ length: 50 }, async (_, i) => {
      const socket = await t.connect(port)
      const said = crypto.randomBytes(100 + i * 997)
      const heard = t.readAll(socket)
      socket.end(said)
      t.ok((await heard).equals(said), `connection ${i} hears what it said`)
    })))
  }
})

t.test('a hypertele-server that stands still for a while is asked whether it is there, and lives', async () => {
  const net = await peers.ownNetwork()
  const echo = await t.service((socket) => socket.pipe(socket))
  const theirs = await server(net, echo.port)
  const ours = await peers.connect(net, theirs.key, ['-v'])
  const talk = async () => {
    const socket = await t.connect(ours.port)
    const heard = t.readAll(socket)
    socket.end('hello')
    t.equal(`${await t.within(20000, 'the answer', heard)}`, 'hello', 'the answer')
  }
  await talk()
  const silent = await t.connect(ours.port)
  silent.on('error', () => {})
  silent.write('hello')
  await t.within(20000, 'the answer', new Promise((resolve) => silent.once('data', resolve)))
  process.kill(theirs.program.child.pid, 'SIGSTOP')
  silent.write('are you there?')
  await t.until(() => ours.program.stderr.includes('has it moved'), 'the question')
  process.kill(theirs.program.child.pid, 'SIGCONT')
  await talk()
  t.equal(theirs.program.code, undefined, 'what the server ended with')
})

t.test('half close: the answer comes after the own end, through either', async () => {
  const net = await peers.ownNetwork()
  const oracle = await t.service((socket) => {
    let question = ''
    socket.on('data', (data) => { question += data })
    socket.on('end', () => setTimeout(() => socket.end(question.toUpperCase()), 300))
  })
  const ours = await peers.expose(net, [oracle.port])
  const theirs = await server(net, oracle.port)
  for (const port of [(await client(net, ours.key)).port, (await peers.connect(net, theirs.key)).port]) {
    const socket = await t.connect(port)
    const answer = t.readAll(socket)
    socket.end('why?')
    t.equal((await answer).toString(), 'WHY?', 'the answer')
  }
})

t.test('who is let in: --allow refuses a random hypertele, and takes one of that identity', async () => {
  const net = await peers.ownNetwork()
  const hello = await t.service((socket) => socket.end('hello'))
  const friend = require('hyperdht').keyPair(crypto.randomBytes(32))
  const identity = path.join(t.scratch, 'friend.json')
  fs.writeFileSync(identity, JSON.stringify({
    publicKey: friend.publicKey.toString('hex'), secretKey: friend.secretKey.toString('hex')
  }))
  const { key } = await peers.expose(net, [hello.port], ['--allow', friend.publicKey.toString('hex')])
  const welcome = await t.connect((await client(net, key, ['-i', identity])).port)
  t.equal((await t.readAll(welcome)).toString(), 'hello', 'the friend hears')
  welcome.end()
  const stranger = await t.connect((await client(net, key)).port)
  await t.within(30000, 'the stranger to be refused', t.readAll(stranger).then(
    (heard) => t.equal(heard.toString(), '', 'what the stranger hears'), () => {}))
})

t.test('what a hypertele-server does not have is said at the start: services by name, and SOCKS to anywhere', async () => {
  const net = await peers.ownNetwork()
  const hello = await t.service((socket) => socket.end('hello'))
  const { key } = await server(net, hello.port)
  for (const [words, said] of [[['-L', '0:web'], /^the peer is a plain one, without named services; leave the name out; listening anyway$/],
    [['-D', '0'], /^the peer is a plain one, and leads to its one service only: SOCKS clients get nowhere else through it; listening anyway$/]]) {
    const program = t.hsfwd(['connect', key, ...words, '--bootstrap', net.bootstrap, '--json'])
    const { message } = await program.event('error', { timeout: 30000 })
    t.ok(said.test(message), message)
    await program.kill()
  }
})

/** A file of this case, kept to its owner. */
function secretFile (name, content) {
  const file = path.join(fs.mkdtempSync(path.join(t.scratch, 'case-')), name)
  fs.writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 })
  return file
}

async function hears (port, wanted, what) {
  const socket = await t.connect(port)
  t.equal((await t.within(20000, 'an answer', t.readAll(socket))).toString(), wanted, what)
  socket.end()
}

t.test('--private: who has the seed of a hypertele-server connects, by either way of writing it', async () => {
  const net = await peers.ownNetwork()
  const hello = await t.service((socket) => socket.end('hello'))
  const { key, seed } = await server(net, hello.port, { more: ['--private'] })
  const shared = secretFile('shared.json', { seed })
  await hears((await peers.connect(net, `@${shared}`)).port, 'hello', 'with hypertele\'s configuration as PEER')
  const identity = secretFile('seed', seed)
  const named = t.hsfwd(['connect', key.replace(/\W/g, ''), '-L', '0', '--identity', identity, '--bootstrap', net.bootstrap, '--json'])
  await hears(Number((await named.event('ready')).listen.split(':').pop()), 'hello', 'with the seed as identity')
})

t.test('expose --private lets in hypertele --private with its seed, and nobody else', async () => {
  const net = await peers.ownNetwork()
  const hello = await t.service((socket) => socket.end('hello'))
  const seed = crypto.randomBytes(32).toString('hex')
  const { key } = await peers.expose(net, [hello.port], ['--private', '--identity', secretFile('shared.json', { seed })])
  await hears((await client(net, seed, ['--private'])).port, 'hello', 'who has the seed')
  const stranger = await t.run(['pipe', key, '--bootstrap', net.bootstrap], { input: '' })
  t.equal(stranger.code, 69, `who knows the public key only: ${stranger.stderr}`)
})

t.test('files of hypertele: an identity on our side, a configuration with a seed and whom it allows, one with a peer', async () => {
  const net = await peers.ownNetwork()
  const hello = await t.service((socket) => socket.end('hello'))
  const friend = require('hyperdht').keyPair(crypto.randomBytes(32))
  const hex = (pair) => ({ publicKey: pair.publicKey.toString('hex'), secretKey: pair.secretKey.toString('hex') })
  const identity = secretFile('friend.json', hex(friend))

  // Theirs serves: its configuration names ours, which has an identity of theirs.
  const conf = secretFile('server.json', { allow: [hex(friend).publicKey] })
  const theirs = await server(net, hello.port, { more: ['-c', conf] })
  const peer = secretFile('client.json', { peer: theirs.key })
  const ours = t.hsfwd(['connect', `@${peer}`, '-L', '0', '--identity', identity, '--bootstrap', net.bootstrap, '--json'])
  await hears(Number((await ours.event('ready')).listen.split(':').pop()), 'hello', 'through hypertele-server')
  const stranger = await t.run(['pipe', `@${peer}`, '--bootstrap', net.bootstrap], { input: '' })
  t.equal(stranger.code, 69, `another identity: ${stranger.stderr}`)

  // Ours serves with a configuration of theirs.
  const both = secretFile('both.json', { seed: crypto.randomBytes(32).toString('hex'), allow: [hex(friend).publicKey], keepAlive: 5000 })
  const open = await t.run(['expose', String(hello.port), '--identity', both, '--bootstrap', net.bootstrap])
  t.equal(open.code, 2, `without its list: ${open.stderr}`)
  t.ok(open.stderr.includes('lists who may connect'), open.stderr)
  const { key } = await peers.expose(net, [hello.port], ['--identity', both, '--allow', `@${both}`])
  await hears((await client(net, key, ['-i', identity])).port, 'hello', 'who is on the list')
  const other = await t.run(['pipe', key, '--name', 'other', '--bootstrap', net.bootstrap], { input: '' })
  t.equal(other.code, 69, `who is not: ${other.stderr}`)
})

t.test('hypertele-server --private does not answer a stranger: pipe says so and exits with 69', async () => {
  const net = await peers.ownNetwork()
  const hello = await t.service((socket) => socket.end('hello'))
  const { key } = await server(net, hello.port, { more: ['--private'] })
  const client = await t.run(['pipe', key.replace(/\W/g, ''), '--bootstrap', net.bootstrap], { input: '' })
  t.equal(client.code, 69, `exit code; it said ${client.stderr}`)
  t.equal(client.stdout, '', 'nothing came')
  t.equal(client.stderr.trim().split('\n').length, 1, `one line: ${client.stderr}`)
})
