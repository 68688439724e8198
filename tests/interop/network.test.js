// SPDX-License-Identifier: Apache-2.0
// One network of ten nodes of ours and ten of JavaScript, all of which store and relay: what one kind
// puts, announces or relays is of use to the other.
'use strict'
const crypto = require('node:crypto')
const DHT = require('hyperdht')
const { id: nodeId } = require('dht-rpc/lib/peer')
const t = require('../support/harness')
const peers = require('./peers')
const { Driver } = require('./driver')

/** Whose node is the first, which all others start from. */
const FIRST = ['hsfwd', 'JavaScript']

/**
 * Ten persistent nodes of each kind, and one of each that only asks. Ids of JavaScript begin with a bit
 * that is 0, those of ours with one that is 1, so that it can be chosen who stores and relays.
 */
async function mixedNetwork (first) {
  const theirs = first === 'JavaScript' ? await peers.javascriptNetwork('hyperdht', 10, lowPort) : null
  const net = theirs || await peers.ownNetwork(1)
  const driver = await Driver.start(net, { persistent: theirs ? 10 : 9, ephemeral: 1 })
  const nodes = theirs ? theirs.nodes : []
  while (nodes.length < 10) {
    const node = peers.node(net, { ephemeral: false, firewalled: false, port: await lowPort() })
    await node.fullyBootstrapped()
    nodes.push(node)
  }
  const ours = driver.nodes.filter(({ id }) => id).map(({ port }, index) => ({ port, index }))
  const asking = peers.node(net)
  await asking.fullyBootstrapped()
  return { net, driver, nodes, ours, asking, ask: driver.nodes.length - 1 }
}

/** A free port that is hashed to a low id. */
async function lowPort () {
  for (;;) {
    const port = await t.freePort()
    if (nodeId('127.0.0.1', port)[0] < 0x80) return port
  }
}

function compare (target, a, b) {
  for (let i = 0; i < 32; i++) {
    const difference = (a[i] ^ target[i]) - (b[i] ^ target[i])
    if (difference !== 0) return difference
  }
  return 0
}

/** A seed whose key's relays, the three nodes closest to it, are all of the wanted kind. */
function seedRelayedBy (network, kind) {
  const idOf = (port) => nodeId('127.0.0.1', port)
  const all = [
    // Not to be relied on: ours cannot be asked what it relayed, JavaScript's may not know its own id.
    { id: idOf(network.net.port), kind: 'first' },
    ...network.nodes.map((node) => node.address().port).filter((port) => port !== network.net.port)
      .map((port) => ({ id: idOf(port), kind: 'JavaScript' })),
    ...network.ours.map(({ port }) => ({ id: idOf(port), kind: 'hsfwd' }))
  ]
  for (;;) {
    const seed = crypto.randomBytes(32)
    const target = DHT.hash(DHT.keyPair(seed).publicKey)
    const closest = all.sort((a, b) => compare(target, a.id, b.id)).slice(0, 3)
    if (closest.every((node) => node.kind === kind)) return seed
  }
}

