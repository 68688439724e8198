// SPDX-License-Identifier: Apache-2.0
// Either end of a tunnel is holesail, with its connection strings.
'use strict'
const crypto = require('node:crypto')
const dgram = require('node:dgram')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const t = require('../support/harness')
const holesail = require('./holesail')
const peers = require('./peers')

// Where a service has a port that its client takes at 127.0.0.1.
const ELSEWHERE = '127.0.0.2'

const live = async (...args) => (await holesail.server(...args)).url
const dial = async (...args) => (await holesail.client(...args)).port

/** A UDP socket that answers what it hears, or a client of one. */
async function datagrams (answers, host = '127.0.0.1', port = 0) {
  const socket = dgram.createSocket('udp4')
  if (answers) socket.on('message', (message, from) => socket.send(message, from.port, from.address))
  await new Promise((resolve) => socket.bind(port, host, resolve))
  t.cleanups.push(() => new Promise((resolve) => socket.close(resolve)))
  return socket
}

/** `holesail --connect --udp`, whose record may say nothing of it; its local port. */
async function dialUdp (net, url) {
  const port = await t.freePort()
  const program = holesail.start(net, ['--connect', url, '--port', port, '--udp', '--host', '127.0.0.1'])
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

/** A service at an address that the client's side of the same machine leaves free, and its port. */
async function elsewhere (answer) {
  const port = await t.freePort()
  const server = net.createServer({ allowHalfOpen: true }, answer)
  await new Promise((resolve) => server.listen(port, ELSEWHERE, resolve))
  t.cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  return port
}

/** `holesail hs://…` with its defaults: what it says it does. */
async function dialByRecord (net, url) {
  const program = holesail.start(net, [url])
  await program.event('line', { matches: ({ line }) => line.includes('hs://') })
  return program
}

/** `hsfwd connect` with nothing but a string; where it listens. */
async function connectByRecord (net, args) {
  const program = t.hsfwd(['connect', ...args, '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  return (await program.event('ready')).listen
}

/** What a server of holesail puts into the DHT, as some program wrote it. */
async function putRecord (net, keys, value, seq = 0) {
  const dht = peers.node(net)
  await dht.mutablePut(keys, Buffer.from(value), { seq })
}

/** `expose --holesail`, of either kind; the string for its clients. */
async function exposed (net, kind, target) {
  const args = ['expose', target, '--holesail', '--bootstrap', net.bootstrap, '--json']
  if (kind === 'public') return (await t.hsfwd(args).event('listening')).holesail
  const url = 'hs://s000' + crypto.randomBytes(32).toString('hex')
  const file = path.join(t.scratch, 'identity')
  fs.writeFileSync(file, url, { mode: 0o600 })
  const program = t.hsfwd([...args, '--private', '--identity', file])
  t.equal((await program.event('listening')).holesail, undefined, 'a secret string in an event')
  t.ok(!(program.text() + program.said).includes(url.slice('hs://s000'.length)), 'the secret is told')
  return url
}

const KINDS = { public: ['--public'], secure: [] }

for (const by of ['hsfwd testnet', 'hyperdht']) {
  for (const [kind, flags] of Object.entries(KINDS)) {
    t.test(`network of ${by}: connect to a ${kind} holesail takes the port from its record, and the address from nobody`, async () => {
      const net = await peers.NETWORKS[by]()
      const port = await elsewhere((socket) => socket.end('hello'))
      const url = await live(net, port, [...flags, '--host', ELSEWHERE])
      const file = path.join(t.scratch, 'string')
      fs.writeFileSync(file, url, { mode: 0o600 })
      t.equal(await connectByRecord(net, [`@${file}`]), `127.0.0.1:${port}`, 'where it listens')
      t.equal(await ask(port), 'hello', 'what is heard there')
    })

    t.test(`network of ${by}: connect to a ${kind} holesail of UDP knows by its record that it is`, async () => {
      const net = await peers.NETWORKS[by]()
      const port = await t.freePort()
      await datagrams(true, ELSEWHERE, port)
      const url = await live(net, port, [...flags, '--host', ELSEWHERE, '--udp'])
      const file = path.join(t.scratch, 'string')
      fs.writeFileSync(file, url, { mode: 0o600 })
      t.equal(await connectByRecord(net, [`@${file}`]), `udp:127.0.0.1:${port}`, 'where it listens')
      await udpEchoes(port)
    })

    t.test(`network of ${by}: holesail with a ${kind} string and nothing else to expose --holesail`, async () => {
      const net = await peers.NETWORKS[by]()
      const port = await elsewhere((socket) => socket.end('hello'))
      const url = await exposed(net, kind, `${ELSEWHERE}:${port}`)
      await dialByRecord(net, url)
      await t.until(() => ask(port).then((heard) => heard === 'hello', () => false), 'the answer')
    })

    t.test(`network of ${by}: holesail with a ${kind} string and nothing else to a UDP service of expose --holesail`, async () => {
      const net = await peers.NETWORKS[by]()
      const port = await t.freePort()
      await datagrams(true, ELSEWHERE, port)
      const url = await exposed(net, kind, `udp:${ELSEWHERE}:${port}`)
      await dialByRecord(net, url)
      await udpEchoes(port)
    })
  }

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

t.test('a string without a record leads to the port that holesail takes then', async () => {
  const net = await peers.ownNetwork()
  const hello = await t.service((socket) => socket.end('hello'))
  const { key } = await peers.expose(net, [hello.port])
  const url = 'hs://0000' + require('z32').encode(Buffer.from(key, 'hex'))
  t.equal(await connectByRecord(net, [url]), '127.0.0.1:8989', 'where it listens')
})

t.test('what a record says opens no port below 1024, and nothing but a record is taken for one', async () => {
  const net = await peers.ownNetwork()
  const hello = await t.service((socket) => socket.end('hello'))
  const keys = require('hyperdht').keyPair(crypto.randomBytes(32))
  const server = t.hsfwd(['expose', String(hello.port), '--identity', '-', '--bootstrap', net.bootstrap, '--json'], { stdin: 'pipe' })
  server.child.stdin.end(keys.secretKey.subarray(0, 32).toString('hex'))
  await server.event('listening')
  const url = 'hs://0000' + require('z32').encode(keys.publicKey)
  let seq = 0
  for (const [record, why] of [
    ['{"host":"0.0.0.0","port":22}', /its port, 22, is below 1024: choose a local one, such as -L 8022$/],
    ['{"host":"0.0.0.0","udp":true,"port":53}', /its port, 53, .* such as -L udp:8053$/],
    ['{"port":70000}', /its port is not one/], ['{"port":3000,"udp":"yes"}', /its udp is neither/],
    ['[3000]', /not a JSON object/], ['\u001b[31m', /not a JSON object/]
  ]) {
    await putRecord(net, keys, record, seq++)
    const { code, stderr } = await t.run(['connect', url, '--bootstrap', net.bootstrap], { input: '' })
    t.equal(code, 1, `${record}: ${stderr}`)
    t.ok(why.test(stderr.trim()), `${record}: ${stderr}`)
  }
  await putRecord(net, keys, `{"host":"0.0.0.0","port":${await t.freePort()}}`, seq++)
  t.ok((await connectByRecord(net, [url])).startsWith('127.0.0.1:'), 'where it listens')
})

t.test('a reload stores another record, or begins to', async () => {
  const net = await peers.ownNetwork()
  const ports = [await elsewhere((socket) => socket.end('one')), await elsewhere((socket) => socket.end('two'))]
  const file = path.join(t.scratch, 'hsfwd.toml')
  const write = (port, more) => fs.writeFileSync(file,
    `bootstrap = ["${net.bootstrap}"]\n[[expose]]\nidentity = "${path.join(t.scratch, 'up.key')}"\nservices = ["${ELSEWHERE}:${port}"]\n${more}`)
  write(ports[0], '')
  const up = t.hsfwd(['up', '-c', file, '--json'])
  const { key } = await up.event('listening')
  const leadsTo = (port) => t.until(async () => {
    const client = t.hsfwd(['connect', `hs://0000${key}`, '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
    const { listen } = await client.event('ready')
    await client.kill()
    return listen === `127.0.0.1:${port}`
  }, `a record of ${port}`)
  for (const port of ports) {
    write(port, 'holesail = true\n')
    t.equal((await t.run(['reload', '-c', file])).code, 0, 'exit code of reload')
    await leadsTo(port)
  }
})

function seedOf (url) { return crypto.createHash('sha256').update(url.slice('hs://s000'.length)).digest() }
