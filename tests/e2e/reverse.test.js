// SPDX-License-Identifier: Apache-2.0
// Addresses of a peer that lead to services of this machine: connect -R, [[reverse]], --permit-listen.
'use strict'
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const t = require('../support/harness')

let files = 0
function fresh (what) { return path.join(t.scratch, `reverse-${what}-${files++}`) }

async function keyOf (identity) {
  const made = await t.run(['keygen', '--identity', identity, '--json'])
  return { identity, ...made.program.events[0] }
}

async function expose (network, words, identity = fresh('server')) {
  const program = t.hsfwd(['expose', ...words, '--identity', identity, '--bootstrap', network.bootstrap, '--json', '-v'])
  const { publicKey, key } = await program.event('listening')
  return { program, publicKey, key, identity }
}

function connect (network, words, identity = fresh('client')) {
  return t.hsfwd(['connect', ...words, '--identity', identity, '--bootstrap', network.bootstrap, '--json', '-v'])
}

const portOf = (address) => Number(address.split(':').pop())

/** What a service that talks first says at a port; '' if the connection is closed without a word. */
async function ask (port, word = 'hello', host = '127.0.0.1') {
  const socket = net.connect(port, host)
  let text = ''
  socket.on('data', (data) => { text += data; if (text.endsWith('\n')) socket.end() })
  socket.on('error', () => {})
  socket.on('connect', () => socket.write(word + '\n'))
  await t.within(20000, 'the end of the connection', new Promise((resolve) => socket.on('close', resolve)))
  return text.trim()
}

function service (name) {
  return t.service((socket) => {
    socket.on('data', (data) => socket.write(`${name}: ${data}`))
    socket.on('end', () => socket.end())
  })
}

t.test('an address of the peer leads to a service here, and no other does', async () => {
  const network = await t.testnet()
  const [home, other] = await Promise.all([service('home'), service('other')])
  const client = await keyOf(fresh('client'))
  const [port, second, forbidden] = [await t.freePort(), await t.freePort(), await t.freePort()]
  const server = await expose(network, [`web=${other.port}`, '--permit-listen', `${client.key}: ${port},${second}`])
  const program = connect(network, [server.key, '-R', `${port}:${home.port}`, '-R', `${second}:localhost:${other.port}`,
    '-R', `${forbidden}:${home.port}`, '-R', `0.0.0.0:${port}:${home.port}`, '-L', '0:web'], client.identity)
  const open = async (at) => program.event('ready', { matches: (e) => e.target && portOf(e.listen) === at })
  const first = await open(port)
  t.equal(first.listen, `127.0.0.1:${port}`, 'where the peer listens')
  t.equal(first.target, `localhost:${home.port}`, 'where it leads')
  await open(second)
  t.equal(await ask(port), 'home: hello', 'what the first leads to')
  t.equal(await ask(second), 'other: hello', 'what the second leads to')
  const refused = await program.event('error', { matches: (e) => e.code === 'NOT_ALLOWED' && e.message.includes(String(forbidden)) })
  t.ok(refused.message.includes('permit'), 'what is said of a port that is not permitted')
  await program.event('error', { matches: (e) => e.code === 'NOT_ALLOWED' && e.message.includes('0.0.0.0') })
  t.equal(await ask(forbidden), '', 'a port that is not permitted')
  const local = await program.event('ready', { matches: (e) => e.service === 'web' })
  t.equal(await ask(portOf(local.listen)), 'other: hello', 'the way there, beside it')
  // Many at once, with half of them open for long.
  const all = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(i % 2 ? port : second, String(i))))
  t.ok(all.every((text, i) => text === `${i % 2 ? 'home' : 'other'}: ${i}`), 'forty at once')
  const heard = server.program.events.filter((e) => e.event === 'reverse')
  t.equal(heard.map((e) => e.listen).sort().join(), [port, second].map((p) => `127.0.0.1:${p}`).sort().join(), 'what the server says')
  // The peer stops listening with who asked for it.
  program.kill()
  await program.exited
  await server.program.event('reverse', { matches: (e) => !e.open })
  await t.until(async () => (await ask(port)) === '', 'it to be so', 10000)
})

