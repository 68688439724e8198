// SPDX-License-Identifier: Apache-2.0
// What programs of every day do between two members of a private network: a TCP connection that lasts.
'use strict'
const path = require('node:path')
const t = require('../support/harness')

const TCP_PORT = 7001

/** A TCP connection of one member to the other, which carries as much as it can both ways. */
class Conversation {
  static async start (from, to) {
    const conversation = new Conversation()
    const end = (member, role) => member.host.program(process.execPath,
      [path.join(__dirname, 'tcp.js'), role, to.address, String(TCP_PORT)], { stdin: 'pipe' })
    const listening = end(to, 'listen')
    await listening.event('listening')
    conversation.ends = [listening, end(from, 'connect')]
    return conversation
  }

  /** Until so many more megabytes have come at both ends. */
  goesOn (megabytes) {
    return Promise.all(this.ends.map((end) => {
      const before = end.events.filter(({ event }) => event === 'heard').pop()
      const wanted = (before ? before.megabytes : 0) + megabytes
      return end.event('heard', { timeout: 60000 + 200 * megabytes, matches: (event) => event.megabytes >= wanted })
    }))
  }

  /** Both stop sending, and have heard what the other sent. */
  async end () {
    for (const end of this.ends) end.child.stdin.end()
    const [one, other] = await Promise.all(this.ends.map((end) => end.event('done')))
    t.equal(one.heard, other.sent, 'what came of the connection at one end')
    t.equal(other.heard, one.sent, 'what came of the connection at the other')
  }
}

module.exports = { Conversation }
