// SPDX-License-Identifier: Apache-2.0
// Hosts on one wire, each a network namespace of its own, with TUN devices. A namespace belongs to the agent that lives in
// it, so that nothing is left of it, however a test ends.
//
//   this namespace: testnet ── bridge ─┬─ eth0, host (agent, hsfwd, ping…)
//                                      └─ eth0, host
'use strict'
const { execFile, execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { promisify } = require('node:util')
const t = require('./harness')

const BRIDGE = 'wire'
// Neither private nor reserved, and nobody's here.
const WIRE = '45.60.0'
const PORT = 49737

const execute = promisify(execFile)
const sh = async (script) => (await execute('sh', ['-ec', script])).stdout

/** Why there can be no hosts here; empty if there can. */
function unavailable () {
  if (process.platform !== 'linux') return 'network namespaces are for Linux'
  if (process.getuid() !== 0) return 'it takes root to make network interfaces'
  if (!fs.existsSync('/dev/net/tun')) return 'there is no /dev/net/tun'
  try {
    execFileSync('unshare', ['--net', 'sh', '-ec', 'ip tuntap add mode tun dev try; ip link add try2 type bridge; ' +
      'ip link add try3 type veth peer name try4'], { stdio: ['ignore', 'ignore', 'pipe'] })
    execFileSync('ping', ['-V'], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    return `hosts with interfaces cannot be made: ${error.message.trim().split('\n').pop()}`
  }
  return ''
}

let wire = null
let number = 1

/** The bridge with a DHT at it, for all cases; {bootstrap}. */
function theWire () {
  wire = wire || (async () => {
    await sh(`ip link add ${BRIDGE} type bridge; ip addr add ${WIRE}.1/24 dev ${BRIDGE}; ip link set ${BRIDGE} up`)
    t.lastingCleanups.push(() => sh(`ip link del ${BRIDGE}`))
    const net = t.hsfwd(['testnet', '--host', `${WIRE}.1`, '--port', String(PORT), '--json'], { lasting: true })
    return { bootstrap: (await net.event('ready')).bootstrap[0] }
  })()
  return wire
}

class Host {
  /** A host of that name, with an identity: its `publicKey`, `key` and `address`. */
  static async start (name) {
    const { bootstrap } = await theWire()
    const host = Object.assign(new Host(), { name, bootstrap, calls: 0 })
    host.folder = fs.mkdtempSync(path.join(t.scratch, `${name}-`))
    host.identity = path.join(host.folder, 'identity')
    host.file = path.join(host.folder, 'hsfwd.toml')
    host.agent = new t.Program('unshare', ['--net', process.execPath, path.join(__dirname, 'agent.js')], { stdin: 'pipe', lasting: true })
    const keys = t.run(['keygen', '--identity', host.identity, '--json'])
    await host.agent.event('ready')
    host.wireAddress = `${WIRE}.${++number}`
    await sh(`ip link add w${number} type veth peer name eth0 netns ${host.agent.pid()}
      ip link set w${number} master ${BRIDGE} up`)
    await host.sh(`ip link set lo up; sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=1
      ip addr add ${host.wireAddress}/24 dev eth0; ip link set eth0 up; ip route add default via ${WIRE}.1`)
    const { publicKey, key, address } = JSON.parse((await keys).stdout)
    return Object.assign(host, { publicKey, key, address })
  }

  /** The words that make a command one of this host. */
  inside (command) { return ['nsenter', `--net=/proc/${this.agent.pid()}/ns/net`, '--', ...command] }
  /** A program in here, with its events. */
  program (command, args, options) {
    const [first, ...words] = this.inside([command, ...args])
    return new t.Program(first, words, options)
  }

  hsfwd (args, options) { return this.program(t.BINARY, args, options) }

  /** Runs a program of ours in here, with this host's identity, to its end. */
  async run (args, { identity = true, bootstrap = true, timeout = 60000 } = {}) {
    const program = this.hsfwd([...args, ...(identity ? ['--identity', this.identity] : []), ...(bootstrap ? ['--bootstrap', this.bootstrap] : [])])
    await t.within(timeout, `${args[0]} to end`, program.exited)
    return { code: program.code, stdout: program.text(), stderr: program.stderr, events: program.events }
  }

  async sh (script) {
    const [command, ...words] = this.inside(['sh', '-ec', script])
    return (await execute(command, words)).stdout
  }

  /** Gives it another address; the old one is gone. */
  async move (address) {
    const before = this.wireAddress
    this.wireAddress = address
    await this.sh(`ip addr del ${before}/24 dev eth0; ip addr add ${address}/24 dev eth0; ip route replace default via ${WIRE}.1`)
  }

  /** What `does(here, ...words)` comes to in this host's network; see agent.js. It sees nothing of what is around it. */
  async call (does, ...words) {
    const id = this.calls++
    this.agent.child.stdin.write(JSON.stringify({ id, text: String(does), words }) + '\n')
    const { value, error } = await this.agent.event('done', { matches: (event) => event.id === id, timeout: 60000 })
    if (error) throw Object.assign(new Error(`${this.name}: ${error}`), { code: error })
    return value
  }

  /** Whether an answer has come; `words` are more of ping's. */
  async ping (to, ...words) {
    const program = this.program('ping', ['-n', '-c', '1', '-W', '10', ...words, to])
    await program.exited
    return program.code === 0
  }

  /** Writes this host's configuration: `text` behind what every one has. */
  configure (text) {
    fs.writeFileSync(this.file, `identity = "${this.identity}"\nbootstrap = ["${this.bootstrap}"]\n${text}\n`)
    return this.file
  }

  async up (text, { ready = true, ...options } = {}) {
    this.configure(text)
    this.running = this.hsfwd(['up', '-c', this.file, '--json'], options)
    if (ready) await this.running.event('ready', { matches: (event) => 'interface' in event })
    return this.running
  }

  reload (text) {
    if (text !== undefined) this.configure(text)
    return this.run(['reload', '-c', this.file], { identity: false, bootstrap: false })
  }

  /** What `status` says of the network. */
  async network () {
    const { stdout } = await this.run(['status', '-c', this.file, '--json'], { identity: false, bootstrap: false })
    return JSON.parse(stdout).networks[0]
  }

  async peer (host) { return (await this.network()).peers.find((peer) => peer.peer === host.publicKey) }

  /** All that the kernel has of interfaces, addresses, routes and rules. */
  async inventory () {
    return this.sh(`ip -o link show | cut -d '<' -f 1; ip -o addr show; ip -4 route show table all; ip -6 route show table all
      ip -4 rule show; ip -6 rule show`)
  }
}

module.exports = { Host, WIRE, sh, unavailable }
