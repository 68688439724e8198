// SPDX-License-Identifier: Apache-2.0
// What happens to connections over time: through a relay and off it, and when a line or a router under them
// changes.
'use strict'
const crypto = require('node:crypto')
const t = require('../support/harness')
const { hasJavaScript, startClient, startServer, timeToFirstByte } = require('./peers')
const { allConnected, connectAll, place, relayOf, theLab } = require('./suite')

const MEGABYTE = 1024 * 1024
const RELAYS = hasJavaScript() ? ['hsfwd', 'js'] : ['hsfwd']
const PAIRS = hasJavaScript() ? [['hsfwd', 'hsfwd'], ['hsfwd', 'js'], ['js', 'hsfwd']] : [['hsfwd', 'hsfwd']]

for (const kind of RELAYS) {
  t.test(`where no punch gets through, a relay of ${kind} does it`, async () => {
    const through = await relayOf(kind)
    const places = [['random', 'random'], ['isolated LAN'], ['one carrier']]
    // Of two stock sides, or a stock client, neither gets around the address that both homes have.
    const cells = PAIRS.flatMap(([server, client]) => places
      .filter(([where]) => client === 'hsfwd' || where !== 'one carrier')
      .map((where) => ({ where, server, client, serverOptions: { through }, clientOptions: { through } })))
    const results = await connectAll(cells)
    for (const { name, path } of results.filter(({ ok }) => ok)) t.equal(path, 'relayed', `${name}: path`)
    return allConnected(results)
  })
}

/** Writes `data` while reading as much; whether what came is `wanted`. */
async function exchange (socket, data, wanted) {
  const heard = []
  let size = 0
  const all = new Promise((resolve, reject) => {
    socket.on('data', (chunk) => {
      heard.push(chunk)
      size += chunk.length
      if (size >= wanted.length) resolve()
    })
    socket.on('error', () => {})
    socket.on('close', () => reject(new Error(`the connection ended after ${size} bytes`)))
  })
  // At the pace of a line, so that the move comes in the midst of it.
  for (let at = 0; at < data.length; at += 64 * 1024) {
    socket.write(data.subarray(at, at + 64 * 1024))
    await t.sleep(15)
  }
  await t.within(60000, 'all of it to come', all)
  t.ok(Buffer.concat(heard).equals(wanted), 'what came is what was sent')
}

async function moveOffRelay (through, serverKind, clientKind) {
  const lab = await theLab()
  const site = await place(lab, 'consistent', 'consistent')
  const [up, down] = [crypto.randomBytes(10 * MEGABYTE), crypto.randomBytes(10 * MEGABYTE)]
  let served
  const serve = (socket) => { served = exchange(socket, down, up) }
  const server = await startServer(serverKind, site.server, { bootstrap: lab.bootstrap, serve, through })
  const client = await startClient(clientKind, site.client, { bootstrap: lab.bootstrap, key: server.key, through })
  // No punch gets through until the transfer is under way.
  const peer = site.server.uplink.address
  await site.client.uplink.wall(peer)
  const socket = client.connect()
  const dialled = exchange(socket, up, down)
  await client.program.event('connection')
  t.equal(client.path(), 'relayed', 'at first')
  await t.sleep(700)
  await site.client.uplink.wall(peer, false)
  await dialled
  await served
  await t.until(() => client.path() === 'direct', 'the connection to run directly', 15000)
  socket.destroy()
}

for (const kind of RELAYS) {
  t.test(`10 MB each way move from a relay of ${kind} to the direct path`, async () => {
    const through = await relayOf(kind)
    return t.together(PAIRS.map(([server, client]) => [`${client} to ${server}`, () => moveOffRelay(through, server, client)]))
  })
}

/** What `why` or `ping` tells from a host, as events. */
async function ask (host, command, key, ...more) {
  const { program, code } = await tryTo(host, command, key, ...more)
  t.equal(code, 0, `exit code of ${command}; it said ${program.text()}`)
  return program.events
}

async function tryTo (host, command, key, ...more) {
  const { bootstrap } = await theLab()
  const program = host.program(t.BINARY, [command, key, '--name', 'client', '--bootstrap', bootstrap, '--json', ...more])
  return { program, code: await t.within(60000, command, program.exited) }
}