t.test('a peer that begins anew listens again, and so does one that comes late', async () => {
  const network = await t.testnet()
  const home = await service('home')
  const client = await keyOf(fresh('client'))
  const identity = fresh('server')
  const { key } = await keyOf(identity)
  const port = await t.freePort()
  const words = ['--permit-listen', `${client.key}: ${port}`]
  const program = t.hsfwd(['up', '-c', configure('late', `
identity = "${client.identity}"
bootstrap = "${network.bootstrap}"
[[reverse]]
peer = "${key}"
listen = ["${port}:${home.port}"]
`), '--json', '-v'])
  const { message } = await program.event('error')
  t.ok(message.startsWith(`not listening at 127.0.0.1:${port}: ${key}: `), `whose address waits for whom: ${message}`)
  let server = await expose(network, words, identity)
  await program.event('ready', { matches: (e) => e.target })
  t.equal(await ask(port), 'home: hello', 'once it is there')
  for (const signal of ['SIGKILL', 'SIGTERM']) {
    const before = program.events.length
    server.program.kill(signal)
    await server.program.exited
    server = await expose(network, words, identity)
    await t.until(() => program.events.slice(before).some((e) => e.event === 'ready' && e.target), 'it to be so', 20000)
    t.equal(await ask(port), 'home: hello', `after ${signal}`)
  }
})

function configure (name, text) {
  const file = fresh(name) + '.toml'
  fs.writeFileSync(file, text, { mode: 0o600 })
  return file
}

t.test('a reload that takes the right away ends what stands on it, and one that changes the target leads there', async () => {
  const network = await t.testnet()
  const [home, other] = await Promise.all([service('home'), service('other')])
  const client = await keyOf(fresh('client'))
  const server = await keyOf(fresh('server'))
  const port = await t.freePort()
  const exposing = (permits) => `
identity = "${server.identity}"
bootstrap = "${network.bootstrap}"
[[expose]]
services = ["web=${other.port}"]
permit_listen = [${permits}]
`
  const reversing = (target) => `
identity = "${client.identity}"
bootstrap = "${network.bootstrap}"
[[reverse]]
peer = "${server.key}"
listen = ["${port}:${target}"]
`
  const serverFile = configure('server', exposing(`"${client.key}: ${port}"`))
  const clientFile = configure('client', reversing(home.port))
  const up = (file) => t.hsfwd(['up', '-c', file, '--json', '-v'])
  const [a, b] = [up(serverFile), up(clientFile)]
  await b.event('ready', { matches: (e) => e.target })
  const open = net.connect(port, '127.0.0.1')
  open.on('error', () => {})
  open.write('hello\n')
  await new Promise((resolve) => open.once('data', resolve))
  const status = await t.run(['status', '-c', serverFile, '--json'])
  const listening = status.program.events[0].exposes[0].listening
  t.equal(listening.length, 1, 'what the status shows')
  t.equal(listening[0].listen, `127.0.0.1:${port}`, 'where')
  t.equal(listening[0].peer, client.publicKey, 'for whom')
  t.equal(listening[0].connections, 1, 'how many')
  const mine = (await t.run(['status', '-c', clientFile, '--json'])).program.events[0].reverses[0]
  t.equal(`${mine.listening} ${mine.connections}`, 'true 1', 'what that of the other shows')
  // Another target
  fs.writeFileSync(clientFile, reversing(other.port))
  const closed = new Promise((resolve) => open.on('close', resolve))
  t.equal((await t.run(['reload', '-c', clientFile])).code, 0, 'the reload of the client')
  await t.within(10000, 'the end of what led to the previous target', closed)
  await t.until(async () => (await ask(port)) === 'other: hello', 'it to be so', 10000)
  // No right
  fs.writeFileSync(serverFile, exposing(`"${client.key}: ${await t.freePort()}"`))
  t.equal((await t.run(['reload', '-c', serverFile])).code, 0, 'the reload of the server')
  await a.event('reverse', { matches: (e) => !e.open })
  t.equal(await ask(port), '', 'a port that is not permitted any more')
  await b.event('error', { matches: (e) => e.code === 'NOT_ALLOWED' || e.code === 'NOT_LISTENING' })
})

