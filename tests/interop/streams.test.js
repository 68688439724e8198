// SPDX-License-Identifier: Apache-2.0
// What connections between ours and JavaScript do at their edges: ends, resets, sizes, silence.
'use strict'
const crypto = require('node:crypto')
const DHT = require('hyperdht')
const t = require('../support/harness')
const peers = require('./peers')
const { Driver } = require('./driver')

const MEGABYTE = 1024 * 1024

/** A JavaScript server; its key, and the sockets that come in. */
async function javascriptServer (net, options = {}) {
  const sockets = []
  const waiting = []
  const server = peers.node(net, options).createServer((socket) => {
    socket.on('error', () => {})
    const wait = waiting.shift()
    if (wait) wait(socket)
    else sockets.push(socket)
  })
  const keys = DHT.keyPair()
  await server.listen(keys)
  const next = () => sockets.length ? Promise.resolve(sockets.shift()) : new Promise((resolve) => waiting.push(resolve))
  return { key: keys.publicKey.toString('hex'), next }
}

/**
 * The two ends of a tunnel between a TCP socket, which ours forwards, and a JavaScript peer that ours
 * dials ("connect") or that dials ours ("expose").
 */
async function tunnel (by, options = {}) {
  const net = await peers.ownNetwork()
  if (by === 'connect') {
    const { key, next } = await javascriptServer(net, options)
    const { port, program } = await peers.connect(net, key)
    const tcp = await t.connect(port)
    return { tcp, peer: await t.within(20000, 'the connection', next()), program }
  }
  let taken
  const accepted = new Promise((resolve) => { taken = resolve })
  const { port } = await t.service((socket) => taken(socket))
  const { key, program } = await peers.expose(net, [port])
  const peer = peers.node(net, options).connect(Buffer.from(key, 'hex'))
  peer.on('error', () => {})
  return { tcp: await t.within(20000, 'the connection', accepted), peer, program }
}

/** How a stream ended: "end", or the code of its error. */
function outcome (stream) {
  return new Promise((resolve) => {
    let how = 'close'
    stream.resume()
    stream.on('end', () => { how = 'end' })
    stream.on('error', (error) => { how = error.code })
    stream.on('close', () => resolve(how))
  })
}

function collect (stream, size) {
  return new Promise((resolve, reject) => {
    const hash = crypto.createHash('sha256')
    let received = 0
    const take = (data) => {
      hash.update(data)
      received += data.length
      if (received < size) return
      stream.off('data', take)
      resolve({ received, checksum: hash.digest('hex') })
    }
    stream.on('data', take)
    stream.on('close', () => reject(new Error(`closed after ${received} bytes`)))
  })
}

