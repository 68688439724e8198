// SPDX-License-Identifier: Apache-2.0
// The first exercise of the Hyperswarm workshop: a server prints its key and says "Hello world!", a
// client connects by that key and prints what it hears. With one of the two replaced by ours, on
// networks that either kind makes.
'use strict'
const t = require('../support/harness')
const peers = require('./peers')

for (const [by, makeNetwork] of Object.entries(peers.NETWORKS)) {
  for (const name of peers.PACKAGES) {
    t.test(`network of ${by}: the client of ${name} hears a service that speaks first`, async () => {
      const net = await makeNetwork()
      const hello = await t.service((socket) => socket.end('Hello world!'))
      const { key } = await peers.expose(net, [hello.port])
      const client = peers.script('workshop/client.js', [name, net.port, key])
      t.equal(await t.within(30000, 'the client to end', client.exited), 0, `exit code; it said ${client.stderr}`)
      t.equal(client.text(), 'Hello world!', 'what the client printed')
    })

    t.test(`network of ${by}: pipe hears the server of ${name}, and lookup finds it`, async () => {
      const net = await makeNetwork()
      const server = peers.script('workshop/server.js', [name, net.port])
      const { line: key } = await server.event('line')
      const client = await t.run(['pipe', key, '--bootstrap', net.bootstrap], { input: '' })
      t.equal(client.code, 0, `exit code; it said ${client.stderr}`)
      t.equal(client.stdout, 'Hello world!', 'what pipe printed')
      const lookup = await t.run(['lookup', key, '--bootstrap', net.bootstrap, '--json'])
      // The older package announces to more than three.
      t.ok(lookup.program.events[0].relays.length >= 3, 'lookup finds its relays')
    })
  }
}
