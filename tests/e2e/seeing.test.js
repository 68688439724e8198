// SPDX-License-Identifier: Apache-2.0
// Looking into the network: netcheck, ping, lookup, why; and what keeps a program going when the
// network around it changes.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

async function expose (bootstrap, targets, more = [], options = {}) {
  const program = t.hsfwd(['expose', ...targets.map(String), '--bootstrap', bootstrap, '--json', ...more], options)
  const listening = await program.event('listening')
  return { program, key: listening.publicKey }
}

/** A DHT of processes of their own, so that some of them can go. The first is the bootstrap node. */
async function processNet (size) {
  const port = await t.freePort()
  const bootstrap = `127.0.0.1:${port}`
  const first = t.hsfwd(['node', '--first', '127.0.0.1', '--host', '127.0.0.1', '--port', String(port), '--json'])
  await first.event('ready')
  const others = []
  while (others.length < size - 1) {
    const node = t.hsfwd(['node', '--persistent', '--host', '127.0.0.1', '--port', '0', '--bootstrap', bootstrap, '--json'])
    await node.event('ready')
    others.push(node)
  }
  return { bootstrap, first, others }
}

t.test('expose and connect start when the bootstrap node is gone, from nodes remembered', async () => {
  const net = await processNet(6)
  const hello = await t.service((socket) => socket.end('Hello world!'))
  const cache = path.join(t.scratch, 'cache-gone')
  const env = { XDG_CACHE_HOME: cache }
  const before = await expose(net.bootstrap, [hello.port], [], { env })
  await before.program.kill()
  const files = fs.readdirSync(path.join(cache, 'hsfwd'))
  t.equal(files.length, 1, 'one file for one network')
  await net.first.kill('SIGKILL')

  const forgetful = t.hsfwd(['expose', String(hello.port), '--bootstrap', net.bootstrap, '--json'], { env: { XDG_CACHE_HOME: path.join(t.scratch, 'cache-none') } })
  t.equal((await forgetful.event('error')).code, 'NO_NETWORK', 'without memory there is no way in')
  await forgetful.exited

  const server = await expose(net.bootstrap, [hello.port], [], { env })
  const client = t.hsfwd(['connect', server.key, '-L', '0', '--name', 'client', '--bootstrap', net.bootstrap, '--json'], { env })
  const port = Number((await client.event('ready')).listen.split(':')[1])
  const socket = await t.connect(port)
  t.equal((await t.readAll(socket)).toString(), 'Hello world!', 'what was said')
  socket.end()
})

t.test('a node file that was tampered with is passed over with a warning', async () => {
  const net = await t.testnet()
  const hello = await t.service((socket) => socket.end('Hello world!'))
  const cache = path.join(t.scratch, 'cache-bad')
  const env = { XDG_CACHE_HOME: cache }
  const server = await expose(net.bootstrap, [hello.port], [], { env })
  await server.program.kill()
  const folder = path.join(cache, 'hsfwd')
  const file = path.join(folder, fs.readdirSync(folder)[0])
  fs.writeFileSync(file, 'hsfwd nodes 1\n127.0.0.1:99999\n\0')
  const again = await expose(net.bootstrap, [hello.port], [], { env })
  t.ok(/nodes.*damaged/.test(again.program.stderr), `a warning, and not ${JSON.stringify(again.program.stderr)}`)
  await again.program.kill()
  t.ok(fs.readFileSync(file, 'utf8').startsWith('hsfwd nodes 1\n127.0.0.1:'), 'and replaced by a good one')
})