for (const by of ['connect', 'expose']) {
  for (const [first, second] of [['tcp', 'peer'], ['peer', 'tcp']]) {
    t.test(`${by}: ${first} ends first, and still hears ${second}`, async () => {
      const ends = await tunnel(by)
      const heardBySecond = t.readAll(ends[second])
      const heardByFirst = t.readAll(ends[first])
      ends[first].end('the question')
      t.equal((await t.within(10000, 'the question', heardBySecond)).toString(), 'the question', `what ${second} hears`)
      await t.sleep(200)
      ends[second].write('the ')
      ends[second].end('answer')
      t.equal((await t.within(10000, 'the answer', heardByFirst)).toString(), 'the answer', `what ${first} hears`)
      t.equal((await ends.program.event('closed')).reason, '', 'an end in order')
    })
  }

  t.test(`${by}: destroy() in JavaScript is a reset of the TCP connection`, async () => {
    const { tcp, peer, program } = await tunnel(by)
    peer.write('x')
    tcp.write('x')
    await new Promise((resolve) => tcp.once('data', resolve))
    const end = outcome(tcp)
    peer.destroy()
    t.equal(await t.within(10000, 'the end', end), 'ECONNRESET', 'how TCP ends')
    t.ok((await program.event('closed')).reason !== '', 'and ours says why')
  })

  t.test(`${by}: a reset of the TCP connection destroys the JavaScript stream`, async () => {
    const { tcp, peer } = await tunnel(by)
    peer.write('x')
    tcp.write('x')
    await Promise.all([tcp, peer].map((end) => new Promise((resolve) => end.once('data', resolve))))
    const end = outcome(peer)
    tcp.resetAndDestroy()
    t.equal(await t.within(10000, 'the end', end), 'ECONNRESET', 'how the JavaScript stream ends')
  })

  t.test(`${by}: writes of any size arrive bit-exact, in both directions`, async () => {
    // The largest that JavaScript sends in one message, and ten thousand of a few bytes.
    const largest = 256 * 256 * 256 - 1 - 17
    const writes = [1, 2, 1179, 65535, 65536, 65537, 200000, MEGABYTE, largest, ...Array.from({ length: 10000 }, (_, i) => 1 + i % 50)]
    const { tcp, peer } = await tunnel(by)
    const size = writes.reduce((a, b) => a + b)
    const send = async (to) => {
      const hash = crypto.createHash('sha256')
      for (const length of writes) {
        const data = crypto.randomBytes(length)
        hash.update(data)
        if (!to.write(data)) await new Promise((resolve) => to.once('drain', resolve))
      }
      return hash.digest('hex')
    }
    const results = await t.within(60000, 'all of it', Promise.all([send(tcp), collect(peer, size), send(peer), collect(tcp, size)]))
    t.equal(results[1].checksum, results[0], 'what JavaScript got')
    t.equal(results[3].checksum, results[2], 'what TCP got')
    t.equal(results[1].received + results[3].received, 2 * size, 'and no more')
  })

  // The other way round nobody can: JavaScript always says that it has room.
  t.test(`${by}: a TCP socket that is not read holds JavaScript back, and misses nothing`, async () => {
    const { tcp, peer, program } = await tunnel(by)
    peer.write('x')
    await new Promise((resolve) => tcp.once('data', resolve))
    tcp.pause()
    const before = t.residentMemory(program.pid())
    const total = 100 * MEGABYTE
    const hash = crypto.createHash('sha256')
    let sent = 0
    const sending = (async () => {
      const block = crypto.randomBytes(MEGABYTE)
      for (; sent < total; sent += block.length) {
        hash.update(block)
        if (!peer.write(block)) await new Promise((resolve) => peer.once('drain', resolve))
      }
    })()
    let stuckAt = -1
    await t.until(async () => { stuckAt = sent; await t.sleep(1500); return sent === stuckAt }, 'JavaScript to be held back')
    t.ok(stuckAt < total, `held back: ${stuckAt} bytes are gone`)
    const grown = t.residentMemory(program.pid()) - before
    if (!t.SANITIZED) t.ok(grown < 24 * MEGABYTE, `grown by ${grown} bytes`)
    const got = collect(tcp, total)
    tcp.resume()
    await t.within(60000, 'the rest', Promise.all([sending, got]))
    t.equal((await got).checksum, hash.digest('hex'), 'what came')
    return `held back after ${stuckAt / MEGABYTE} MB, grown by ${(grown / MEGABYTE).toFixed(1)} MB`
  })

  t.test(`${by}: a silent connection stays, since both sides keep it alive`, async () => {
    const { tcp, peer, program } = await tunnel(by)
    tcp.write('x')
    await new Promise((resolve) => peer.once('data', resolve))
    // JavaScript gives up on a connection on which nothing came for so long.
    peer.setTimeout(8000)
    let heard = 0
    peer.on('data', () => { heard++ })
    await t.sleep(17000)
    t.equal(heard, 0, 'what is heard meanwhile')
    peer.write('still here?')
    t.equal((await t.within(5000, 'a word', new Promise((resolve) => tcp.once('data', resolve)))).toString(), 'still here?', 'what TCP hears')
    tcp.write('yes')
    t.equal((await t.within(5000, 'a word', new Promise((resolve) => peer.once('data', resolve)))).toString(), 'yes', 'what JavaScript hears')
    t.ok(!program.events.some((event) => event.event === 'closed'), 'nothing was closed')
  })

  t.test(`${by}: a JavaScript process that is killed ends the TCP connection with a reset`, async () => {
    const net = await peers.ownNetwork()
    let tcp
    let talker
    if (by === 'connect') {
      talker = peers.script('talker.js', [net.port])
      const { line: key } = await talker.event('line')
      tcp = await t.connect((await peers.connect(net, key)).port)
    } else {
      let taken
      const accepted = new Promise((resolve) => { taken = resolve })
      const { port } = await t.service((socket) => taken(socket))
      const { key } = await peers.expose(net, [port])
      talker = peers.script('talker.js', [net.port, key])
      tcp = await t.within(20000, 'the connection', accepted)
    }
    await collect(tcp, MEGABYTE)
    const end = outcome(tcp)
    await talker.kill('SIGKILL')
    t.equal(await t.within(60000, 'the end', end), 'ECONNRESET', 'how TCP ends')
  })

  t.test(`${by}: ours that is killed ends the JavaScript stream with an error`, async () => {
    const { tcp, peer, program } = await tunnel(by)
    tcp.on('error', () => {})
    // Without anything to send or await, a peer that has gone is not missed.
    const talk = () => { while (peer.write(Buffer.alloc(65536))); }
    peer.on('drain', talk)
    tcp.resume()
    talk()
    await t.sleep(200)
    const end = outcome(peer)
    await program.kill('SIGKILL')
    t.ok(['ETIMEDOUT', 'ECONNRESET'].includes(await t.within(60000, 'the end', end)), 'how it ends')
  })
}

