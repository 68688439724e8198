// SPDX-License-Identifier: Apache-2.0
// Private networks: hosts with nothing in common but a wire and each other's keys, and what their programs, their
// administrators and their peers can do to them.
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const t = require('../support/harness')
const { Host, WIRE, unavailable } = require('../support/hosts')

t.skipAllIf(unavailable())

const NAME_SERVER = 'fdae:7d21:d73d::53'
const A = 1
const AAAA = 28
const PTR = 12
const MEGABYTE = 1024 * 1024

const names = ['anna', 'bert', 'carl', 'dora', 'emil']
let started = null
/** The same five for all cases, of which each takes what it needs. */
function theHosts () {
  started = started || Promise.all(names.map((name) => Host.start(name)))
  return started
}

const peerTables = (hosts, more = () => '') =>
  hosts.map((host) => `[peer.${host.name}]\nkey = "${host.key}"\n${more(host)}\n`).join('')
const listOf = (words) => `[${words.map((word) => `"${word}"`).join(', ')}]`
/** The configuration of a network with these peers; `words` are more of [tun], `more(host)` of a peer. */
const networkOf = (hosts, words = '', more) => `${peerTables(hosts, more)}[tun]\npeers = ${listOf(hosts.map((h) => h.name))}\n${words}\n`
const tunWith = (host, peers, ...words) => host.hsfwd(
  ['tun', ...peers.map((peer) => peer.key), '--identity', host.identity, '--bootstrap', host.bootstrap, '--json', ...words])
const isNetwork = { matches: (event) => 'interface' in event }

/** A TCP service in the host's network that sends back what it gets; its port. */
function echo (host, port = 0) {
  return host.call(({ net, keep }, port) => new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    })
    server.on('error', reject)
    server.listen(port, '::', () => {
      keep(server)
      resolve(server.address().port)
    })
  }), port)
}

/** An open connection, by number. */
function dial (host, to, port) {
  return host.call(({ net, keep }, to, port) => new Promise((resolve, reject) => {
    const socket = net.connect({ host: to, port })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.removeListener('error', reject)
      const state = { socket, heard: 0, over: '' }
      socket.on('data', (data) => { state.heard += data.length })
      socket.on('error', (error) => { state.over = error.code })
      socket.on('close', () => { state.over = state.over || 'closed' })
      resolve(keep(state))
    })
  }), to, port)
}

/** Sends so many bytes to an echo service, at once, and waits until all are back. */
function roundTrip (host, id, size) {
  return host.call(({ kept }, id, size) => new Promise((resolve, reject) => {
    const state = kept.get(id)
    const wanted = state.heard + size
    const look = () => {
      if (state.over) return reject(new Error(`the connection is over: ${state.over}`))
      if (state.heard >= wanted) return resolve(state.heard === wanted)
      setTimeout(look, 10)
    }
    state.socket.write(Buffer.alloc(size, 7))
    look()
  }), id, size)
}

async function talks (host, to, port, size = MEGABYTE) {
  const id = await dial(host, to, port)
  t.ok(await roundTrip(host, id, size), 'as much as was sent')
  return id
}

/** What became of an attempt to connect: an error's name, or "open". */
const attempt = (host, to, port) => dial(host, to, port).then(() => 'open', (error) => error.code || error.message)

