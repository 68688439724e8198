// SPDX-License-Identifier: Apache-2.0
// What the files of cases share: one lab for each of them, or a reason to skip it; places in it, and cells
// of its tables.
'use strict'
const t = require('../support/harness')
const { Lab, unavailable } = require('./lab')
const { pongByName, startNetwork, timeToFirstPong } = require('./members')
const { startClient, startNode, startRelay, startServer, timeToFirstByte } = require('./peers')

t.skipAllIf(unavailable())

const NODES = 10
const LANES = 3
const PATIENCE = 45000 // random strategies give up after some 36 s

let started = null
/** One lab for all cases. */
function theLab () {
  if (!started) {
    const lab = new Lab()
    started = lab.start({ nodes: NODES, startNode: (host, bootstrap) => startNode('hsfwd', host, bootstrap) }).then(() => lab)
  }
  return started
}

/** Removed, with all in it, at the end of the case. */
async function untilTheEnd (built) {
  const site = await built
  t.cleanups.push(site.remove)
  return site
}
const place = (lab, ...where) => untilTheEnd(lab.place(...where))
const build = (lab, how) => untilTheEnd(lab.build(how))

/** A relay on a public host, for the case. */
async function relayOf (kind) {
  const lab = await theLab()
  const { server: host } = await place(lab, 'public', 'public')
  const relay = await startRelay(kind, host, lab.bootstrap)
  t.cleanups.push(relay.stop)
  return relay
}

/** What came of each cell in a place of its own, a few at a time: what `live(cell, site, lab)` says. */
async function inPlaces (cells, live) {
  const lab = await theLab()
  const waiting = [...cells]
  const results = []
  const lane = async () => {
    for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
      const site = await lab.place(...cell.where)
      const result = await live(cell, site, lab)
      results.push({ ...cell, ...result, name: [cell.where.join(' × '), cell.server, cell.client].filter(Boolean).join(' ') })
      await site.remove()
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return results
}

/** Connects once per cell. */
function connectAll (cells) {
  return inPlaces(cells, async (cell, site, { bootstrap }) => {
    const server = await startServer(cell.server || 'hsfwd', site.server, { bootstrap, ...cell.serverOptions })
    const client = await startClient(cell.client || 'hsfwd', site.client, { bootstrap, key: server.key, ...cell.clientOptions })
    const result = await timeToFirstByte(client, cell.patience || PATIENCE)
    await Promise.all([client.stop(), server.stop()])
    return result
  })
}

/**
 * Makes a private network per cell, in which each pings the other by address and by name, and then does what
 * `use(server, client)` says, the words of which are `told`.
 */
function pingAll (cells, use = () => {}) {
  return inPlaces(cells, async (cell, site, { bootstrap }) => {
    const [server, client] = await startNetwork([site.server, site.client], { bootstrap, through: cell.through })
    const result = await timeToFirstPong(client, server, PATIENCE)
    const back = await timeToFirstPong(server, client, PATIENCE)
    if (result.ok && back.ok) {
      t.ok(await pongByName(client, server) && await pongByName(server, client), `${cell.where}: a ping by name`)
      result.told = await use(server, client)
    }
    await Promise.all([client.stop(), server.stop()])
    return back.ok ? result : back
  })
}

function allConnected (results) {
  const failed = results.filter((result) => !result.ok)
  t.ok(failed.length === 0, failed.map((result) => `${result.name}: ${result.reason} after ${Math.round(result.took)} ms`).join('; '))
  return results.map(({ name, took, told }) => `${name} ${Math.round(took)} ms${told ? ` (${told})` : ''}`).join(', ')
}

module.exports = { PATIENCE, allConnected, build, connectAll, pingAll, place, relayOf, theLab }