t.test('what nobody listens at is told, and a port that is taken, and one is picked of those that are permitted', async () => {
  const network = await t.testnet()
  const home = await service('home')
  const client = await keyOf(fresh('client'))
  const [taken, free] = [await service('taken'), await t.freePort()]
  const server = await expose(network, ['--permit-listen', `${client.key}: ${taken.port},${free}`])
  const program = connect(network, [server.key, '-R', `0:${home.port}`], client.identity)
  const { listen } = await program.event('ready', { matches: (e) => e.target })
  t.equal(listen, `127.0.0.1:${free}`, 'the port that was picked')
  t.equal(await ask(free), 'home: hello', 'what it leads to')
  const second = connect(network, [server.key, '-R', `${taken.port}:${home.port}`], client.identity)
  const error = await second.event('error')
  t.ok(/in use/.test(error.message), `what is said of a port that is taken: ${error.message}`)
  // A service that is not there: whoever connects is sent away, and nothing else ends.
  const third = await expose(network, ['--permit-listen', `${client.key}: *:*`], fresh('third'))
  const fourth = connect(network, [third.key, '-R', `0.0.0.0:0:${await t.freePort()}`], client.identity)
  const anywhere = (await fourth.event('ready', { matches: (e) => e.target })).listen
  t.ok(anywhere.startsWith('0.0.0.0:'), 'all addresses')
  t.equal(await ask(portOf(anywhere)), '', 'what a service that is not there says')
  const closed = await third.program.event('closed')
  t.ok(/refused/i.test(closed.reason), `why that connection ended: ${closed.reason}`)
  t.equal(await ask(free), 'home: hello', 'the other goes on')
})

t.test('a client that was killed has its address back when it begins anew', async () => {
  const network = await t.testnet()
  const home = await service('home')
  const client = await keyOf(fresh('client'))
  const port = await t.freePort()
  const server = await expose(network, ['--permit-listen', `${client.key}: ${port}`])
  const first = connect(network, [server.key, '-R', `${port}:${home.port}`], client.identity)
  await first.event('ready', { matches: (e) => e.target })
  first.kill('SIGKILL')
  await first.exited
  const second = connect(network, [server.key, '-R', `${port}:${home.port}`], client.identity)
  await t.until(() => second.events.some((e) => e.event === 'ready' && e.target), 'it to listen again', 60000)
  t.equal(await ask(port), 'home: hello', 'what it leads to')
})

t.test('an address of a client that is there stays that one\'s, whoever asks with the same key', async () => {
  const network = await t.testnet()
  const [home, other] = await Promise.all([service('home'), service('other')])
  const client = await keyOf(fresh('client'))
  const port = await t.freePort()
  const server = await expose(network, ['--permit-listen', `${client.key}: ${port}`])
  const first = connect(network, [server.key, '-R', `${port}:${home.port}`], client.identity)
  await first.event('ready', { matches: (e) => e.target })
  const second = connect(network, [server.key, '-R', `${port}:${other.port}`], client.identity)
  t.ok(/another program with this key has that address already/.test((await second.event('error')).message), 'what the second is told')
  t.equal(await ask(port), 'home: hello', 'what the address leads to')
  t.equal(first.events.filter((e) => e.event === 'error').length, 0, 'errors of the first')
})

