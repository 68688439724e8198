// SPDX-License-Identifier: Apache-2.0
// Private networks of homes behind NATs, with no address configured anywhere.
'use strict'
const t = require('../support/harness')
const { allConnected, pingAll, relayOf } = require('./suite')
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
