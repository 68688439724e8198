// SPDX-License-Identifier: Apache-2.0
// A service published with `expose` is reached with `connect`: the main job, and what may go wrong
// while it is done.
'use strict'
const crypto = require('node:crypto')
const path = require('node:path')
const t = require('../support/harness')

const MEGABYTE = 1024 * 1024

async function expose (net, targets, more = []) {
  const program = t.hsfwd(['expose', ...targets.map(String), '--bootstrap', net.bootstrap, '--json', ...more])
  const listening = await program.event('listening')
  return { program, key: listening.publicKey, listening }
}

async function connect (net, key, specs = ['0'], more = []) {
  const locals = specs.flatMap((spec) => ['-L', spec])
  const program = t.hsfwd(['connect', key, ...locals, '--name', 'client', '--bootstrap', net.bootstrap, '--json', ...more])
  await program.event('ready')
  await t.until(() => program.events.filter((e) => e.event === 'ready').length === specs.length, 'all ready')
  const ports = program.events.filter((e) => e.event === 'ready').map((e) => Number(e.listen.split(':')[1]))
  return { program, ports, port: ports[0] }
}

t.test('a service that speaks first, and the events of both sides', async () => {
  const net = await t.testnet()
  const hello = await t.service((socket) => socket.end('Hello world!'))
  const server = await expose(net, [hello.port])
  const client = await connect(net, server.key)
  const socket = await t.connect(client.port)
  t.equal((await t.readAll(socket)).toString(), 'Hello world!', 'what was said')
  socket.end()
  const opened = await client.program.event('connection')
  t.equal(opened.peer, server.key, 'the peer of the client')
  t.ok(['direct', 'lan', 'relayed'].includes(opened.path), 'a path by its name')
  const closed = await client.program.event('closed')
  t.equal(closed.bytesFromPeer, 12, 'bytes from the peer')
  t.equal(closed.reason, '', 'an orderly end')
  t.equal((await server.program.event('connection')).service, String(hello.port), 'the service')
  await server.program.event('closed')
  t.equal(await client.program.kill('SIGINT'), 130, 'exit code on SIGINT')
  t.equal(await server.program.kill('SIGTERM'), 143, 'exit code on SIGTERM')
  t.equal(server.program.stderr, '', 'nothing to complain about')
})

t.test('100 MB both ways at once, with equal checksums', async () => {
  const size = 100 * MEGABYTE
  const down = crypto.randomBytes(MEGABYTE)
  const net = await t.testnet()
  // Sends its own 100 MB while it takes the client's, and closes with their checksum.
  const both = await t.service((socket) => {
    const hash = crypto.createHash('sha256')
    let received = 0
    let sent = 0
    let ended = false
    const say = () => {
      while (sent < size) {
        sent += down.length
        if (!socket.write(down)) return
      }
      if (sent === size && ended) { sent++; socket.end(hash.digest('hex')) }
    }
    socket.on('drain', say)
    socket.on('data', (data) => { hash.update(data); received += data.length })
    socket.on('end', () => { ended = true; t.equal(received, size, 'received'); say() })
    say()
  })
  const server = await expose(net, [both.port])
  const client = await connect(net, server.key)
  const socket = await t.connect(client.port)
  const start = Date.now()
  const up = crypto.randomBytes(MEGABYTE)
  const upHash = crypto.createHash('sha256')
  const downHash = crypto.createHash('sha256')
  let received = 0
  let tail = ''
  socket.on('data', (data) => {
    const body = data.subarray(0, Math.max(0, size - received))
    downHash.update(body)
    tail += data.subarray(body.length).toString()
    received += data.length
  })
  const ended = new Promise((resolve, reject) => { socket.on('end', resolve); socket.on('close', () => reject(new Error('closed early'))) })
  for (let sent = 0; sent < size; sent += up.length) {
    upHash.update(up)
    if (!socket.write(up)) await new Promise((resolve) => socket.once('drain', resolve))
  }
  socket.end()
  await t.within(180000, 'the transfer', ended)
  const wanted = crypto.createHash('sha256')
  for (let i = 0; i < size / MEGABYTE; i++) wanted.update(down)
  t.equal(downHash.digest('hex'), wanted.digest('hex'), 'what came down')
  t.equal(tail, upHash.digest('hex'), 'what went up')
  return `${(200 / ((Date.now() - start) / 1000)).toFixed(0)} MB/s in all`
})

