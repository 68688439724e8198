// SPDX-License-Identifier: Apache-2.0
// Private networks of homes behind NATs, with no address configured anywhere: what two carry, what becomes of it when one of
// them is somewhere else, and five in a full mesh.
'use strict'
const t = require('../support/harness')
const { SITES, UPLINKS } = require('./lab')
const { pongByName, seenBy, startNetwork, timeToFirstPong } = require('./members')
const { PATIENCE, allConnected, build, pingAll, relayOf, theLab } = require('./suite')
const { Conversation, iperf, ssh, unavailable } = require('./traffic')

// More by hand: HSFWD_MEGABYTES=1024.
const MEGABYTES = Number(process.env.HSFWD_MEGABYTES || 5)

async function carry (from, to) {
  const conversation = await Conversation.start(from, to)
  await conversation.goesOn(MEGABYTES)
  await conversation.end()
}

t.test('homes ping each other by the addresses of their keys and by name, and TCP goes both ways', async () => {
  const places = [['public', 'consistent'], ['consistent', 'consistent'], ['consistent', 'random'], ['random', 'cgnat'], ['same LAN']]
  const results = await pingAll(places.map((where) => ({ where })), carry)
  for (const { name, path, where } of results) t.equal(path, where.length === 1 ? 'lan' : 'direct', `${name}: path`)
  return allConnected(results)
})

t.test('where no punch gets through, a private network is one over a relay', async () => {
  const through = await relayOf('hsfwd')
  const results = await pingAll([['random', 'random'], ['one carrier']].map((where) => ({ where, through })))
  for (const { name, path } of results.filter(({ ok }) => ok)) t.equal(path, 'relayed', `${name}: path`)
  return allConnected(results)
})

t.test('ssh by name, and iperf3 forth, back and by datagrams', async () => {
  const problem = unavailable()
  if (problem) t.skip(problem)
  const through = await relayOf('hsfwd')
  const results = await pingAll([{ where: ['consistent', 'random'] }, { where: ['random', 'random'], through }], async (server, client) => {
    await ssh(client, server)
    return iperf(client, server)
  })
  return allConnected(results)
})

/**
 * A TCP connection of `roamer` to `home` while `moves(site, lab)` happens. `how` builds the site: both, and where to go. In words
 * how long it took until megabytes had come both ways since.
 */
async function roams (how, { moves, through, path = 'direct' }) {
  const lab = await theLab()
  const site = await build(lab, how)
  const [home, roamer] = await startNetwork([site.home, site.roamer], { bootstrap: lab.bootstrap, through })
  const pong = await timeToFirstPong(roamer, home, PATIENCE)
  t.ok(pong.ok, `no pong before anything moves: ${pong.reason}`)
  // At the pace of a line: several as fast as they can would have the processor to themselves.
  const conversation = await Conversation.start(roamer, home, { pace: 15 })
  await conversation.goesOn(2)
  moves(site, lab)
  await lab.settle()
  const start = performance.now()
  // More than can have been on its way.
  await conversation.goesOn(4)
  const took = Math.round(performance.now() - start)
  await conversation.end()
  for (const [one, other] of [[home, roamer], [roamer, home]]) {
    await t.until(() => seenBy(one, other).state === 'open', 'the peer to be open')
    const seen = seenBy(one, other)
    t.equal(seen.path, path, 'path in the end')
    if (path === 'direct') t.equal(seen.remote.split(':')[0], other.host.outside(), 'where the peer is in the end')
  }
  return `${took} ms`
}

t.test('who moves keeps its TCP connections', async () => {
  const through = await relayOf('hsfwd')
  const toElsewhere = ({ roamer, elsewhere }) => roamer.move(elsewhere)
  const places = (home, roamer, elsewhere) => (core) =>
    ({ home: SITES[home](core), roamer: SITES[roamer](core), elsewhere: UPLINKS[elsewhere](core) })
  return t.together([
    ['a laptop, from home to a hotel that maps at random', () => roams(places('consistent', 'consistent', 'random'), { moves: toElsewhere })],
    ['a laptop, from home to a mobile network', () => roams(places('random', 'consistent', 'cgnat'), { moves: toElsewhere })],
    ['a laptop, from one hotel to another, over a relay',
      () => roams(places('random', 'random', 'random'), { moves: toElsewhere, through, path: 'relayed' })],
    ['a home whose line gets another address', () => roams(places('consistent', 'consistent', 'public'),
      { moves: ({ home }) => home.uplink.renumber() })]
  ])
})

t.test('five homes behind five NATs are a full mesh', async () => {
  const lab = await theLab()
  const through = await relayOf('hsfwd')
  const kinds = ['consistent', 'consistent', 'random', 'random', 'cgnat']
  const { hosts } = await build(lab, (core) => ({ hosts: kinds.map((kind) => SITES[kind](core)) }))
  const members = await startNetwork(hosts, { bootstrap: lab.bootstrap, through })
  const pairs = members.flatMap((from) => members.filter((to) => to !== from).map((to) => [from, to]))
  const results = await Promise.all(pairs.map(async ([from, to]) => {
    const name = `${kinds[members.indexOf(to)]} × ${kinds[members.indexOf(from)]}`
    return { name, ...await timeToFirstPong(from, to, PATIENCE) }
  }))
  const told = allConnected(results)
  const named = await Promise.all(pairs.map(([from, to]) => pongByName(from, to)))
  t.ok(named.every(Boolean), `${named.filter(Boolean).length} of ${named.length} by name`)
  return told
})
