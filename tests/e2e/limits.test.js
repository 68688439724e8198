// SPDX-License-Identifier: Apache-2.0
// The real binary where the system or strangers set limits: no file descriptors left, noise on its
// port, local clients that come and go.
'use strict'
const crypto = require('node:crypto')
const dgram = require('node:dgram')
const t = require('../support/harness')

/** A command of ours under a limit of the shell's. */
function under (limit, args) {
  return new t.Program('/bin/sh', ['-c', `ulimit ${limit}; exec "$0" "$@"`, t.BINARY, ...args])
}

/** A command of ours that may open so many files. */
function limited (files, args) { return under(`-n ${files}`, args) }

/** Says `word` on a socket that has said nothing else and waits for it to come back. */
const echo = async (socket, word) => {
  socket.write(word)
  const heard = await t.within(10000, `an echo of ${word}`, new Promise((resolve, reject) => {
    socket.once('data', resolve)
    socket.once('close', () => reject(new Error(`closed instead of an echo of ${word}`)))
  }))
  t.equal(heard.toString(), word, 'what comes back')
}

const echoes = async (port, word) => {
  const socket = await t.connect(port)
  await echo(socket, word)
  return socket
}

t.test('more connections than file descriptors: some fail, none of the others does, and later all is well', async () => {
  for (const poor of ['expose', 'connect']) {
    const start = (args) => args[0] === poor ? limited(60, args) : t.hsfwd(args)
    const net = await t.testnet()
    const service = await t.service((socket) => socket.pipe(socket))
    const server = start(['expose', String(service.port), '--bootstrap', net.bootstrap, '--json'])
    const { publicKey } = await server.event('listening')
    const client = start(['connect', publicKey, '-L', '0', '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
    const port = Number((await client.event('ready')).listen.split(':')[1])
    const first = await echoes(port, 'first')
    const crowd = []
    for (let i = 0; i < 100; i++) {
      const socket = await t.connect(port)
      socket.write('x')
      crowd.push(socket)
    }
    if (poor === 'expose') {
      const closed = await server.event('closed', { matches: (event) => /too many open files/i.test(event.reason) })
      t.ok(closed.reason.includes(String(service.port)), `it names the service: ${closed.reason}`)
    }
    await echo(first, 'still')
    for (const socket of crowd) socket.destroy()
    // The last of the crowd may still be on their way to the service, and take what was freed.
    await t.until(() => echoes(port, 'again').then((socket) => socket.end(), () => false), 'a connection again')
    await t.until(() => service.sockets.size === 1, 'the crowd has left the service')
    t.equal(server.code, undefined, 'expose runs on')
    t.equal(client.code, undefined, 'connect runs on')
    await client.kill()
    await server.kill()
  }
})

t.test('noise on the UDP port changes nothing', async () => {
  const net = await t.testnet()
  const service = await t.service((socket) => socket.pipe(socket))
  const port = await t.freePort()
  const server = t.hsfwd(['expose', String(service.port), '--port', String(port), '--bootstrap', net.bootstrap, '--json'])
  const { publicKey } = await server.event('listening')
  const noise = dgram.createSocket('udp4')
  t.cleanups.push(() => new Promise((resolve) => noise.close(resolve)))
  const send = (bytes) => new Promise((resolve) => noise.send(bytes, port, '127.0.0.1', () => resolve()))
  // What the protocols begin with, and anything behind it.
  const heads = [[], [0x03], [0x13], [0x03, 0x1f], [0xff, 0x01], [0xff, 0x01, 0x01], [0]].map((head) => Buffer.from(head))
  for (let i = 0; i < 20000; i++) {
    await send(Buffer.concat([heads[i % heads.length], crypto.randomBytes(i % 1400)]))
  }
  const client = t.hsfwd(['connect', publicKey, '-L', '0', '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  const local = Number((await client.event('ready')).listen.split(':')[1])
  ;(await echoes(local, 'hello')).end()
  t.equal(server.stderr, '', 'nothing to complain about')
})

t.test('local clients that come and go leave nothing behind', async () => {
  const net = await t.testnet()
  const service = await t.service((socket) => socket.pipe(socket))
  const server = t.hsfwd(['expose', String(service.port), '--bootstrap', net.bootstrap, '--json'])
  const { publicKey } = await server.event('listening')
  const client = t.hsfwd(['connect', publicKey, '-L', '0', '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  const port = Number((await client.event('ready')).listen.split(':')[1])
  ;(await echoes(port, 'warm')).end()
  await t.until(() => service.sockets.size === 0, 'the first is gone')
  const before = [server, client].map((program) => t.openFiles(program.pid()))
  for (let i = 0; i < 200; i++) {
    const socket = await t.connect(port)
    // At once, with something said, after an answer, in order and not.
    if (i % 4 > 0) socket.write('x')
    if (i % 4 === 2) await t.within(10000, 'an echo of x', new Promise((resolve) => socket.once('data', resolve)))
    if (i % 4 === 3) socket.end()
    else socket.destroy()
  }
  await t.until(() => service.sockets.size === 0, 'all have left the service', 60000)
  await t.until(() => [server, client].every((program, i) => t.openFiles(program.pid()) <= before[i]), 'all files are closed', 60000)
  ;(await echoes(port, 'after')).end()
})

t.test('started where hardly a file may be opened, it works or says why not, in one line', async () => {
  for (let files = 4; files < 16; files++) {
    const program = limited(files, ['lookup', '0'.repeat(64), '--host', '127.0.0.1', '--bootstrap', '127.0.0.1:9', '--json'])
    const code = await t.within(30000, `lookup with ${files} files to end`, program.exited)
    // Not even the libraries of a program can be loaded.
    if (code === 127 && program.stderr.includes('shared libraries')) continue
    t.ok(code === 1 || code === 75, `exit code with ${files} files: ${code} (${program.stderr})`)
    t.equal(program.events.filter((event) => event.event === 'error').length, 1, `events with ${files} files`)
    const lines = program.stderr.split('\n').filter((line) => line.startsWith('hsfwd: '))
    t.ok(lines.length === 1 && !/internal|[.][ch]pp/.test(lines[0]), `what it says with ${files} files: ${program.stderr}`)
  }
})

/** An exposed echo service with these options, and a local port that leads to it, for a client of that name. */
async function exposed (options, serve = (socket) => socket.pipe(socket), start = t.hsfwd) {
  const net = await t.testnet()
  const service = await t.service(serve)
  const server = start(['expose', String(service.port), '--bootstrap', net.bootstrap, '--json', ...options])
  const { publicKey } = await server.event('listening')
  const client = async (name, words = []) => {
    const program = t.hsfwd(['connect', publicKey, '-L', '0', '--name', name, '--bootstrap', net.bootstrap, '--json', ...words])
    const port = Number((await program.event('ready')).listen.split(':')[1])
    return { program, port }
  }
  return { server, service, client }
}

/** The reason with which the client's last connection was refused. */
async function refusal ({ program, port }) {
  const before = program.events.length
  // It may come before Node has noticed that it is connected.
  const socket = await t.connect(port).catch(() => null)
  if (socket) {
    socket.write('x')
    await t.within(10000, 'a refusal', new Promise((resolve) => socket.once('close', resolve)))
  }
  await t.until(() => program.events.slice(before).some((event) => event.event === 'closed'), 'the event of a refusal')
  return program.events.slice(before).find((event) => event.event === 'closed').reason
}

t.test('connections above the limits are refused with the reason, and others go on', async () => {
  const { server, client } = await exposed(['--max-connections', '4', '--max-connections-per-key', '3'])
  const one = await client('one')
  const two = await client('two')
  const open = []
  for (const word of ['a', 'b', 'c']) open.push(await echoes(one.port, word))
  t.ok((await refusal(one)).includes('too many connections from this key (3)'), 'the fourth of a key is told why')
  open.push(await echoes(two.port, 'd'))
  t.ok((await refusal(two)).includes('too many connections (4)'), 'the fifth in all is told why')
  for (let i = 0; i < 5; i++) await refusal(two)
  t.equal(server.stderr.split('\n').filter((line) => line.includes('too many')).length, 1, 'lines about it within a minute')
  for (const [i, socket] of open.entries()) await echo(socket, `still ${i}`)
  open.pop().destroy()
  open[0].destroy()
  await t.until(() => echoes(two.port, 'f').then(() => true, () => false), 'room for another')
})

t.test('standard output that nobody reads stops no tunnel, and tells of what was dropped', async () => {
  for (const poor of ['expose', 'connect']) {
    const { server, client } = await exposed(poor === 'expose' ? ['--trace'] : [])
    const { program, port } = await client('client', poor === 'connect' ? ['-v'] : [])
    const deaf = poor === 'expose' ? server : program
    deaf.child.stdout.pause()
    deaf.child.stderr.pause()
    let sockets = 0
    // Twice what pipes and the queue hold, if it is anything to go by what comes of one.
    for (; sockets < 2500; sockets++) {
      const socket = await echoes(port, 'x')
      socket.destroy()
      if (deaf.child.stdout.readableLength + deaf.child.stderr.readableLength > 8e6) break
    }
    deaf.child.stdout.resume()
    deaf.child.stderr.resume()
    const dropped = await deaf.event('dropped')
    t.ok(dropped.lines > 0, 'lines are counted')
    const seen = deaf.events.length
    ;(await echoes(port, 'after')).destroy()
    await t.until(() => deaf.events.slice(seen).some((event) => event.event === 'connection'), 'events flow again')
    // And nobody reads when it ends.
    deaf.child.stdout.pause()
    await t.within(20000, `${poor} to end`, deaf.kill())
    await client.program?.kill()
    await server.kill()
    await program.kill()
  }
})

t.test('in little memory, clients that fill it end no tunnel but their own', async () => {
  if (t.SANITIZED) t.skip('a sanitizer needs address space without end')
  let reads = false
  const { server, service, client } = await exposed([], (socket) => {
    if (reads) socket.pipe(socket)
    else socket.pause()
  }, (args) => under('-v 110000', args))
  const { port } = await client('client')
  const crowd = []
  for (let i = 0; i < 40; i++) {
    const socket = await t.connect(port)
    socket.write(Buffer.alloc(20e6)) // beyond what the system's own buffers take
    crowd.push(socket)
  }
  await t.until(() => service.sockets.size === 40 || server.code !== undefined, 'all are there')
  t.equal(server.code, undefined, 'expose runs on')
  reads = true
  const socket = await echoes(port, 'served beside them')
  const memory = t.residentMemory(server.pid())
  t.ok(memory < 64e6, `it takes ${memory} bytes`)
  for (const one of crowd) one.destroy()
  await echo(socket, 'and after them')
  return `${Math.round(memory / 1e6)} MB`
})
