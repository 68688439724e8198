// SPDX-License-Identifier: Apache-2.0
// An internet of network namespaces on this machine, with no way out:
//
//   DHT node ─┐                                        ┌─ host                      public
//   DHT node ─┤            core, with a TUN            ├─ NAT ─┬─ host              consistent, random
//      …      ├── interface that takes 20 ms, loses ───┤       └─ host
//   DHT node ─┘   packets, ends those with TTL < 10    └─ carrier NAT ─┬─ NAT ─ host     cgnat
//                                                                      └─ NAT ─ host
//
// Routers map with nftables: `consistent` keeps the port, as masquerading does by itself; `random`
// takes another one for each destination. Both filter by address and port. What nobody inside asked
// for is dropped before it is remembered: conntrack keeps no entry for what the input hook drops, so
// that a punch that comes too early does not steal the port of the host's own mapping. No router hairpins.
'use strict'
const { execFile, execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { promisify } = require('node:util')
const t = require('../support/harness')

const PREFIX = 'hsfwd-natlab-'
const CORE_ADDRESS = '169.254.0.1' // the next hop of all that is attached to the core
const DHT_PORT = 49737
const DELAY = 20 // ms
const MIN_TTL = 10

/** Why there can be no lab here; empty if there can. */
function unavailable () {
  if (process.platform !== 'linux') return 'network namespaces are for Linux'
  if (process.getuid() !== 0) return 'it takes root to make network namespaces'
  if (!fs.existsSync('/dev/net/tun')) return 'there is no /dev/net/tun'
  const name = `${PREFIX}${process.pid}-try`
  try {
    execFileSync('sh', ['-ec', `ip netns add ${name}; ip -n ${name} tuntap add mode tun dev try
      ip -n ${name} link add try2 type bridge
      echo 'table ip t { chain c { type nat hook postrouting priority srcnat; oifname "x" masquerade fully-random; }; }' |
        ip netns exec ${name} nft -f -`], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    return `namespaces with TUN and nftables cannot be made: ${error.message.trim().split('\n').pop()}`
  } finally {
    try { execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' }) } catch {}
  }
  return ''
}

const execute = promisify(execFile)
const sh = async (script) => (await execute('sh', ['-ec', script])).stdout

/** Removes what a lab left behind whose process was killed. */
async function sweep () {
  for (const name of fs.existsSync('/run/netns') ? fs.readdirSync('/run/netns') : []) {
    const owner = name.startsWith(PREFIX) && Number(name.slice(PREFIX.length).split('-')[0])
    if (!owner || fs.existsSync(`/proc/${owner}`)) continue
    for (const pid of (await sh(`ip netns pids ${name}`)).split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL')
    await sh(`ip netns del ${name}`)
  }
}

/** Commands given to it are carried out with the next Lab.settle(), all in one go. */
class Namespace {
  constructor (lab, what) {
    this.lab = lab
    this.name = `${PREFIX}${process.pid}-${lab.names++}-${what}`
    lab.namespaces.add(this)
    lab.plan(`ip netns add ${this.name}; ip -n ${this.name} link set lo up`)
    this.run('sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0')
  }

  run (script) { this.lab.plan(`ip netns exec ${this.name} sh -e <<'SCRIPT'\n${script}\nSCRIPT`) }
  /** What a command says, at once. */
  ask (script) { return sh(`ip netns exec ${this.name} sh -e <<'SCRIPT'\n${script}\nSCRIPT`) }

  /** A program in here, with its events. */
  program (command, args, options) {
    return new t.Program('ip', ['netns', 'exec', this.name, command, ...args], options)
  }
}

/** Where all sites meet. What is attached gets an address that is neither private nor reserved. */
class Core {
  constructor (lab) {
    this.lab = lab
    this.links = new Map() // by address
    this.namespace = new Namespace(lab, 'core')
    this.namespace.run('sysctl -q -w net.ipv4.ip_forward=1')
  }

  async start ({ delay, seed }) {
    await this.lab.settle()
    this.internet = this.namespace.program('nice', ['-n', '-10', internetProgram(), 'internet', String(delay), String(MIN_TTL), String(seed)],
      { stdin: 'pipe', lasting: true })
    await this.internet.event('ready')
    // From a site into the TUN interface, from there to the other site.
    this.namespace.run(`ip route add default dev internet table 100
      ip rule add iif internet lookup main pref 100
      ip rule add lookup 100 pref 200
      ip route add blackhole default`)
  }

  /** `loss PERCENT`, `delay MS` or `line MBIT KILOBYTES`, see internet.cpp. */
  tell (what) { this.internet.child.stdin.write(`${what}\n`) }

  newAddress () {
    const n = this.lab.addresses++
    return `52.${10 + (n >> 8)}.${n & 255}.1`
  }

  /** An interface `wan` in the namespace; its address. */
  attach (namespace) {
    const address = this.newAddress()
    const link = `s${this.lab.addresses}`
    this.links.set(address, link)
    this.lab.plan(`ip -n ${this.namespace.name} link add ${link} type veth peer name wan netns ${namespace.name}`)
    this.namespace.run(`ip addr add ${CORE_ADDRESS}/32 dev ${link}; ip link set ${link} up; ip route add ${address}/32 dev ${link}`)
    namespace.run(`ip addr add ${address}/32 dev wan; ip link set wan up
      ip route add ${CORE_ADDRESS} dev wan; ip route add default via ${CORE_ADDRESS} src ${address}`)
    return address
  }

  /** Gives what is attached another address; the old one is gone. */
  renumber (namespace, before) {
    const address = this.newAddress()
    const link = this.links.get(before)
    this.links.set(address, link)
    this.namespace.run(`ip route del ${before}/32; ip route add ${address}/32 dev ${link}`)
    namespace.run(`ip addr add ${address}/32 dev wan
      ip route replace default via ${CORE_ADDRESS} src ${address}; ip addr del ${before}/32 dev wan`)
    return address
  }
}

/** A router with a network behind it. */
class Router {
  /**
   * @param uplink Core or Router
   * @param random another port for each destination
   * @param network the first three octets of what is behind it
   * @param isolated what is behind it does not reach each other
   */
  constructor (uplink, { random = false, network = '192.168.1', isolated = false } = {}) {
    this.lab = uplink.lab
    this.uplink = uplink
    this.random = random
    this.network = network
    this.isolated = isolated
    this.attached = 0
    this.lives = 0
    this.namespace = new Namespace(this.lab, 'nat')
    this.address = uplink.attach(this.namespace)
    // A bridge is a switch here: what passes it is no business of the router's rules.
    this.namespace.run(`sysctl -q -w net.ipv4.ip_forward=1
      ip link add lan type bridge; ip addr add ${network}.1/24 dev lan; ip link set lan up
      if [ -e /proc/sys/net/bridge ]; then sysctl -q -w net.bridge.bridge-nf-call-iptables=0; fi`)
    this.reboot()
  }

  /** Starts without memory of any flow: those of earlier lives are in zones that nothing looks into. */
  reboot () {
    this.lives++
    this.namespace.run(`nft -f - <<'RULES'
flush ruleset
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname "wan" masquerade ${this.random ? 'random,fully-random' : ''}
  }
}
table ip filter {
  set walled {
    type ipv4_addr
  }
  chain prerouting {
    type filter hook prerouting priority raw
    ct zone set ${this.lives}
  }
  chain input {
    type filter hook input priority filter; policy drop
    iifname "lo" accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop
    ip daddr @walled drop
    iifname "lan" oifname "wan" accept
    iifname "wan" ct state established,related accept
  }
}
RULES`)
  }

  /** As a line does overnight: another address outside, and no mapping survives. */
  renumber () {
    this.address = this.uplink.renumber(this.namespace, this.address)
    this.reboot()
  }

  attach (namespace) {
    const n = this.attached++
    const address = `${this.network}.${10 + n}`
    this.lab.plan(`ip -n ${this.namespace.name} link add p${n} type veth peer name wan netns ${namespace.name}`)
    this.namespace.run(`ip link set p${n} master lan up`)
    if (this.isolated) this.namespace.run(`bridge link set dev p${n} isolated on`)
    namespace.run(`ip addr add ${address}/24 dev wan; ip link set wan up; ip route add default via ${this.network}.1`)
    return address
  }

  /** Nothing from inside reaches that address any more, or again. */
  wall (address, closed = true) { return this.namespace.ask(`nft ${closed ? 'add' : 'delete'} element ip filter walled '{ ${address} }'`) }

  /** What is remembered of UDP flows, a line each. */
  async flows () { return (await this.namespace.ask('cat /proc/net/nf_conntrack')).split('\n').filter((line) => line.includes('udp')) }
}

class Host {
  constructor (uplink) {
    this.lab = uplink.lab
    this.uplink = uplink
    this.namespace = new Namespace(this.lab, 'host')
    this.address = uplink.attach(this.namespace)
  }

  /** Takes it to another network, as one carries a laptop; its old interface is gone, and what is new may have the same address. */
  move (uplink) {
    this.namespace.run('ip link del wan')
    this.uplink = uplink
    this.address = uplink.attach(this.namespace)
    this.namespace.run('sysctl -q -w net.ipv6.conf.wan.disable_ipv6=1') // as of all others here, whatever is said of those to come
  }

  /** The address that the internet sees of it. */
  outside () {
    let at = this
    while (at.uplink instanceof Router) at = at.uplink
    return at.address
  }

  program (command, args, options) { return this.namespace.program(command, args, options) }
}

const carrier = (core) => new Router(core, { network: '100.64.0', isolated: true })

/** What hosts are attached to, at a site of a kind. */
const UPLINKS = {
  public: (core) => core,
  consistent: (core) => new Router(core),
  random: (core) => new Router(core, { random: true }),
  cgnat: (core) => new Router(carrier(core))
}

/** A host at a site of a kind. */
const SITES = Object.fromEntries(Object.entries(UPLINKS).map(([kind, uplink]) => [kind, (core) => new Host(uplink(core))]))

function behindOne (router) { return { server: new Host(router), client: new Host(router) } }

/** Two hosts that have a router in common. Homes number their networks alike. */
const SHARED = {
  'same LAN': (core) => behindOne(new Router(core)),
  'isolated LAN': (core) => behindOne(new Router(core, { isolated: true })),
  'one carrier': (core) => {
    const shared = carrier(core)
    return { server: new Host(new Router(shared)), client: new Host(new Router(shared)) }
  }
}

function internetProgram () { return path.join(path.dirname(t.BINARY), 'natlab_internet') }

class Lab {
  constructor () {
    this.namespaces = new Set()
    this.names = 0
    this.addresses = 0
    this.planned = []
    this.loss = 0
  }

  plan (commands) { this.planned.push(commands) }
  settle () { return sh(this.planned.splice(0).join('\n')) }

  /** The core and its DHT nodes: `startNode(host, bootstrap)` runs one, which says `ready`. */
  async start ({ nodes, startNode, delay = DELAY, seed = 1 }) {
    await sweep()
    t.lastingCleanups.push(() => this.remove([...this.namespaces]))
    this.core = new Core(this)
    await this.core.start({ delay, seed })
    const hosts = Array.from({ length: nodes }, () => new Host(this.core))
    await this.settle()
    this.bootstrap = `${hosts[0].address}:${DHT_PORT}`
    await startNode(hosts[0], null).event('ready')
    await Promise.all(hosts.slice(1).map((host) => startNode(host, this.bootstrap).event('ready')))
  }

  /** Of every packet that crosses the core, from now on. */
  setLoss (percent) {
    if (percent !== this.loss) this.core.tell(`loss ${percent}`)
    this.loss = percent
  }

  /** What `build(core)` makes of hosts and routers, by name, and how to `remove()` it. */
  async build (build) {
    const before = new Set(this.namespaces)
    const built = build(this.core)
    const namespaces = [...this.namespaces].filter((namespace) => !before.has(namespace))
    await this.settle()
    return { ...built, remove: () => this.remove(namespaces) }
  }

  /** Hosts for a server and a client: at sites of two kinds, or in a place of SHARED. */
  place (...where) {
    return this.build((core) => where.length === 1
      ? SHARED[where[0]](core)
      : { server: SITES[where[0]](core), client: SITES[where[1]](core) })
  }

  /** Programs in there have ended by then. */
  remove (namespaces) {
    for (const namespace of namespaces) this.namespaces.delete(namespace)
    return sh(namespaces.map((namespace) => `ip netns del ${namespace.name} || true`).join('\n'))
  }
}

module.exports = { DELAY, DHT_PORT, Lab, SHARED, SITES, UPLINKS, unavailable }
