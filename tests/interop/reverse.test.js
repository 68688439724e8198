// SPDX-License-Identifier: Apache-2.0
// Reverse forwards and stock peers, who notice nothing of them, or cannot listen for anybody.
'use strict'
const net = require('node:net')
const path = require('node:path')
const t = require('../support/harness')
const peers = require('./peers')

for (const name of peers.PACKAGES) {
  t.test(`${name}: a stock client beside a reverse forward, and a stock server that is asked for one`, async () => {
    const network = await peers.javascriptNetwork(name)
    const service = (word) => t.service((socket) => {
      socket.on('data', (data) => socket.write(`${word}: ${data}`))
      socket.on('end', () => socket.end())
    })
    const [home, other] = await Promise.all([service('home'), service('other')])
    const identity = path.join(t.scratch, `reverse-${name}`)
    const { key } = (await t.run(['keygen', '--identity', identity, '--json'])).program.events[0]
    const port = await t.freePort()
    const server = await peers.expose(network, [`web=${other.port}`, '--permit-listen', `${key}: ${port}`])
    const connect = (words) => t.hsfwd(['connect', ...words, '--identity', identity, '--bootstrap', network.bootstrap, '--json'])
    const program = connect([server.key, '-R', `${port}:${home.port}`])
    await program.event('ready')
    const say = (socket, word) => {
      socket.on('error', () => {})
      socket.write(word)
      return t.within(20000, 'an answer', new Promise((resolve) => socket.once('data', (data) => resolve(String(data)))))
    }
    const dht = peers.node(network, {}, name)
    const stock = dht.connect(Buffer.from(server.key, 'hex'))
    t.equal(await say(stock, 'stock'), 'other: stock', 'what a stock client gets')
    const visitor = net.connect(port, '127.0.0.1')
    t.equal(await say(visitor, 'hello'), 'home: hello', 'the reverse forward beside it')
    visitor.destroy()
    stock.destroy()

    const listener = dht.createServer((socket) => socket.on('error', () => {}))
    await listener.listen()
    const refused = await connect([listener.publicKey.toString('hex'), '-R', `${port}:${home.port}`]).event('error')
    t.equal(refused.code, 'NOT_SUPPORTED', `what is said of a plain peer: ${refused.message}`)
  })
}