/** The text of the answer to a question by DNS, of one record; or "none". */
function ask (host, name, type) {
  return host.call(({ dgram }, server, name, type) => new Promise((resolve, reject) => {
    const label = (text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
    const question = Buffer.concat([...name.split('.').map(label), Buffer.from([0, 0, type, 0, 1])])
    const socket = dgram.createSocket('udp6')
    const late = setTimeout(() => reject(new Error('no answer')), 5000)
    socket.on('message', (answer) => {
      clearTimeout(late)
      socket.close()
      if (answer.readUInt16BE(6) === 0) return resolve(`none, code ${answer[3] & 15}`)
      // Behind the question: a pointer to its name, type, class, lifetime, length.
      const data = answer.subarray(12 + question.length + 12)
      if (type === 28) return resolve(data.subarray(0, 16).toString('hex'))
      if (type === 1) return resolve(data.subarray(0, 4).toString('hex'))
      const labels = []
      for (let at = 0; data[at] !== 0; at += 1 + data[at]) labels.push(data.subarray(at + 1, at + 1 + data[at]).toString())
      resolve(labels.join('.'))
    })
    socket.send(Buffer.concat([Buffer.from('123401000001000000000000', 'hex'), question]), 53, server)
  }), NAME_SERVER, name, type)
}

/** An IPv6 address in whole, in hexadecimal digits. */
function digitsOf (address) {
  const [head, tail = ''] = address.split('::')
  const groups = (text) => text.split(':').filter(Boolean)
  const missing = 8 - groups(head).length - groups(tail).length
  return [...groups(head), ...Array(missing).fill('0'), ...groups(tail)].map((group) => group.padStart(4, '0')).join('')
}
const reverseOf = (address) => [...digitsOf(address)].reverse().join('.') + '.ip6.arpa'

t.test('two hosts, nothing but their keys: ping, TCP and names, and nothing is left of it, however it ends', async () => {
  const [a, b] = await theHosts()
  const before = await a.inventory()
  let one = tunWith(a, [b])
  const two = tunWith(b, [a])
  const { interface: name, addresses } = await one.event('ready')
  t.equal(`${name} ${addresses}`, `hsfwd0 ${a.address}`, 'the interface')
  await two.event('ready')
  const ports = await Promise.all([echo(a), echo(b)])
  t.ok(await a.ping(b.address), 'the first ping')
  t.ok(await b.ping(a.address), 'the other way')
  await Promise.all([talks(a, b.address, ports[1]), talks(b, a.address, ports[0])])
  t.equal((await one.event('peer', { matches: (e) => e.state === 'open' })).peer, b.publicKey, 'who is connected')

  t.equal(await ask(a, `${b.key}.hsfwd`, AAAA), digitsOf(b.address), 'the address of a name')
  t.equal(await ask(a, reverseOf(b.address), PTR), `${b.key}.hsfwd`, 'the name of an address')
  t.equal(await ask(a, 'nobody.hsfwd', AAAA), 'none, code 3', 'a name of nobody')

  for (const [signal, code] of [['SIGTERM', 143], ['SIGKILL', 137]]) {
    t.ok(await a.inventory() !== before, 'there is something while it runs')
    t.equal(await one.kill(signal), code, 'exit code')
    t.equal(await a.inventory(), before, `what is there after ${signal}`)
    one = tunWith(a, [b])
    await one.event('ready')
    t.ok(await a.ping(b.address), `ping after ${signal} and another start`)
  }
})

t.test('one key for services and a network: names, addresses, and everybody gets what is meant for them', async () => {
  const [a, b, c, d] = await theHosts()
  const web = await echo(a)
  const addressOf = { anna: '10.246.0.1', bert: '10.246.0.2' }
  const addressLine = (host) => `address = "${addressOf[host.name]}"`
  const config = `[[expose]]\nservices = ["web=${web}"]\nallow = ["carl"]\n${peerTables([c])}` +
    networkOf([b], 'address = "10.246.0.1/16"', addressLine)
  await Promise.all([a.up(config), b.up(networkOf([a], 'address = "10.246.0.2/16"', addressLine))])

  const checked = await a.run(['check', '-c', a.file, '--json'], { identity: false, bootstrap: false })
  const valid = JSON.parse(checked.stdout.trim().split('\n').pop())
  t.equal(`${valid.event} ${valid.services} ${valid.networkPeers}`, 'valid 1 1', 'what check counts')

  const port = await echo(b)
  t.ok(await a.ping('10.246.0.2') && await b.ping('10.246.0.1') && await b.ping(a.address), 'ping by each address')
  await talks(a, '10.246.0.2', port)
  t.equal(await ask(a, 'bert.hsfwd', AAAA), digitsOf(b.address), 'a name')
  t.equal(await ask(a, reverseOf(b.address), PTR), 'bert.hsfwd', 'the name of an address')
  t.equal(await ask(a, '2.0.246.10.in-addr.arpa', PTR), 'bert.hsfwd', 'the name of an IPv4 address')

  const network = await a.network()
  const [peer] = network.peers
  t.equal([network.interface, network.publicKey, network.key, network.mtu, network.addresses].join(' '),
    ['hsfwd0', a.publicKey, a.key, 1420, [a.address, '10.246.0.1']].join(' '), 'status')
  t.equal([peer.peer, peer.name, peer.state, peer.addresses, 'problem' in network].join(' '),
    [b.publicKey, 'bert', 'open', [b.address, '10.246.0.2'], false].join(' '), 'the peer in status')
  t.ok(peer.maxPacket >= 1280 && peer.rttMillis > 0 && peer.remote.startsWith(WIRE) && peer.path !== '', JSON.stringify(peer))
  t.ok(peer.bytesToPeer > MEGABYTE && peer.bytesFromPeer > MEGABYTE && peer.packetsToPeer > 0 && peer.packetsFromPeer > 0, JSON.stringify(peer))
  const told = await a.run(['status', '-c', a.file], { identity: false, bootstrap: false })
  for (const word of ['network hsfwd0', a.address, '10.246.0.2', 'bert']) t.ok(told.stdout.includes(word), `'${word}' in ${told.stdout}`)
  const { connections } = JSON.parse((await a.run(['peers', '-c', a.file, '--json'], { identity: false, bootstrap: false })).stdout)
  t.ok(connections.some((one) => one.service === 'tun' && one.peer === b.publicKey && one.bytesToPeer > MEGABYTE), JSON.stringify(connections))

  // A client of the service is no peer of the network, a peer of the network no client of the service.
  const client = await c.run(['ping', a.key, '-c', '1', '--json'])
  t.equal(client.events.find((e) => e.event === 'connection').services.join(), 'web', 'what a client sees')
  const guest = await b.run(['ping', a.key, '-c', '1', '--json'])
  t.ok(!JSON.stringify(guest.events).includes('"web"'), `what a peer of the network sees: ${JSON.stringify(guest.events)}`)
  t.equal(guest.code, 0, 'its ping')
  const why = await b.run(['why', a.key, '--json'])
  t.ok(!JSON.stringify(why.events).includes('"web"') && !/\bweb\b/.test(why.stdout), `what why tells it: ${why.stdout}`)
  const served = c.hsfwd(['connect', a.key, '-L', '0', '--identity', c.identity, '--bootstrap', c.bootstrap, '--json'])
  const local = Number((await served.event('ready')).listen.split(':').pop())
  await talks(c, '127.0.0.1', local)
  const stranger = tunWith(d, [a])
  await stranger.event('ready')
  t.ok(!await d.ping(a.address, '-W', '1'), 'a stranger is in the network')
  await t.until(() => a.running.stderr.includes(`tun: refused ${d.key}`), 'a word about it, as one of the network')
  const outsider = tunWith(c, [a])
  await outsider.event('ready')
  t.ok(!await c.ping(a.address, '-W', '3'), 'a client of the service is in the network')
  t.equal((await outsider.event('peer', { matches: (e) => e.reason !== '' })).reason, 'the peer has no network for this key', 'what it hears')
  for (const [host, to] of [[b, a], [a, b]]) {
    const { code, stderr } = await host.run(['pipe', to.key])
    t.ok(`${code} ${stderr}`.startsWith('69 hsfwd: the peer has no services for this key'), `pipe from ${host.name}: ${code} ${stderr}`)
  }
  const lost = a.hsfwd(['connect', b.key, '-L', '0:web', '--identity', a.identity, '--bootstrap', a.bootstrap, '--json'])
  t.ok(/^the peer has no services for this key; .*listening anyway$/.test((await lost.event('error')).message), 'connect')
  t.ok(await a.ping(b.address) && await b.ping('10.246.0.1'), 'the network goes on')
})

t.test('who may reach one port: it works, another is refused at once, answers come in', async () => {
  const [a, b] = await theHosts()
  const [open, closed, back] = await Promise.all([echo(b), echo(b), echo(a)])
  await Promise.all([a.up(networkOf([b])), b.up(networkOf([a], `allow = ["tcp:${open}"]`))])
  await talks(a, b.address, open)
  t.equal(await attempt(a, b.address, closed), 'EACCES', 'another port: what ICMP says of it')
  t.ok(!await a.ping(b.address, '-W', '1'), 'ping is not on the list')
  await talks(b, a.address, back)
  t.ok(await b.ping(a.address), 'an answer to a ping of the limited side')
  const drops = Object.fromEntries((await b.peer(a)).drops.map(({ reason, packets }) => [reason, packets]))
  t.ok(drops.refused >= 2, `counted: ${JSON.stringify(drops)}`)
})

t.test('a configuration that changes: connections of peers that stay go on', async () => {
  const [a, b, c] = await theHosts()
  const [port, other] = await Promise.all([echo(a), echo(a)])
  await Promise.all([a.up(networkOf([b, c])), b.up(networkOf([a])), c.up(networkOf([a]))])
  const [fromB, fromC] = await Promise.all([talks(b, a.address, port), talks(c, a.address, port)])
  const reloaded = async (text) => {
    const { code, stderr } = await a.reload(text)
    t.equal(`${code} ${stderr}`, '0 ', 'reload')
    t.ok(await roundTrip(b, fromB, MEGABYTE), 'the connection that has nothing to do with it')
  }
  await reloaded(networkOf([b]))
  t.ok(!await c.ping(a.address, '-W', '1'), 'who was removed is out')
  await reloaded(networkOf([b, c]))
  await t.until(() => c.ping(a.address, '-W', '1'), 'who was added again is in')
  t.ok(await roundTrip(c, fromC, MEGABYTE), 'and its connection is still there')

  await reloaded(networkOf([b, c], '', (host) => host === c ? `allow = ["tcp:${port}"]` : ''))
  t.equal(await attempt(c, a.address, other), 'EACCES', 'what it may not any more')
  t.equal(await attempt(b, a.address, other), 'open', 'what the other may')

  await reloaded(networkOf([b, c], 'mtu = 1300\naddress = "10.246.0.1/16"'))
  t.ok(/ mtu 1300 /.test(await a.sh('ip link show hsfwd0')), 'another MTU')
  t.ok((await a.sh('ip addr show hsfwd0')).includes('10.246.0.1/16'), 'another address')

  const good = fs.readFileSync(a.file, 'utf8')
  const wrong = [[networkOf([b], 'mtu = 100'), /mtu/], [networkOf([b], 'allow = ["tcp:x"]'), /tcp:x/], [networkOf([b, b]), /bert/],
    [networkOf([a]), /own key/], [networkOf([b, c], '', () => 'address = "10.246.0.2"'), /both have/]]
  for (const [text, said] of wrong) {
    const { code, stderr } = await a.reload(text)
    t.equal(code, 78, `${said}: exit code; it said ${stderr}`)
    t.ok(/^hsfwd: .*\n$/.test(stderr) && said.test(stderr), `one line: ${stderr}`)
    t.ok(await roundTrip(b, fromB, 1000), 'nothing has changed')
  }
  await a.sh('ip link add lan0 type bridge')
  t.cleanups.push(() => a.sh('ip link del lan0'))
  for (const time of ['once', 'and again, with the same file']) {
    const { code, stderr } = await a.reload(networkOf([b, c], 'name = "lan0"'))
    t.equal(`${code} ${stderr}`, `1 hsfwd: ${a.file}: the interface 'lan0' is not a TUN interface, and not for us to use; ` +
      'the interface stays as it was; everything else in the file is applied\n', time)
    t.ok(await roundTrip(b, fromB, MEGABYTE), 'the interface that there was')
  }
  await a.sh(`ip route add 10.250.0.0/16 via ${WIRE}.1`)
  t.cleanups.push(() => a.sh(`ip route del 10.250.0.0/16 via ${WIRE}.1`))
  const taken = await a.reload(networkOf([b], 'pool = "10.250.0.0/16"'))
  t.ok(taken.code === 1 && /addresses stay as they were, and there are no new peers; /.test(taken.stderr), `a pool that is taken: ${taken.stderr}`)
  t.equal((await a.network()).peers.map(({ peer }) => peer).join(), b.publicKey, 'who was removed is out all the same')
  t.ok(await roundTrip(b, fromB, 1000), 'who stays, stays')
  await reloaded(good.split('\n').slice(2).join('\n'))
})

t.test('a reload after which the interface is another one, though it failed: the resolver hears of it', async () => {
  const [a, b] = await theHosts()
  const folder = fs.mkdtempSync(path.join(t.scratch, 'resolver-'))
  const log = path.join(folder, 'log')
  fs.writeFileSync(path.join(folder, 'resolvectl'), `#!/bin/sh\necho "$@" >> ${log}\n`, { mode: 0o755 })
  const told = () => fs.existsSync(log) ? fs.readFileSync(log, 'utf8').split('\n').filter((line) => /^-- dns hsfwd0 /.test(line)).length : 0
  a.configure(networkOf([b]))
  // Where it looks for systemd-resolved, for this process alone.
  const running = a.program('unshare', ['--mount', 'sh', '-ec', 'mkdir -p /run/systemd; mount -t tmpfs none /run/systemd; mkdir /run/systemd/resolve; exec "$@"',
    'sh', t.BINARY, 'up', '-c', a.file, '--json'], { env: { PATH: `${folder}:${process.env.PATH}` } })
  await running.event('ready', isNetwork)
  await t.until(async () => told() === 1, 'the resolver to be told')
  await a.sh('ip link add lan0 type bridge')
  t.cleanups.push(() => a.sh('ip link del lan0'))
  t.equal((await a.reload(networkOf([b], 'name = "lan0"'))).code, 1, 'reload')
  await t.until(async () => told() === 2, 'the resolver to be told of the other one')
})

t.test('an interface that cannot be had, or is taken away: one line, the rest runs, and it comes when it can', async () => {
  const [a, b] = await theHosts()
  const web = await echo(a)
  await b.up(networkOf([a]))
  await a.sh('ip link add lan0 type bridge')
  const running = await a.up(`[[expose]]\nservices = ["web=${web}"]\n` + networkOf([b], 'name = "lan0"'), { ready: false })
  const errors = () => running.events.filter((e) => e.event === 'error').map((e) => e.message)
  await running.event('error')
  await running.event('listening')
  t.equal(errors().join(), "the interface 'lan0' is not a TUN interface, and not for us to use; trying again", 'what it says')
  t.ok((await a.network()).problem.includes('lan0'), 'in status as well')
  const { code, stdout } = await b.run(['ping', a.key, '-c', '1', '--json'])
  t.equal(code, 0, `a service meanwhile: ${stdout}`)
  await a.sh('ip link del lan0')
  await running.event('ready', isNetwork)
  t.ok(await a.ping(b.address), 'ping')
  t.equal(errors().length, 1, 'lines')

  await a.sh('ip link del lan0')
  await t.until(() => errors().length === 2, 'a word about it')
  const times = () => running.events.filter((e) => e.event === 'ready' && isNetwork.matches(e)).length
  await t.until(() => times() === 2, 'it to be made again')
  await t.until(() => a.ping(b.address, '-W', '1'), 'ping')
  t.equal(errors().length, 2, `lines: ${errors()}`)

  await a.sh('ip link del lan0')
  await t.until(() => errors().length === 3, 'another word about it')
  t.equal((await a.reload()).code, 0, 'a reload')
  await t.until(() => times() === 3, 'a word that it is there')
})

t.test('a network is offered where nothing is forwarded: check warns of it', async () => {
  const [a, b] = await theHosts()
  a.configure(networkOf([b], 'offer = ["192.168.7.0/24"]'))
  const check = async () => {
    const { code, stderr } = await a.run(['check', '-c', a.file], { identity: false, bootstrap: false })
    t.equal(code, 0, 'exit code')
    return stderr
  }
  t.cleanups.push(() => a.sh('sysctl -q -w net.ipv4.ip_forward=0'))
  await a.sh('sysctl -q -w net.ipv4.ip_forward=0')
  t.ok(/^hsfwd: warning: \[tun\]: .*192\.168\.7\.0\/24.*net\.ipv4\.ip_forward=1.*$/m.test(await check()), 'a line')
  await a.sh('sysctl -q -w net.ipv4.ip_forward=1')
  t.ok(!(await check()).includes('ip_forward'), 'where it is forwarded')
})

/** Somewhere on the internet, to which only the one at home has a way: an address of `far`, a service there, and who it says one is. */
async function farAway (home, far, traveller) {
  const FAR = '45.61.0.7'
  await far.sh(`ip addr add ${FAR}/32 dev lo`)
  t.cleanups.push(() => far.sh(`ip addr del ${FAR}/32 dev lo`))
  await home.sh(`ip route replace default via ${far.wireAddress}; sysctl -q -w net.ipv4.ip_forward=1
    nft 'add table ip home { chain out { type nat hook postrouting priority srcnat; oifname "eth0" masquerade; }; }'`)
  t.cleanups.push(() => home.sh(`ip route replace default via ${WIRE}.1; sysctl -q -w net.ipv4.ip_forward=0; nft delete table ip home`))
  const service = await far.call(({ net, keep }) => new Promise((resolve) => {
    const server = net.createServer((socket) => socket.end(socket.remoteAddress)).listen(0, '0.0.0.0', () => {
      keep(server)
      resolve(server.address().port)
    })
  }))
  const whoAmI = (to) => traveller.call(({ net }, to, port) => new Promise((resolve) => {
    let heard = ''
    net.connect(port, to).on('data', (data) => { heard += data }).on('error', (error) => resolve(error.code)).on('close', () => resolve(heard))
  }), to, service)
  return { FAR, service, whoAmI }
}

t.test('a peer that offers both halves of IPv4: all of it goes through it, but what is in the host\'s own network, and its tunnel', async () => {
  const [home, traveller, far] = await theHosts()
  const { FAR, whoAmI } = await farAway(home, far, traveller)
  await home.up(networkOf([traveller], 'address = "10.88.0.1/24"\noffer = ["0.0.0.0/1", "128.0.0.0/1"]', () => 'address = "10.88.0.2"'))
  await traveller.up(networkOf([home], 'address = "10.88.0.2/24"', () => 'address = "10.88.0.1"\nnetworks = ["0.0.0.0/1", "128.0.0.0/1"]'))
  await t.until(() => traveller.ping(FAR, '-W', '1'), 'the way through home')
  t.equal(await whoAmI(FAR), home.wireAddress, 'as whom it is seen far away')
  t.equal(await whoAmI(far.wireAddress), traveller.wireAddress, 'as whom it is seen in its own network')
  const { path, remote } = await traveller.peer(home)
  t.equal(`${path} ${remote.split(':')[0]}`, `direct ${home.wireAddress}`, 'the tunnel\'s own way')
  await traveller.running.kill('SIGTERM')
  t.equal(await whoAmI(far.wireAddress), traveller.wireAddress, 'afterwards')
  t.ok(!(await traveller.inventory()).includes('hsfwd'), 'nothing is left')
})

t.test('an exit: everything goes through the peer, names as well, and nothing past it, until it is given up', async () => {
  const [home, traveller, far] = await theHosts()
  const { FAR, service, whoAmI } = await farAway(home, far, traveller)
  // A server for names, which knows one address.
  await far.call(({ dgram, keep }, at) => new Promise((resolve) => {
    const socket = dgram.createSocket('udp4')
    socket.on('message', (question, from) => {
      const answer = Buffer.concat([question, Buffer.from('c00c000100010000003c00042d3d0007', 'hex')])
      answer[2] |= 0x80
      answer.writeUInt16BE(1, 6)
      socket.send(answer, from.port, from.address)
    })
    socket.bind(53, at, () => {
      keep(socket)
      resolve()
    })
  }), FAR)
  const before = await traveller.inventory()
  const exit = (words = '') => networkOf([home], `address = "10.88.0.2/24"\nexit = "${home.name}"\ndns = ["${FAR}"]\ndirect = ["${WIRE}.0/24"]\n${words}`,
    () => 'address = "10.88.0.1"')
  await home.up(networkOf([traveller], 'address = "10.88.0.1/24"\noffer = ["internet"]\nallow = ["none"]', () => 'address = "10.88.0.2"'))
  await traveller.up(exit())
  await t.until(() => traveller.ping(FAR, '-W', '1'), 'the way through home')
  t.equal(await whoAmI(FAR), home.wireAddress, 'as whom it is seen far away')
  t.equal(await whoAmI(far.wireAddress), traveller.wireAddress, 'as whom it is seen in its own network')
  t.equal(await ask(traveller, 'www.example', A), '2d3d0007', 'a name of somebody else\'s')
  t.equal(await ask(traveller, `${home.name}.hsfwd`, AAAA), digitsOf(home.address), 'a name of the network')
  t.equal(await attempt(traveller, home.address, service), 'EACCES', 'what home does not let it reach')
  const status = await traveller.network()
  t.equal(`${status.exit} ${status.nameServers}`, `${home.name} ${FAR}`, 'the status')
  t.equal((await home.network()).offers.join(), 'internet', 'the status of home')

  // Between a crash and the next start, and while the configuration changes.
  await traveller.running.kill('SIGKILL')
  t.equal(await whoAmI(FAR), 'ENETUNREACH', 'after a crash')
  t.equal(await whoAmI(far.wireAddress), traveller.wireAddress, 'its own network after a crash')
  const command = async (...words) => (await traveller.run([...words, '-c', traveller.file], { identity: false, bootstrap: false })).stderr
  t.ok((await command('status')).includes('has left its kill switch'), 'what is said of it')
  t.ok((await command('down')).includes('is lifted'), 'it is given up')
  t.equal(await traveller.inventory(), before, 'nothing is left')
  await traveller.up(exit())
  await traveller.running.kill('SIGKILL')
  await traveller.up(exit())
  await t.until(() => traveller.ping(FAR, '-W', '1'), 'the way through home, again')
  await home.running.kill('SIGKILL')
  t.ok(!await traveller.ping(FAR, '-W', '1'), 'without the one at home')
  await home.up(networkOf([traveller], 'address = "10.88.0.1/24"\noffer = ["internet"]', () => 'address = "10.88.0.2"'))
  await t.until(() => traveller.ping(FAR, '-W', '1'), 'with it')
  await traveller.sh('ip link del hsfwd0')
  t.ok(['ENETUNREACH', 'EHOSTUNREACH', home.wireAddress].includes(await whoAmI(FAR)), 'without the interface')
  await t.until(() => traveller.ping(FAR, '-W', '1'), 'with another')
  t.equal((await traveller.reload(exit('mtu = 1300'))).code, 0, 'a reload')
  await t.until(() => traveller.ping(FAR, '-W', '1'), 'after it')

  const without = networkOf([home], 'address = "10.88.0.2/24"', () => 'address = "10.88.0.1"')
  t.equal((await traveller.reload(without)).code, 0, 'a reload without the exit')
  t.ok(!(await traveller.sh('ip rule show; ip -6 rule show')).includes('unreachable'), 'nothing holds any more')
  t.equal(await ask(traveller, 'www.example', A), 'none, code 5', 'names of others are refused')
  t.equal((await traveller.reload(exit())).code, 0, 'a reload with it')
  t.ok((await traveller.sh('ip rule show; ip -6 rule show')).includes('unreachable'), 'it holds again')
  await traveller.running.kill('SIGTERM')
  t.equal(await traveller.inventory(), before, 'what is left')

  const program = traveller.hsfwd(['run', '--peer', home.key, '--exit', home.key, '--address', '10.88.0.2/24', '--identity', traveller.identity,
    '--bootstrap', traveller.bootstrap, '--', 'ping', '-n', '-c', '1', '-W', '20', FAR])
  t.equal(await t.within(60000, 'the program', program.exited), 0, 'one program alone')
})

t.test('two networks on one host', async () => {
  const [a, b, c] = await theHosts()
  const second = path.join(a.folder, 'second')
  const made = JSON.parse((await t.run(['keygen', '--identity', second, '--json'])).stdout)
  const other = { ...a, ...made, identity: second, hsfwd: (...words) => a.hsfwd(...words) }
  const both = [tunWith(a, [b]), tunWith(other, [c]), tunWith(b, [a]), tunWith(c, [other])]
  const names = (await Promise.all(both.map((program) => program.event('ready')))).map((e) => e.interface)
  t.equal(names.slice(0, 2).sort().join(), 'hsfwd0,hsfwd1', 'the interfaces')
  t.ok(await b.ping(a.address) && await c.ping(made.address), 'each is reached')
  t.ok(await a.ping(b.address) && await a.ping(c.address), 'and reaches')
})

t.test('without privilege: one line, or an interface that was made beforehand', async () => {
  const [a, b] = await theHosts()
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hsfwd-nobody-'))
  t.cleanups.push(() => fs.rmSync(folder, { recursive: true }))
  fs.chownSync(folder, 65534, 65534)
  const env = Object.fromEntries(['STATE', 'CONFIG', 'CACHE'].map((word) => [`XDG_${word}_HOME`, folder]))
  const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all', '--', t.BINARY]
  const words = (...more) => [...nobody, ...more, '--identity', path.join(folder, 'identity')]
  const binary = path.dirname(t.BINARY)
  try { execFileSync('setpriv', [...nobody.slice(0, -1), t.BINARY, '--version'], { stdio: 'ignore' }) } catch { t.skip(`nobody may run what is in ${binary}`) }
  const mine = JSON.parse(execFileSync('setpriv', words('keygen', '--json'), { env: { ...process.env, ...env } }))
  const run = (...more) => a.program('setpriv', words('tun', b.key, '--bootstrap', a.bootstrap, '--json', ...more), { env: { ...env, XDG_RUNTIME_DIR: folder } })
  const refused = run()
  t.equal(await t.within(30000, 'its end', refused.exited), 1, 'exit code')
  t.ok(/^hsfwd: to make a network interface takes CAP_NET_ADMIN: .*\n$/.test(refused.stderr), `one line: ${refused.stderr}`)

  await a.sh(`ip tuntap add mode tun user 65534 name hsfwd0; ip link set hsfwd0 up mtu 1420
    ip addr add ${mine.address}/128 dev hsfwd0; ip route add fdae:7d21:d73d::/48 dev hsfwd0`)
  t.cleanups.push(() => a.sh('ip link del hsfwd0'))
  tunWith(b, [{ key: mine.key }])
  await run().event('ready')
  t.ok(await a.ping(b.address), 'ping')
})

t.test('a host that moves, and a peer that crashes: TCP connections live on', async () => {
  const [a, b, c, d] = await theHosts()
  const moves = async () => {
    await Promise.all([a.up(networkOf([b])), b.up(networkOf([a]))])
    const id = await talks(a, b.address, await echo(b))
    const before = await a.peer(b)
    const transfer = roundTrip(a, id, 64 * MEGABYTE)
    transfer.catch(() => {})
    await t.until(async () => (await a.peer(b)).bytesFromPeer > before.bytesFromPeer + 4 * MEGABYTE, 'the transfer to be under way')
    await a.move(`${WIRE}.100`)
    const start = performance.now()
    t.ok(await transfer, 'the whole transfer')
    t.ok((await b.peer(a)).remote.startsWith(`${a.wireAddress}:`), 'where the peer is now')
    return `${Math.round(performance.now() - start)} ms until the rest was there`
  }
  const crashes = async () => {
    await Promise.all([c.up(networkOf([d])), d.up(networkOf([c]))])
    const id = await talks(c, d.address, await echo(d))
    await d.running.kill('SIGKILL')
    await d.up(networkOf([c]))
    const start = performance.now()
    t.ok(await roundTrip(c, id, MEGABYTE), 'the connection after a crash')
    return `${Math.round(performance.now() - start)} ms until it went on`
  }
  return t.together([['moves', moves], ['crashes', crashes]])
})

t.test('a host that moves is at its new place for its peers, though nobody says anything', async () => {
  const [a, b] = await theHosts()
  await Promise.all([a.up(networkOf([b])), b.up(networkOf([a]))])
  t.ok(await a.ping(b.address), 'ping')
  await a.move(`${WIRE}.101`)
  await t.until(async () => ((await b.peer(a)).remote || '').startsWith(`${a.wireAddress}:`), 'the peer to be connected to the new place')
})

t.test("a peer that takes another's address is not heard, and counted", async () => {
  const [a, b, c] = await theHosts()
  const addressOf = (host) => host === c ? 'address = "10.246.0.3"' : ''
  await Promise.all([a.up(networkOf([b, c], 'address = "10.246.0.1/16"', addressOf)), b.up(networkOf([a], 'address = "10.246.0.3/16"',
    () => 'address = "10.246.0.1"'))])
  t.ok(await b.ping(a.address), 'with its own address')
  t.ok(!await b.ping('10.246.0.1', '-W', '1', '-c', '3', '-i', '0.2'), "with another's")
  const { drops } = await a.peer(b)
  t.equal(JSON.stringify(drops), JSON.stringify([{ reason: 'spoofed', packets: 3 }]), 'drops')
  const told = await a.run(['status', '-c', a.file], { identity: false, bootstrap: false })
  t.ok(told.stdout.includes('bert: dropped 3 spoofed'), told.stdout)
})

t.test('an IPv4 address of a peer that is in no network of ours: there is a way to it, if we have an address as well', async () => {
  const [a, b] = await theHosts()
  await a.up(networkOf([b], 'address = "10.1.0.1/16"', () => 'address = "192.168.99.2"'))
  await b.up(networkOf([a], 'address = "192.168.99.2/24"', () => 'address = "10.1.0.1"'))
  t.ok(await a.ping('192.168.99.2') && await b.ping('10.1.0.1'), 'ping')
  const check = async (host) => (await host.run(['check', '-c', host.file], { identity: false, bootstrap: false })).stderr
  t.ok(!(await check(a)).includes('192.168.99.2'), 'check has nothing to say of it')
  t.equal((await a.reload(networkOf([b], '', () => 'address = "192.168.99.2"'))).code, 0, 'reload')
  t.ok(await a.ping(b.address), 'by the address of its key')
  t.ok(!await a.ping('192.168.99.2', '-W', '1'), 'without an address of our own')
  t.ok((await a.network()).drops.some(({ reason }) => reason === 'foreign_source'), 'what left has another network\'s address')
  t.ok(/nothing gets to 192\.168\.99\.2 of 'bert' from here/.test(await check(a)), 'what check says of that')
})

t.test('a program in a network of its own: it reaches its peers, and one that is not there is told once', async () => {
  const [a, b] = await theHosts()
  const gone = JSON.parse((await t.run(['keygen', '--identity', path.join(a.folder, 'gone'), '--json'])).stdout)
  tunWith(b, [a])
  const running = a.hsfwd(['run', '--peer', b.key, '--peer', gone.key, '--identity', a.identity, '--bootstrap', a.bootstrap, '--', 'sh', '-c',
    `ping -n -c 1 -W 10 ${b.address} && ! ping -n -c 1 -W 20 ${gone.address}`])
  await t.within(60000, 'its end', running.exited)
  if (running.code === 1 && /namespace|privilege/.test(running.stderr)) t.skip(running.stderr)
  t.equal(running.code, 0, `the pings: ${running.text()} ${running.stderr}`)
  const lines = running.stderr.split('\n').filter((line) => line.includes('is not reachable'))
  t.equal(lines.length, 1, `lines: ${running.stderr}`)
  t.ok(lines[0].startsWith(`hsfwd: peer ${gone.key} is not reachable: `), lines[0])
})

t.test('five hosts, each with each', async () => {
  const hosts = await theHosts()
  const others = (host) => hosts.filter((other) => other !== host)
  await Promise.all(hosts.map((host) => host.up(networkOf(others(host)))))
  const pairs = hosts.flatMap((from) => others(from).map((to) => [from, to]))
  const failed = (await Promise.all(pairs.map(async ([from, to]) => await from.ping(to.address) ? '' : `${from.name} to ${to.name}`))).filter(Boolean)
  t.equal(failed.join(), '', `of ${pairs.length} pings`)
})
