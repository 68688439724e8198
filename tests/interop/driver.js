// SPDX-License-Identifier: Apache-2.0
// Nodes of ours behind interop_node, and their sockets, as tests want them.
'use strict'
const path = require('node:path')
const t = require('../support/harness')

class Driver {
  /** `persistent` nodes come first, then the ephemeral ones; `walled`: all behind one firewall. */
  static async start (net, { persistent = 0, ephemeral = 0, walled = false }) {
    const driver = new Driver()
    driver.program = new t.Program(path.join(path.dirname(t.BINARY), 'interop_node'),
      [net.port, persistent, ephemeral, ...(walled ? ['walled'] : [])].map(String), { stdin: 'pipe' })
    driver.nodes = (await driver.program.event('ready')).nodes
    return driver
  }

  constructor () { this.lastId = 0 }

  /** One command to one of the nodes; what it answers. */
  async ask (verb, node, more = {}) {
    const id = ++this.lastId
    const command = { do: verb, id, node }
    for (const [name, value] of Object.entries(more)) command[name] = Buffer.isBuffer(value) ? value.toString('hex') : value
    const answer = this.program.event('done', { matches: (event) => event.id === id })
    const failure = this.program.event('failed', { matches: (event) => event.id === id })
    failure.catch(() => {})
    answer.catch(() => {})
    this.program.child.stdin.write(JSON.stringify(command) + '\n')
    const event = await Promise.race([answer, failure])
    if (event.event === 'failed') throw new Error(`${verb}: ${event.error}`)
    return event
  }

  event (name, socket, options) {
    return this.program.event(name, { ...options, matches: (event) => event.socket === socket })
  }

  /** Everything a socket has received so far. */
  received (socket) {
    return Buffer.concat(this.program.events
      .filter((event) => event.event === 'data' && event.socket === socket)
      .map((event) => Buffer.from(event.data, 'hex')))
  }
}

module.exports = { Driver }
