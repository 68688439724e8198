// SPDX-License-Identifier: Apache-2.0
// The real program and the real JavaScript behind real NATs. What it takes of every pair of NAT kinds, and
// no more: the full matrix with its figures is `run --full`.
'use strict'
const path = require('node:path')
const t = require('../support/harness')
const { DELAY, SITES } = require('./lab')
const { hasJavaScript } = require('./peers')
const { allConnected, connectAll, place, theLab } = require('./suite')

async function udpSocket (host) {
  const program = host.program(process.execPath, [path.join(__dirname, 'udp.js')], { stdin: 'pipe' })
  const { port } = await program.event('bound')
  return {
    port,
    send: (to, text, ttl) => program.child.stdin.write(JSON.stringify({ to, text, ttl }) + '\n'),
    heard: (text, from) => program.event('heard', { timeout: 5000, matches: (e) => e.text === text && (!from || e.from === from) }),
    all: () => program.events.filter((e) => e.event === 'heard').map((e) => e.text)
  }
}

let questions = 0
/** How a socket looks from another. */
async function seenFrom (socket, host, other) {
  const question = `who am I? ${questions++}`
  socket.send(`${host.address}:${other.port}`, question)
  return (await other.heard(question)).from
}

t.test('the lab is an internet: distance, hops, and what its NATs map to', async () => {
  const lab = await theLab()
  const homes = await place(lab, 'consistent', 'random')
  const world = await place(lab, 'public', 'public')
  const [one, two] = [await udpSocket(world.server), await udpSocket(world.client)]
  const behind = { consistent: await udpSocket(homes.server), random: await udpSocket(homes.client) }

  const start = performance.now()
  const outside = homes.server.uplink.address
  t.equal(await seenFrom(behind.consistent, world.server, one), `${outside}:${behind.consistent.port}`, 'consistent: the port is kept')
  t.ok(performance.now() - start >= DELAY, 'a packet takes its time')
  t.equal(await seenFrom(behind.consistent, world.client, two), `${outside}:${behind.consistent.port}`, 'and the same for everybody')
  t.ok(await seenFrom(behind.random, world.server, one) !== await seenFrom(behind.random, world.client, two), 'random: not the same for everybody')

  one.send(`${world.client.address}:${two.port}`, 'few hops', 9)
  one.send(`${world.client.address}:${two.port}`, 'enough hops', 64)
  await two.heard('enough hops')
  t.ok(!two.all().includes('few hops'), 'few hops end on the way')
})

t.test('the lab is an internet: what nobody asked for leaves no trace at a NAT', async () => {
  const lab = await theLab()
  const { server, client } = await place(lab, 'consistent', 'consistent')
  const [early, late] = [await udpSocket(server), await udpSocket(client)]
  const at = (host, socket) => `${host.uplink.address}:${socket.port}`

  early.send(at(client, late), 'too early')
  await t.until(async () => (await server.uplink.flows()).length > 0, 'the punch to leave')
  await t.sleep(5 * DELAY)
  late.send(at(server, early), 'opens the own NAT', 5)
  await t.until(async () => (await client.uplink.flows()).length > 0, 'a flow from inside')
  const flows = await client.uplink.flows()
  t.ok(flows.every((flow) => flow.includes(`src=${client.address}`)), `only flows that began inside: ${flows}`)
  early.send(at(client, late), 'in time')
  await late.heard('in time', at(server, early))
  late.send(at(server, early), 'back')
  await early.heard('back', at(client, late))
  t.equal(late.all().join(), 'in time', 'and nothing came before')
})

const KINDS = Object.keys(SITES)
const isPublic = (where) => where.includes('public')
const PAIRS = KINDS.flatMap((server) => KINDS.map((client) => [server, client]))

t.test('a host that everybody reaches connects with every other, either way round', async () => {
  return allConnected(await connectAll(PAIRS.filter(isPublic).map((where) => ({ where }))))
})

t.test('two hosts in one network take the short way', async () => {
  const results = await connectAll([{ where: ['same LAN'] }])
  allConnected(results)
  t.equal(results[0].path, 'lan', 'path')
})

const bothRandom = (where) => where.every((kind) => kind === 'random')

t.test('homes whose NATs can be met halfway meet, whoever serves', async () => {
  const pairs = PAIRS.filter((where) => !isPublic(where) && !bothRandom(where))
  return allConnected(await connectAll(pairs.map((where) => ({ where }))))
})

t.test('the JavaScript meets ours, and ours the JavaScript', async () => {
  if (!hasJavaScript()) t.skip('the JavaScript packages are not installed')
  const places = [['public', 'consistent'], ['consistent', 'public'], ['consistent', 'consistent'], ['consistent', 'random'],
    ['random', 'cgnat'], ['same LAN']]
  const cells = places.flatMap((where) => [{ where, server: 'js', client: 'hsfwd' }, { where, server: 'hsfwd', client: 'js' }])
  return allConnected(await connectAll(cells))
})

t.test('a JavaScript server that breaks off its punch is asked anew, once', async () => {
  if (!hasJavaScript()) t.skip('the JavaScript packages are not installed')
  const refusing = (refusals) => ({ where: ['random', 'consistent'], server: 'js', client: 'hsfwd', serverOptions: { refusals }, refusals })
  const results = await connectAll([refusing(1), refusing(2)])
  const after = (refusals) => results.find((result) => result.refusals === refusals)
  allConnected([after(1)])
  t.ok(!after(2).ok, 'connected to a server that refuses')
  t.ok(after(2).reason.includes('broke off the hole punch'), `the reason: ${after(2).reason}`)
})

t.test('where no punch gets through, the verdict comes soon and says so', async () => {
  const results = await connectAll([['random', 'random'], ['isolated LAN'], ['one carrier']].map((where) => ({ where, patience: 15000 })))
  for (const result of results) {
    t.ok(!result.ok && result.reason !== 'no verdict', `${result.name}: ${result.reason}`)
  }
  const random = results.find(({ where }) => where.length === 2)
  t.ok(random.reason.includes('random ports'), `the reason is in the NATs: ${random.reason}`)
  return results.map((result) => `${result.name}: ${result.reason}`).join('; ')
})