t.test('several addresses take no room from the connections to them; one leads to a unix socket', async () => {
  const network = await t.testnet()
  const client = await keyOf(fresh('client'))
  const [one, two] = [await service('one'), await service('two')]
  const at = fresh('socket')
  const socket = net.createServer((s) => s.on('data', (data) => s.end(`socket: ${data}`)))
  await new Promise((resolve) => socket.listen(at, resolve))
  const server = await expose(network, ['--permit-listen', `${client.key}: *`, '--max-connections', '3'])
  const port = await t.freePort()
  const program = connect(network, [server.key, '-R', `${port}:unix:${at}`, '-R', `0:${one.port}`, '-R', `0:${two.port}`], client.identity)
  for (const [target, name] of [[`unix:${at}`, 'socket'], [`localhost:${one.port}`, 'one'], [`localhost:${two.port}`, 'two']]) {
    const { listen } = await program.event('ready', { matches: (e) => e.target === target })
    t.equal(await ask(portOf(listen)), `${name}: hello`, 'what it leads to, beside others that are listened at')
  }
  socket.close()
  await program.kill()
  await t.until(() => server.program.events.filter((e) => e.event === 'reverse' && !e.open).length === 3, 'the ends of all three')
  const reasons = server.program.events.filter((e) => e.event === 'reverse' && !e.open).map((e) => e.reason)
  t.equal([...new Set(reasons)].join(), 'the peer closed the connection: hsfwd is shutting down', 'why nobody listens there any more')
})

t.test('a peer opens no more connections back than this side lets in', async () => {
  const network = await t.testnet()
  const home = await service('home')
  const client = await keyOf(fresh('client'))
  const port = await t.freePort()
  const server = await expose(network, ['--permit-listen', `${client.key}: ${port}`])
  const program = t.hsfwd(['up', '-c', configure('limited', `
identity = "${client.identity}"
bootstrap = "${network.bootstrap}"
max_connections = 4
[[reverse]]
peer = "${server.key}"
listen = ["${port}:${home.port}"]
`), '--json', '-v'])
  await program.event('ready', { matches: (e) => e.target })
  const visitors = []
  for (let i = 0; i < 6; i++) {
    const socket = await t.connect(port)
    const heard = new Promise((resolve) => {
      socket.once('data', () => resolve(true))
      socket.once('close', () => resolve(false))
      socket.once('end', () => resolve(false))
    })
    socket.write('hello\n')
    visitors.push(await t.within(10000, 'an answer or an end', heard))
  }
  t.equal(visitors.join(), 'true,true,true,false,false,false', 'who is served: three quarters of four')
})

t.test('mistakes are told in a line', async () => {
  const key = (await keyOf(fresh('any'))).key
  const wrong = async (words, text) => {
    const result = await t.run(words)
    t.equal(result.code, 2, `the exit code of ${words.join(' ')}`)
    t.ok(text.test(result.stderr), `what is said of ${words.join(' ')}: ${result.stderr}`)
    t.equal(result.stderr.trim().split('\n').length, 1, 'lines')
  }
  await wrong(['connect', key, '-R', 'udp:53'], /only TCP/)
  await wrong(['connect', key, '-R', 'unix:/tmp/x'], /TCP ports only/)
  await wrong(['connect', key, '-R', '[::1]:80'], /IPv4 addresses only/)
  await wrong(['connect', key, '-R', 'web'], /BIND/)
  await wrong(['connect', key, '-R', '8000-8003:80'], /leads 4 ports to 1 target/)
  await wrong(['connect', key, '-R', '0'], /needs a target/)
  await wrong(['connect', key, '-R', '80:'], /missing/)
  await wrong(['connect', key, '-R', '80:name=81'], /no name/)
  await wrong(['connect', '-R', '80'], /PEER|peer/)
  await wrong(['expose', '--permit-listen', '8080'], /WHO/)
  await wrong(['expose', '--permit-listen', `${key}: 8080-8000`], /ends before/)
  await wrong(['expose', '--permit-listen', `${key}: example.org:80`], /IPv4 address/)
  await wrong(['expose', '80', '--allow', key, '--permit-listen', `${(await keyOf(fresh('another'))).key}: 80`], /among those/)
})