t.test('200 TCP connections at once', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const server = await expose(net, [echo.port])
  const client = await connect(net, server.key)
  const one = async (i) => {
    const socket = await t.connect(client.port)
    const said = crypto.randomBytes(1000 + i * 37)
    const heard = t.readAll(socket)
    socket.end(said)
    t.ok((await heard).equals(said), `connection ${i} hears what it said`)
  }
  await t.within(90000, 'all connections', Promise.all(Array.from({ length: 200 }, (_, i) => one(i))))
  await t.until(() => server.program.events.filter((e) => e.event === 'closed').length === 200, 'all closed at the server')
  await t.until(() => client.program.events.filter((e) => e.event === 'closed').length === 200, 'all closed at the client')
  t.ok(client.program.events.every((e) => e.event !== 'closed' || e.reason === ''), 'all ended in order')
})

t.test('half close: each direction ends by itself', async () => {
  const net = await t.testnet()
  // Answers only when the question is complete.
  const oracle = await t.service((socket) => {
    let question = ''
    socket.on('data', (data) => { question += data })
    socket.on('end', () => setTimeout(() => socket.end(question.toUpperCase()), 300))
  })
  const server = await expose(net, [oracle.port])
  const client = await connect(net, server.key)
  const socket = await t.connect(client.port)
  const answer = t.readAll(socket)
  socket.end('why?')
  t.equal((await answer).toString(), 'WHY?', 'the answer after the own end')
})

