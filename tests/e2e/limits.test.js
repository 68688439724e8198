// SPDX-License-Identifier: Apache-2.0
// The real binary where the system or strangers set limits: no file descriptors left, noise on its
// port, local clients that come and go.
'use strict'
const crypto = require('node:crypto')
const dgram = require('node:dgram')
const t = require('../support/harness')

/** A command of ours that may open so many files. */
function limited (files, args) {
  return new t.Program('/bin/sh', ['-c', `ulimit -n ${files}; exec "$0" "$@"`, t.BINARY, ...args])
}

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
      // A reset may come before the system has told of the connection.
      const socket = await t.connect(port).catch((error) => t.equal(error.code, 'ECONNRESET', 'how one fails'))
      socket?.write('x')
      if (socket) crowd.push(socket)
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
    t.ok(code === 1 || code === 75, `exit code with ${files} files: ${code}`)
    // Below that not even the libraries of a program can be loaded.
    if (program.events.length === 0) t.ok(/shared libraries|setpriv|sh: /.test(program.stderr), `with ${files} files: ${program.stderr}`)
    else t.ok(/^hsfwd: [^/\n]+\n$/.test(program.stderr.replace(/^[0-9-]+ .*\n/gm, '')), `what it says with ${files} files: ${program.stderr}`)
  }
})