for (const first of FIRST) {
  t.test(`first node of ${first}: immutable values put by one kind are read by the other`, async () => {
    const { driver, nodes, asking, ask } = await mixedNetwork(first)
    for (let i = 0; i < 10; i++) {
      const value = crypto.randomBytes(1 + i * 100)
      const { target } = await driver.ask('putImmutable', i % 5, { value })
      const read = await asking.immutableGet(Buffer.from(target, 'hex'))
      t.ok(read && Buffer.from(read.value).equals(value), `JavaScript reads value ${i} of hsfwd`)

      const other = crypto.randomBytes(1 + i * 100)
      const { hash } = await nodes[i].immutablePut(other)
      t.equal((await driver.ask('getImmutable', ask, { target: hash })).value, other.toString('hex'), `hsfwd reads value ${i}`)
    }
  })

  t.test(`first node of ${first}: mutable values put by one kind are read and replaced by the other`, async () => {
    const { driver, nodes, asking, ask } = await mixedNetwork(first)
    for (let i = 0; i < 5; i++) {
      const seed = crypto.randomBytes(32)
      const keys = DHT.keyPair(seed)
      await driver.ask('putMutable', i, { seed, seq: 1, value: Buffer.from('first') })
      const read = await asking.mutableGet(keys.publicKey)
      t.equal(read && `${read.seq} ${read.value}`, '1 first', 'what JavaScript reads')

      await nodes[i].mutablePut(keys, Buffer.from('second'), { seq: 2 })
      const newer = await driver.ask('getMutable', ask, { key: keys.publicKey })
      t.equal(`${newer.seq} ${Buffer.from(newer.value, 'hex')}`, '2 second', 'what hsfwd reads')

      // Nodes that have the newer one refuse it; some may not have any.
      await driver.ask('putMutable', i, { seed, seq: 1, value: Buffer.from('late') }).catch(() => {})
      const kept = await asking.mutableGet(keys.publicKey, { seq: 2 })
      t.equal(`${kept.value}`, 'second', 'what is kept')
    }
  })

  t.test(`first node of ${first}: announced by one kind, found by the other, and gone when taken back`, async () => {
    const { driver, nodes, asking, ask } = await mixedNetwork(first)
    const found = async (topic) => {
      const keys = new Set()
      for await (const { peers } of asking.lookup(topic)) for (const { publicKey } of peers) keys.add(publicKey.toString('hex'))
      return [...keys].sort().join()
    }
    for (let i = 0; i < 5; i++) {
      const topic = crypto.randomBytes(32)
      const seed = crypto.randomBytes(32)
      const ours = DHT.keyPair(seed)
      const theirs = DHT.keyPair()
      const relay = nodes[0].address().port
      await driver.ask('announce', i, { topic, seed, relays: [relay] })
      t.equal(await found(topic), ours.publicKey.toString('hex'), 'what JavaScript finds')

      await nodes[i].announce(topic, theirs, [{ host: '127.0.0.1', port: relay }]).finished()
      const looked = await driver.ask('lookup', ask, { topic })
      t.equal(Object.keys(looked.peers).sort().join(), [ours, theirs].map(({ publicKey }) => publicKey.toString('hex')).sort().join(), 'what hsfwd finds')
      t.equal(looked.peers[theirs.publicKey.toString('hex')].join(), `127.0.0.1:${relay}`, 'its relays')

      await nodes[i].unannounce(topic, theirs)
      t.equal(Object.keys((await driver.ask('lookup', ask, { topic })).peers).join(), ours.publicKey.toString('hex'), 'after JavaScript has gone')
      await driver.ask('unannounce', i, { topic, seed })
      t.equal(await found(topic), '', 'after both have gone')
    }
  })

  for (const relay of ['hsfwd', 'JavaScript']) {
    t.test(`first node of ${first}: handshakes relayed by nodes of ${relay}, between all pairs of kinds`, async () => {
      const network = await mixedNetwork(first)
      const { net, driver, nodes, ask } = network
      let relayedByTheirs = 0
      for (const node of nodes) {
        const relayHandshake = node._router.onpeerhandshake
        node._router.onpeerhandshake = function (request) {
          relayedByTheirs++
          return relayHandshake.call(this, request)
        }
      }
      const relayedByOurs = async () => {
        let sum = 0
        for (const { index } of network.ours) sum += (await driver.ask('stats', index)).handshakesRelayed
        return sum
      }
      for (const serving of ['hsfwd', 'JavaScript']) {
        const seed = seedRelayedBy(network, relay)
        const keys = DHT.keyPair(seed)
        if (serving === 'hsfwd') {
          await driver.ask('listen', ask, { seed, as: serving })
        } else {
          const server = peers.node(net).createServer((socket) => { socket.on('error', () => {}); socket.pipe(socket) })
          await server.listen(keys)
        }
        for (const asking of ['hsfwd', 'JavaScript']) {
          const before = [await relayedByOurs(), relayedByTheirs]
          if (asking === 'hsfwd') {
            const client = await Driver.start(net, { ephemeral: 1 })
            await client.ask('connect', 0, { key: keys.publicKey, as: 'client' })
          } else {
            const socket = peers.node(net).connect(keys.publicKey)
            await t.within(20000, 'to connect', new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject) }))
            socket.on('error', () => {})
            socket.destroy()
          }
          const [ours, theirs] = [await relayedByOurs() - before[0], relayedByTheirs - before[1]]
          const [used, unused] = relay === 'hsfwd' ? [ours, theirs] : [theirs, ours]
          t.ok(used > 0 && unused === 0, `${asking} to ${serving}: ${ours} relayed by hsfwd, ${theirs} by JavaScript`)
        }
      }
    })
  }
}

t.test('nodes of ours alone: a stock client reads what is much larger than its question', async () => {
  const net = await peers.ownNetwork(10)
  const writing = peers.node(net)
  await writing.fullyBootstrapped()
  // A new client for each, whom no node has heard of.
  const reading = async () => {
    const node = peers.node(net)
    await node.fullyBootstrapped()
    return node
  }
  for (const size of [100, 1000, 1400, 1847, 1900, 1970]) {
    const value = crypto.randomBytes(size)
    const { hash } = await writing.immutablePut(value)
    const read = await (await reading()).immutableGet(hash)
    t.ok(read && Buffer.from(read.value).equals(value), `an immutable value of ${size} bytes`)
  }
  const keys = DHT.keyPair()
  const value = crypto.randomBytes(1000)
  await writing.mutablePut(keys, value)
  const mutable = await (await reading()).mutableGet(keys.publicKey)
  t.ok(mutable && Buffer.from(mutable.value).equals(value), 'a mutable value of 1000 bytes')

  const topic = crypto.randomBytes(32)
  const relays = [1, 2, 3].map((port) => ({ host: '127.0.0.1', port }))
  for (let i = 0; i < 20; i++) await writing.announce(topic, DHT.keyPair(), relays).finished()
  for await (const { peers: found } of (await reading()).lookup(topic)) t.equal(found.length, 20, 'announced peers in an answer')
})
