// SPDX-License-Identifier: Apache-2.0
// JavaScript peers, and networks made by either kind.
'use strict'
const path = require('node:path')
const t = require('../support/harness')

/** What the network's users run: today's package, and the one the workshop installs. */
const PACKAGES = ['hyperdht', '@hyperswarm/dht']

/** Persistent nodes of a package in this process; what `--bootstrap` and `bootstrap` take for them. */
async function javascriptNetwork (name = 'hyperdht', size = 10, pickPort = () => 0) {
  const DHT = require(name)
  const nodes = []
  const bootstrap = []
  while (nodes.length < size) {
    const node = new DHT({ ephemeral: false, firewalled: false, bootstrap: [...bootstrap], host: '127.0.0.1', port: await pickPort() })
    await node.fullyBootstrapped()
    if (nodes.length === 0) bootstrap.push({ host: '127.0.0.1', port: node.address().port })
    nodes.push(node)
  }
  t.cleanups.push(() => Promise.all(nodes.reverse().map((node) => node.destroy({ force: true }))))
  return network(bootstrap[0].port, { nodes })
}

async function ownNetwork (size = 10) {
  const { program, port } = await t.testnet(size)
  return network(port, { program })
}

function network (port, more) {
  return { port, bootstrap: `127.0.0.1:${port}`, addresses: [{ host: '127.0.0.1', port }], ...more }
}

/** By who makes them. */
const NETWORKS = { 'hsfwd testnet': () => ownNetwork() }
for (const name of PACKAGES) NETWORKS[name] = () => javascriptNetwork(name)

/** A node of a package in this process. */
function node (net, options = {}, name = 'hyperdht') {
  const DHT = require(name)
  const dht = new DHT({ bootstrap: net.addresses, host: '127.0.0.1', ...options })
  t.cleanups.push(() => dht.destroy({ force: true }))
  return dht
}

/** A script of a package as a program of its own. */
function script (file, args) {
  return new t.Program(process.execPath, [path.join(__dirname, file), ...args.map(String)])
}

async function expose (net, targets, more = []) {
  const program = t.hsfwd(['expose', ...targets.map(String), '--bootstrap', net.bootstrap, '--json', ...more])
  const { publicKey } = await program.event('listening')
  return { program, key: publicKey }
}

async function connect (net, key, more = [], spec = '0') {
  const program = t.hsfwd(['connect', key, '-L', spec, '--name', 'client', '--bootstrap', net.bootstrap, '--json', ...more])
  const { listen } = await program.event('ready')
  return { program, port: Number(listen.split(':').pop()) }
}

module.exports = { NETWORKS, PACKAGES, connect, expose, javascriptNetwork, node, ownNetwork, script }