t.test('several -L at once, services by name, unix sockets on both sides', async () => {
  const net = await t.testnet()
  const say = (text) => (socket) => socket.end(text)
  const ssh = await t.service(say('ssh'))
  const web = await t.service(say('web'))
  const unixPath = path.join(t.scratch, 'service.sock')
  await t.service(say('unix'), { path: unixPath })
  const server = await expose(net, [`ssh=${ssh.port}`, `web=127.0.0.1:${web.port}`, `dock=unix:${unixPath}`])
  t.equal(server.listening.services.join(), 'ssh,web,dock', 'services')
  const localPath = path.join(t.scratch, 'local.sock')
  const program = t.hsfwd(['connect', server.key, '-L', '0', '-L', '0:web', '-L', '127.0.0.1:0:dock', '-L', `unix:${localPath}:web`,
    '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  await t.until(() => program.events.filter((e) => e.event === 'ready').length === 4, 'all ready')
  const heard = []
  for (const { listen } of program.events.filter((e) => e.event === 'ready')) {
    const where = listen.startsWith('unix:') ? { path: listen.slice(5), host: undefined, port: undefined } : {}
    const socket = await t.connect(Number(listen.split(':')[1]), where)
    heard.push((await t.readAll(socket)).toString())
    socket.end()
  }
  t.equal(heard.join(), 'ssh,web,unix,web', 'who answered')
  await program.kill()

  const wrong = await connect(net, server.key, ['0:mail'])
  const socket = await t.connect(wrong.port)
  await t.within(10000, 'a reset', new Promise((resolve) => socket.on('close', resolve)))
  const error = await wrong.program.event('error')
  t.equal(error.code, 'NO_SUCH_SERVICE', 'code')
  t.ok(error.message.includes('ssh, web, dock'), 'the message names what there is')
})

t.test('a service that there is not: who asks always hears which there are', async () => {
  const net = await t.testnet()
  const web = await t.service((socket) => socket.end('web'))
  const server = await expose(net, [`web=${web.port}`, `ssh=${web.port}`])
  for (let i = 0; i < 5; i++) {
    const { code, stderr } = await t.run(['pipe', server.key, 'mail', '--name', 'client', '--bootstrap', net.bootstrap], { input: '' })
    t.equal(code, 69, 'exit code')
    t.equal(stderr, "hsfwd: the peer has no service 'mail'; it has web, ssh\n", 'what it said')
  }
  const { stdout } = await t.run(['pipe', server.key, 'web', '--name', 'client', '--bootstrap', net.bootstrap], { input: '' })
  t.equal(stdout, 'web', 'a service that there is')
})

t.test('a peer killed in mid-transfer: a reset on both sides, and nothing left behind', async () => {
  const net = await t.testnet()
  const source = await t.service((socket) => {
    const block = Buffer.alloc(MEGABYTE, 1)
    const fill = () => { while (socket.writable && socket.write(block)); }
    socket.on('drain', fill)
    fill()
  })
  for (const victim of ['server', 'client']) {
    const server = await expose(net, [source.port], ['--no-wait'])
    const client = await connect(net, server.key, ['0'], ['--no-wait'])
    const survivor = victim === 'server' ? client.program : server.program
    const before = t.openFiles(survivor.pid())
    const socket = await t.connect(client.port)
    let received = 0
    let ended = false
    let code = null
    socket.on('data', (data) => { received += data.length })
    socket.on('end', () => { ended = true })
    socket.on('error', (error) => { code = error.code })
    await t.until(() => received > 5 * MEGABYTE, 'some data')
    await (victim === 'server' ? server : client).program.kill('SIGKILL')
    if (victim === 'server') {
      await t.within(60000, 'the connection to end', new Promise((resolve) => socket.on('close', resolve)))
      t.ok(!ended, 'no clean end of file')
      t.equal(code, 'ECONNRESET', 'a reset')
    }
    const closed = await survivor.event('closed', { timeout: 60000 })
    t.ok(closed.reason !== '', 'the survivor says why')
    await t.until(() => t.openFiles(survivor.pid()) <= before, 'files are closed again')
    if (victim === 'client') await t.until(() => source.sockets.size === 0, 'the service is let go')
    await survivor.kill()
  }
})

t.test('ended by its user with a connection open: a reset for who is connected, and what was moved is told', async () => {
  const net = await t.testnet()
  const size = 5 * MEGABYTE
  // Says so much, and is silent then: Node takes a reset that comes while it reads for an end.
  const talk = (socket) => {
    const seen = { received: 0, ended: false, code: null, closed: new Promise((resolve) => socket.on('close', resolve)) }
    socket.on('data', (data) => { seen.received += data.length })
    socket.on('end', () => { seen.ended = true })
    socket.on('error', (error) => { seen.code = error.code })
    socket.write(Buffer.alloc(size, 1))
    return seen
  }
  for (const victim of ['expose', 'connect']) {
    let behind
    const service = await t.service((socket) => { behind = talk(socket) })
    const server = await expose(net, [service.port])
    const client = await connect(net, server.key)
    const before = talk(await t.connect(client.port))
    await t.until(() => before.received === size && behind.received === size, 'all that is said')
    const [ended, seen] = victim === 'expose' ? [server.program, behind] : [client.program, before]
    t.equal(await ended.kill('SIGINT'), 130, 'exit code')
    await t.within(10000, 'the connection to end', seen.closed)
    t.ok(!seen.ended, `${victim}: no clean end of file`)
    t.equal(seen.code, 'ECONNRESET', victim)
    const closed = await ended.event('closed')
    t.equal(closed.bytesToPeer, size, 'what went to the peer')
    t.equal(closed.bytesFromPeer, size, 'what came from it')
    t.ok(/shutting down/.test(closed.reason), `why: ${closed.reason}`)
    await t.within(10000, 'the other end', victim === 'expose' ? before.closed : behind.closed)
    await server.program.kill()
    await client.program.kill()
  }
})

t.test('when the peer comes back, the next connection reaches it', async () => {
  const net = await t.testnet()
  const hello = await t.service((socket) => socket.end('hello'))
  let server = await expose(net, [hello.port])
  const client = await connect(net, server.key)
  const ask = async () => {
    const socket = await t.connect(client.port)
    const heard = (await t.readAll(socket)).toString()
    socket.end()
    return heard
  }
  t.equal(await ask(), 'hello', 'at first')
  await server.program.kill('SIGKILL')
  const socket = await t.connect(client.port)
  await t.within(60000, 'a failing connection to fail', new Promise((resolve) => socket.on('close', resolve)))
  server = await expose(net, [hello.port])
  t.equal(await ask(), 'hello', 'after it came back')
})

t.test('one peer\'s end takes nobody else down', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const server = await expose(net, [echo.port])
  const first = await connect(net, server.key, ['0'], ['--verbose'])
  const second = t.hsfwd(['connect', server.key, '-L', '0', '--name', 'second', '--bootstrap', net.bootstrap, '--json'])
  const port = Number((await second.event('ready')).listen.split(':')[1])
  const a = await t.connect(first.port)
  const b = await t.connect(port)
  for (const socket of [a, b]) {
    socket.write('x')
    await new Promise((resolve) => socket.once('data', resolve))
  }
  await first.program.kill('SIGKILL')
  a.destroy()
  for (let i = 0; i < 5; i++) {
    b.write('still here')
    await t.within(5000, 'an echo', new Promise((resolve) => b.once('data', resolve)))
    await t.sleep(100)
  }
})

t.test('a reader that stalls costs no more memory than the window', async () => {
  // Sanitizers keep freed memory on purpose; there the test is that nothing goes wrong.
  const allowed = t.SANITIZED ? 400 * MEGABYTE : 24 * MEGABYTE
  const total = t.SANITIZED ? 200 * MEGABYTE : 1000 * MEGABYTE
  const net = await t.testnet()
  const stalled = await t.service((socket) => socket.pause())
  const server = await expose(net, [stalled.port])
  const client = await connect(net, server.key)
  const warm = await t.connect(client.port)
  await client.program.event('connection')
  warm.destroy()
  const before = [server, client].map(({ program }) => t.residentMemory(program.pid()))
  const socket = await t.connect(client.port)
  const block = Buffer.alloc(MEGABYTE, 7)
  let pushed = 0
  let stuck = false
  for (; pushed < total && !stuck; pushed += block.length) {
    if (socket.write(block)) continue
    stuck = await Promise.race([new Promise((resolve) => socket.once('drain', () => resolve(false))), t.sleep(2000).then(() => true)])
  }
  t.ok(stuck, 'the writer is held back')
  await t.sleep(2000)
  const grown = [server, client].map(({ program }, i) => t.residentMemory(program.pid()) - before[i])
  for (const growth of grown) t.ok(growth < allowed, `grew by ${growth} bytes`)
  socket.destroy()
  return `held back after ${pushed / MEGABYTE} MB; grown by ${grown.map((g) => (g / MEGABYTE).toFixed(1)).join(' and ')} MB`
})

t.test('a service that refuses: the client sees a reset, expose goes on', async () => {
  const net = await t.testnet()
  const port = await t.freePort()
  const server = await expose(net, [port])
  const client = await connect(net, server.key)
  const socket = await t.connect(client.port)
  await t.within(10000, 'a reset', new Promise((resolve) => socket.on('close', resolve)))
  const closed = await server.program.event('closed')
  t.ok(/refused/.test(closed.reason), `expose says why: ${closed.reason}`)
  const told = await client.program.event('closed')
  t.ok(told.reason.endsWith(`: service ${port}: Connection refused`), `and so does connect: ${told.reason}`)
  const pipe = await t.run(['pipe', server.key, '--name', 'client', '--bootstrap', net.bootstrap], { input: '' })
  t.ok(/^hsfwd: .*: service \d+: Connection refused\n$/.test(pipe.stderr), `and pipe: ${pipe.stderr}`)
  await t.service((s) => s.end('here now'), { port })
  const again = await t.connect(client.port)
  t.equal((await t.readAll(again)).toString(), 'here now', 'later')
  again.end()
})
