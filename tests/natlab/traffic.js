// SPDX-License-Identifier: Apache-2.0
// What programs of every day do between two members of a private network: a TCP connection that lasts, ssh, iperf3.
'use strict'
const { execFileSync } = require('node:child_process')
const crypto = require('node:crypto')
const path = require('node:path')
const t = require('../support/harness')
const sshd = require('../support/sshd')
const { withNames } = require('./members')

const TCP_PORT = 7001
const IPERF_PORT = 5201

/** A TCP connection of one member to the other, which carries as much as it can both ways, or 64 KB every `pace` ms. */
class Conversation {
  static start (from, to, { pace = 0 } = {}) {
    const place = { address: to.address, port: TCP_PORT }
    return Conversation.between({ host: from.host, ...place }, { host: to.host, ...place }, pace)
  }

  /** The same of two hosts, one of which listens at a place, while the other connects to where that leads. */
  static async between (from, to, pace) {
    const conversation = new Conversation()
    const end = ({ host, address, port }, role) => host.program(process.execPath,
      [path.join(__dirname, 'tcp.js'), role, address, String(port), String(pace)], { stdin: 'pipe' })
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

/** Why these programs cannot do it here; empty if they can. */
function unavailable () {
  try {
    execFileSync('sh', ['-c', 'command -v iperf3'], { stdio: 'ignore' })
  } catch {
    return 'there is no iperf3'
  }
  return sshd.unavailable()
}

/** What goes in by ssh to the other's name comes back from there. */
async function ssh (from, to) {
  const { server, words } = await sshd.startSshd(to.host, to.address, to.name)
  const client = withNames(from, 'ssh', [...words, to.name, 'cat'], { stdin: 'pipe' })
  const data = crypto.randomBytes(1 << 20)
  client.child.stdin.on('error', () => {}).end(data)
  const code = await t.within(60000, 'ssh to end', client.exited)
  await server.kill()
  t.equal(code, 0, `ssh; it said ${client.stderr}, sshd ${server.stderr}`)
  t.ok(Buffer.concat(client.stdout).equals(data), 'what came back by ssh')
}

/** One stream, one that comes back, and datagrams, by iperf3: in words what arrived. */
async function iperf (from, to) {
  const runs = [['forth', ['-n', '8M']], ['back', ['-R', '-n', '8M']], ['UDP', ['-u', '-b', '20M', '-n', '1M']]]
  const told = []
  for (const [i, [name, words]] of runs.entries()) {
    const port = String(IPERF_PORT + i)
    const server = to.host.program('iperf3', ['-s', '-1', '--forceflush', '-B', to.address, '-p', port])
    await t.until(() => server.code !== undefined || server.text().includes('listening'), 'iperf3 to listen')
    const client = from.host.program('iperf3', ['-c', to.address, '-p', port, '-J', ...words])
    const code = await t.within(60000, 'iperf3 to end', client.exited)
    t.equal(code, 0, `iperf3 ${name}; it said ${client.text()}`)
    await server.exited
    const { sum_received: received, sum } = JSON.parse(client.text()).end
    const { bytes, packets, lost_packets: lost, bits_per_second: rate } = received || sum
    t.ok(bytes > 0 && !(lost >= packets), `iperf3 ${name}: nothing arrived`)
    told.push(`${name} ${Math.round(rate / 1e6)} Mbit/s`)
  }
  return told.join(', ')
}

module.exports = { Conversation, TCP_PORT, iperf, ssh, unavailable }