t.test('messages beside the stream, in both roles', async () => {
  const net = await peers.ownNetwork()
  const driver = await Driver.start(net, { ephemeral: 2 })
  const { key, next } = await javascriptServer(net)
  await driver.ask('connect', 0, { key, as: 'dialled' })
  const seed = crypto.randomBytes(32)
  await driver.ask('listen', 1, { seed, as: 'server' })
  const dialling = peers.node(net).connect(DHT.keyPair(seed).publicKey)
  dialling.on('error', () => {})
  await new Promise((resolve) => dialling.on('open', resolve))
  const { socket } = await driver.program.event('connection')
  for (const [ours, theirs] of [['dialled', await next()], [socket, dialling]]) {
    const { max } = await driver.ask('send', 0, { socket: ours, data: Buffer.alloc(0) })
    t.ok(max >= 1100, `room for ${max} bytes`)
    for (const size of [0, 1, 100, 1100]) {
      const data = crypto.randomBytes(size)
      const toTheirs = new Promise((resolve) => theirs.on('message', (message) => { if (message.length === size) resolve(message) }))
      await driver.ask('send', 0, { socket: ours, data })
      t.ok((await t.within(5000, 'a message', toTheirs)).equals(data), `${size} bytes to JavaScript`)
      const other = crypto.randomBytes(size)
      await theirs.send(other)
      await t.within(5000, 'a message', driver.program.event('message', {
        matches: (event) => event.socket === ours && event.data === other.toString('hex')
      }))
    }
    // What is too long is dropped, and nothing else suffers.
    await driver.ask('send', 0, { socket: ours, data: crypto.randomBytes(max + 1) })
    await driver.ask('write', 0, { socket: ours, data: Buffer.from('and the stream goes on') })
    const heard = await t.within(5000, 'a word', new Promise((resolve) => theirs.once('data', resolve)))
    t.equal(heard.toString(), 'and the stream goes on', 'the stream')
  }
})

t.test('a hundred JavaScript connections to one expose, from one node and from many', async () => {
  const net = await peers.ownNetwork()
  const echo = await t.service((socket) => socket.pipe(socket))
  const { key, program } = await peers.expose(net, [echo.port])
  const nodes = Array.from({ length: 10 }, () => peers.node(net))
  await t.within(60000, 'all connections', Promise.all(Array.from({ length: 100 }, async (_, i) => {
    const socket = nodes[i < 50 ? 0 : i % 10].connect(Buffer.from(key, 'hex'))
    const said = crypto.randomBytes(100 + i * 331)
    const heard = t.readAll(socket)
    socket.end(said)
    t.ok((await heard).equals(said), `connection ${i} hears what it said`)
  })))
  await t.until(() => program.events.filter((event) => event.event === 'closed').length === 100, 'all closed')
})

t.test('a first message of an allowed client that somebody else sends opens nothing', async () => {
  const net = await peers.ownNetwork()
  let visits = 0
  const counted = await t.service((socket) => { visits++; socket.end('hello') })
  const keyPair = DHT.keyPair()
  const { key, program } = await peers.expose(net, [counted.port], ['--allow', keyPair.publicKey.toString('hex')])
  const publicKey = Buffer.from(key, 'hex')

  // Caught on its way: the server has never seen it.
  const robbed = peers.node(net)
  const caught = new Promise((resolve) => {
    robbed._router.peerHandshake = async (target, { noise }) => {
      resolve(noise)
      throw new Error('caught')
    }
  })
  robbed.connect(publicKey, { keyPair }).on('error', () => {})
  const noise = await t.within(10000, 'a first message', caught)

  const thief = peers.node(net)
  await thief.fullyBootstrapped()
  const relays = []
  for await (const { from } of thief.findPeer(publicKey)) relays.push(from)
  const through = await thief._router.peerHandshake(DHT.hash(publicKey), { noise }, relays[0])
  const direct = await thief._router.peerHandshake(DHT.hash(publicKey), { noise }, through.serverAddress)
  t.ok(through.noise.equals(direct.noise), 'it is answered, as every copy is')

  // Whoever comes after it is served, and is the first.
  const socket = peers.node(net).connect(publicKey, { keyPair })
  t.equal((await t.readAll(socket)).toString(), 'hello', 'what the service says')
  t.equal(visits, 1, 'connections to the service')
  await program.event('connection')
  t.equal(program.events.filter((event) => event.event === 'connection').length, 1, 'connections told of')
  socket.end()
})
