// SPDX-License-Identifier: Apache-2.0
// Ways to a service's local port: none in between, hsfwd, ssh -L, hypertele, holesail, and hsfwd with hypertele at the other side. All
// are up at once, and lead to the same service, that of bench_traffic.
'use strict'
const path = require('node:path')
const t = require('../support/harness')
const ssh = require('../support/sshd')
const holesail = require('../interop/holesail')
const hypertele = require('../interop/hypertele')
const peers = require('../interop/peers')
const { cpuSeconds, residentMemory } = require('./processes')

const HERE = { program: (command, args, options) => new t.Program(command, args, options) }
const TRAFFIC = path.join(path.dirname(t.BINARY), 'bench_traffic')
const QUIET = 0.05 // of a processor, below which nothing is going on
const START_TIMEOUT = 60000 // ms
const CLIENT_TIMEOUT = 120000 // ms

/** One of the service's clients: {event, program}. */
function client (name, ...words) {
  const program = HERE.program(TRAFFIC, [name, ...words.map(String)])
  const event = program.event(name, { timeout: CLIENT_TIMEOUT }).catch(async (error) => {
    await program.kill('SIGKILL')
    throw error
  })
  return { event, program }
}

class Way {
  /**
   * @param port that leads to the service
   * @param sides the programs of each
   * @param sized whether their memory is told, and not that of another way's
   */
  constructor (port, sides = [], sized = true) {
    Object.assign(this, { port, sides, sized, programs: sides.flat(), sizes: new Map() })
  }

  /** MB of the side that takes more. */
  memory (kind) { return this.sized && this.sides.length ? Math.max(...this.sides.map(kind)) : undefined }

  /** Has connected once, and done what it does then. */
  async warmUp () {
    await client('trips', this.port, 0.2).event
    await this.calm()
    this.idleMemory = this.memory(residentMemory)
  }

  /** Until nothing is left to be done of what went before: JavaScript peers read ahead without a bound. */
  async calm () {
    const interval = 250 // ms
    for (let i = 0; i < 60; i++) {
      const before = cpuSeconds(this.programs)
      await t.sleep(interval)
      if (cpuSeconds(this.programs) - before <= QUIET * interval / 1000) return
    }
  }
}

async function connectTo (net, key) {
  const program = t.hsfwd(['connect', key, '-L', '0', '--name', `client-${key.slice(0, 8)}`, '--bootstrap', net.bootstrap, '--json'])
  const { listen } = await program.event('ready')
  return { program, port: Number(listen.split(':').pop()) }
}

async function hsfwd ({ net, service }) {
  const exposed = await peers.expose(net, [service])
  const { program, port } = await connectTo(net, exposed.key)
  return Object.assign(new Way(port, [[exposed.program], [program]]), { key: exposed.key })
}

const sshForward = (...more) => async ({ service }) => {
  const problem = ssh.unavailable()
  if (problem) throw new Error(problem)
  const at = await t.freePort()
  const { server, words } = await ssh.startSshd(HERE, '127.0.0.1', `[127.0.0.1]:${at}`, at)
  const port = await t.freePort()
  const program = HERE.program('ssh', [...words, '-N', '-o', 'ExitOnForwardFailure=yes', ...more,
    '-L', `${port}:127.0.0.1:${service}`, '-p', String(at), '127.0.0.1'])
  await t.until(async () => {
    if (program.code !== undefined) throw program.failure('it listened')
    return t.connect(port).then((socket) => { socket.destroy(); return true }, () => false)
  }, 'ssh to listen', START_TIMEOUT)
  return new Way(port, [[server], [program]])
}

const javascript = (name, { server, client }, keyOf) => async ({ net, service }) => {
  try { require.resolve(`../interop/node_modules/${name}/package.json`) } catch {
    throw new Error('its npm packages are not installed (npm ci --ignore-scripts --prefix tests/interop)')
  }
  const serving = await server(net, service)
  const { program, port } = await client(net, keyOf(serving))
  return Object.assign(new Way(port, [[serving.program], [program]]), { key: keyOf(serving) })
}

const WAYS = {
  hsfwd,
  'ssh -L': sshForward(),
  'ssh -L aes128-gcm': sshForward('-c', 'aes128-gcm@openssh.com'),
  hypertele: javascript('hypertele', hypertele, ({ key }) => key),
  holesail: javascript('holesail', holesail, ({ url }) => url),
  bare: async ({ service }) => new Way(service),
  // The first of the two is who connects; the other side is that of a way above.
  'hsfwd to hypertele': async ({ net, ways }) => {
    const { key, sides } = ways.get('hypertele')
    const { program, port } = await connectTo(net, key)
    return new Way(port, [sides[0], [program]], false)
  },
  'hypertele to hsfwd': async ({ net, ways }) => {
    const { key, sides } = ways.get('hsfwd')
    const { program, port } = await hypertele.client(net, key)
    return new Way(port, [sides[0], [program]], false)
  }
}
const NEEDS = { 'hsfwd to hypertele': ['hypertele'], 'hypertele to hsfwd': ['hypertele', 'hsfwd'] }

/** Those of the names, up and connected: {ways: by name, missing: [name, why] each}. */
async function open (names) {
  const { port: service } = await HERE.program(TRAFFIC, ['serve']).event('listening')
  const net = await peers.ownNetwork()
  const ways = new Map()
  const missing = []
  for (const name of Object.keys(WAYS)) {
    const used = names.some((wanted) => wanted === name || (NEEDS[wanted] || []).includes(name))
    if (!used || (NEEDS[name] || []).some((other) => !ways.has(other))) continue
    try {
      const way = await t.within(2 * START_TIMEOUT, 'it to start', WAYS[name]({ net, service, ways }))
      await way.warmUp()
      ways.set(name, way)
    } catch (error) {
      missing.push([name, error.message.split('\n')[0]])
    }
  }
  return { ways, missing }
}

module.exports = { TRAFFIC, client, open }
