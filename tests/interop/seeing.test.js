// SPDX-License-Identifier: Apache-2.0
// Looking into a network of stock nodes, and at stock servers.
'use strict'
const t = require('../support/harness')
const peers = require('./peers')

for (const name of peers.PACKAGES) {
  t.test(`${name}: netcheck, and the test of an exposed server through stock relays`, async () => {
    const net = await peers.javascriptNetwork(name)
    const result = await t.run(['netcheck', '--bootstrap', net.bootstrap, '--json'])
    t.equal(result.code, 0, 'exit code')
    const report = JSON.parse(result.stdout)
    t.ok(report.bootstrap[0].millis >= 0, 'the bootstrap node answers')
    t.ok(report.nat.samples.length >= 4, 'nodes tell what they see')
    t.equal(report.pathMtu, 1500, 'large pings are answered')

    const hello = await t.service((socket) => socket.end('Hello world!'))
    const server = await peers.expose(net, [hello.port])
    const reachability = await server.program.event('reachability')
    t.equal(reachability.reachable, true, 'reachable')
    t.equal(reachability.relays.length, 3, 'relays that pass handshakes on')
    t.equal(reachability.found, 3, 'found by a search')
  })

  t.test(`${name}: ping and why of a stock server that speaks first`, async () => {
    const net = await peers.javascriptNetwork(name)
    const dht = peers.node(net, {}, name)
    const closed = []
    const server = dht.createServer((socket) => {
      socket.on('error', () => {})
      socket.on('close', () => closed.push(socket))
      socket.write('I speak first. ')
    })
    await server.listen()
    const key = server.publicKey.toString('hex')
    const ping = t.hsfwd(['ping', key, '-c', '3', '-i', '0.05', '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
    const connection = await ping.event('connection')
    t.equal(connection.services, null, 'a plain peer has no services by name')
    t.equal(await ping.exited, 0, `exit code; it said ${ping.stderr}`)
    t.equal(ping.events.filter((e) => e.event === 'pong').length, 3, 'answers')
    const why = await t.run(['why', key, '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
    t.equal(why.code, 0, 'exit code')
    await t.until(() => closed.length === 2, 'both connections to end at the server')
  })
}
