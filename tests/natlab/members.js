// SPDX-License-Identifier: Apache-2.0
// Hosts of a lab that are in one private network, with nothing configured but each other's keys.
'use strict'
const fs = require('node:fs')
const t = require('../support/harness')
const { START_TIMEOUT, ours, relayed, scratchPath } = require('./peers')

const RESOLVER = 'fdae:7d21:d73d::53'

/** A network of these hosts: of each its `host`, `program`, keys, `address` and `name`. `through` is a relay, as in peers.js. */
async function startNetwork (hosts, { bootstrap, through } = {}) {
  const members = await Promise.all(hosts.map(async (host) => {
    const file = scratchPath('key')
    const { stdout } = await t.run(['keygen', '--identity', file, '--json'])
    // Of interfaces to come; those of the lab have none.
    await host.namespace.ask('sysctl -q -w net.ipv6.conf.default.disable_ipv6=0')
    const { publicKey, key, address } = JSON.parse(stdout)
    return { publicKey, key, address, name: `${key}.hsfwd`, host, file }
  }))
  await Promise.all(members.map(async (member) => {
    const others = members.filter((other) => other !== member).map(({ key }) => key)
    const [command, ...args] = ours('tun', ...others, '--identity', member.file, '--bootstrap', bootstrap, ...relayed(through))
    member.program = member.host.program(command, args)
    member.stop = () => member.program.kill('SIGKILL')
    await member.program.event('ready', { timeout: START_TIMEOUT })
  }))
  return members
}

/** What one member said last of its connection to the other: `state`, `path`, `remote`, `reason`; empty before it said anything. */
function seenBy (from, to) {
  return from.program.events.filter((event) => event.event === 'peer' && event.peer === to.publicKey).pop() || {}
}

/** What became of pings until one is answered, as timeToFirstByte() tells it. */
async function timeToFirstPong (from, to, timeout) {
  const start = performance.now()
  const since = () => performance.now() - start
  while (since() < timeout) {
    // It fails at once while there is nobody to be found, as just after the start.
    const ping = from.host.program('ping', ['-n', '-c', '1', '-w', '10', to.address])
    if (await ping.exited === 0) return { ok: true, took: since(), path: seenBy(from, to).path }
    await t.sleep(200)
  }
  return { ok: false, took: since(), reason: seenBy(from, to).reason || 'no reason given' }
}

let files = null
/** What a host has in /etc that asks the network's resolver, and nobody else. */
function resolverFiles () {
  if (!files) {
    files = { '/etc/resolv.conf': `nameserver ${RESOLVER}\n`, '/etc/nsswitch.conf': 'hosts: files dns\n' }
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(files[name] = scratchPath('conf'), text)
  }
  return files
}

/** A program at a member's that knows the names of the network, by the C library: the mounts are seen by nobody else. */
function withNames (member, command, args, options) {
  const mounts = Object.entries(resolverFiles()).map(([name, file]) => `mount --bind ${file} ${name}`).join('\n')
  return member.host.program('sh', ['-ec', `${mounts}\nexec "$@"`, 'sh', command, ...args], options)
}

/** Whether the other answers by its name, and from the address of its key. */
async function pongByName (from, to) {
  const ping = withNames(from, 'ping', ['-c', '1', '-w', '10', to.name])
  return await ping.exited === 0 && ping.text().includes(`(${to.address})`)
}

module.exports = { pongByName, seenBy, startNetwork, timeToFirstPong, withNames }