t.test('why and ping tell of a relay, whoever names it', async () => {
  const lab = await theLab()
  const site = await place(lab, 'random', 'random')
  const relay = await relayOf('hsfwd')
  for (const named of ['the peer', 'we']) {
    const byPeer = named === 'the peer'
    const server = await startServer('hsfwd', site.server, { bootstrap: lab.bootstrap, through: byPeer ? relay : undefined })
    const options = byPeer ? [] : ['--relay-through', relay.key]
    const events = await ask(site.client, 'why', server.key, ...options)
    const told = (step, text) => t.ok(events.some((e) => e.event === 'attempt' && e.step === step && e.text.includes(text)),
      `'${text}' in ${JSON.stringify(events)}`)
    told('relay', `${relay.key}, which ${named} named`)
    told('path', `relayed: ${relay.address}:`)
    told('path', 'stays on the relay: ')
    const verdict = events.at(-1)
    t.equal(verdict.path, 'relayed', 'path')
    t.ok(verdict.verdict.endsWith(' ms, through a relay'), `the verdict: ${verdict.verdict}`)

    const answers = await ask(site.client, 'ping', server.key, '-c', '2', '-i', '0.1', ...options)
    const paths = answers.filter((e) => e.path).map((e) => `${e.event} ${e.path}`)
    t.equal(paths.join(), 'connection relayed,pong relayed,pong relayed', 'paths of the ping')
    for (const [limit, after] of [[['-c', '2'], '2 answers'], [['--timeout', '1'], '1 s']]) {
      const { program, code } = await tryTo(site.client, 'ping', server.key, '--until-direct', '-i', '0.1', ...limit, ...options)
      t.equal(`${code} ${program.events.find((e) => e.event === 'error').code}`, '1 NOT_DIRECT', `after ${after}`)
      t.ok(program.stderr.includes(`no direct path after ${after}: relayed`), program.stderr)
    }
    await server.stop()
  }
})

t.test('why and ping --until-direct wait for the direct path that a relayed connection moves to', async () => {
  const lab = await theLab()
  const site = await place(lab, 'consistent', 'consistent')
  const server = await startServer('hsfwd', site.server, { bootstrap: lab.bootstrap, through: await relayOf('hsfwd') })
  const peer = site.server.uplink.address
  await site.client.uplink.wall(peer)
  const asked = ask(site.client, 'why', server.key)
  const pinged = ask(site.client, 'ping', server.key, '--until-direct', '-i', '0.1', '--timeout', '30')
  await t.sleep(1500)
  await site.client.uplink.wall(peer, false)
  const verdict = (await asked).at(-1)
  t.equal(verdict.path, 'direct', 'path')
  const pings = await pinged
  t.equal(pings[0].path, 'relayed', 'the path of the ping at first')
  t.equal(pings.at(-1).event, 'direct', 'its end')
  return verdict.verdict
})

/** A connection with traffic both ways: {heard, over, socket}. */
async function chat (client) {
  const socket = client.connect()
  const heard = { socket, count: 0, last: 0, over: null }
  heard.over = new Promise((resolve) => {
    socket.on('data', (data) => {
      heard.count += data.length
      heard.last = performance.now()
    })
    socket.on('error', () => {})
    socket.on('end', resolve)
    socket.on('close', resolve)
  })
  await t.until(() => heard.count >= 'hello'.length, 'the greeting')
  const ticking = setInterval(() => socket.writable && socket.write('.'), 100)
  t.cleanups.push(() => clearInterval(ticking))
  await t.until(() => heard.count > 20, 'an answer or two')
  return heard
}

async function pairAt (...where) {
  const lab = await theLab()
  const site = await place(lab, ...where)
  const server = await startServer('hsfwd', site.server, { bootstrap: lab.bootstrap })
  const client = await startClient('hsfwd', site.client, { bootstrap: lab.bootstrap, key: server.key })
  return { lab, site, server, client, talk: await chat(client) }
}

/** When the talk goes on, and the server is found by who comes new, in a sentence. */
async function isBack ({ client, talk }) {
  const start = performance.now()
  const since = () => Math.round(performance.now() - start)
  const before = talk.count
  let ended = false
  talk.over.then(() => { ended = true })
  // More than can have been on its way.
  await t.until(() => talk.count > before + 20 || ended, 'the talk to go on', 30000)
  t.ok(!ended, 'the connection lives')
  const back = since()
  t.ok((await timeToFirstByte(client, 15000)).ok, 'a new connection gets through')
  return `the connection goes on after ${back} ms`
}

async function lineChanges (side) {
  const pair = await pairAt('consistent', 'consistent')
  pair.site[side].uplink.renumber()
  await pair.lab.settle()
  return isBack(pair)
}

async function routerForgets (kind) {
  const pair = await pairAt(kind, 'consistent')
  pair.site.server.uplink.reboot()
  await pair.lab.settle()
  return pair
}

t.test('lines and routers change under a connection', () => t.together([
  ['the server\'s line gets another address', () => lineChanges('server')],
  ['the client\'s line gets another address', () => lineChanges('client')],
  ['the server\'s router forgets its mappings, and makes others', async () => isBack(await routerForgets('random'))],
  ['the server\'s router forgets its mappings, and makes the same again', async () => {
    const { talk } = await routerForgets('consistent')
    const start = performance.now()
    const before = talk.count
    await t.until(() => talk.count > before + 20, 'the talk to go on')
    return `the connection goes on after ${Math.round(performance.now() - start)} ms`
  }]
]))
