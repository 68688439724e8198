// SPDX-License-Identifier: Apache-2.0
// Every pair of NAT kinds, in both directions, for each pair of implementations and each loss: a table of
// the time from the wish for a connection to the server's first byte. Each run has sites, a server and a
// client of its own. Settings are words of HSFWD_NATLAB, see `run`.
'use strict'
const fs = require('node:fs')
const t = require('../support/harness')
const { Lab, SHARED, SITES } = require('./lab')
const { hasJavaScript, startClient, startNode, startRelay, startServer, timeToFirstByte } = require('./peers')

const settings = {
  implementations: 'js-js,hsfwd-hsfwd,hsfwd-js,js-hsfwd', // server-client
  loss: '0,2,10', // percent
  cells: '', // only those whose name has one of these words
  runs: '5',
  nodes: '16',
  network: 'hsfwd', // who makes the DHT nodes: hsfwd or js
  relay: '', // who makes the relay: hsfwd or js
  lanes: '4', // runs at once
  timeout: '45', // seconds
  out: '', // a file for the figures
  timelines: '', // a file for what our clients say of each attempt that failed or was slow
  slow: '1000', // milliseconds
  ...JSON.parse(process.env.HSFWD_NATLAB || '{}')
}
const list = (text) => text.split(',').filter(Boolean)

const kinds = Object.keys(SITES)
const places = [...kinds.flatMap((server) => kinds.map((client) => [server, client])), ...Object.keys(SHARED).map((name) => [name])]
const nameOf = (place) => place.join(' × ')
const wanted = (place) => settings.cells === '' || list(settings.cells).some((word) => nameOf(place).includes(word))

function median (numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const duration = (ms) => ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`

function summary (results) {
  const good = results.filter((result) => result.ok)
  const took = good.map((result) => result.took)
  const bad = results.filter((result) => !result.ok)
  const reasons = [...new Set(bad.map((result) => result.reason))].map((reason) =>
    `${reason} in ${duration(median(bad.filter((result) => result.reason === reason).map((result) => result.took)))}`)
  const paths = [...new Set(good.map((result) => result.path))]
  const count = good.length === results.length ? '' : ` ${good.length} of ${results.length}: ${reasons.join(', ')}`
  if (good.length === 0) return `never: ${reasons.join(', ')}`
  return `${duration(median(took))} (${duration(Math.min(...took))}–${duration(Math.max(...took))}) ${paths.join()}${count}`
}

async function oneRun (lab, { place, server: serverKind, client: clientKind }, through) {
  const site = await lab.place(...place)
  const started = []
  const began = performance.now()
  try {
    const server = await startServer(serverKind, site.server, { bootstrap: lab.bootstrap, through })
    started.push(server)
    const client = await startClient(clientKind, site.client, { bootstrap: lab.bootstrap, key: server.key, through })
    started.push(client)
    const result = await timeToFirstByte(client, Number(settings.timeout) * 1000)
    if (settings.timelines && (!result.ok || result.took > Number(settings.slow))) {
      fs.appendFileSync(settings.timelines, `${serverKind}-${clientKind} ${nameOf(place)}, loss ${lab.loss} %: ${JSON.stringify(result)}\n${client.program.stderr}\n`)
    }
    return result
  } catch (error) {
    return { ok: false, took: performance.now() - began, reason: `no start: ${error.message.split('\n')[0]}` }
  } finally {
    await Promise.all(started.map((peer) => peer.stop()))
    await site.remove()
  }
}

t.test('the full matrix', async () => {
  t.ok(hasJavaScript() || settings.implementations === 'hsfwd-hsfwd', 'the JavaScript packages are not installed')
  const lab = new Lab()
  await lab.start({ nodes: Number(settings.nodes), startNode: (host, bootstrap) => startNode(settings.network, host, bootstrap) })
  const relay = settings.relay ? await startRelay(settings.relay, (await lab.place('public', 'public')).server, lab.bootstrap) : null

  const figures = []
  for (const loss of list(settings.loss).map(Number)) {
    const cells = places.filter(wanted).flatMap((place) => list(settings.implementations).map((implementation) => {
      const [server, client] = implementation.split('-')
      return { place, implementation, server, client, loss, results: [] }
    }))
    figures.push(...cells)
    // Round by round, so that what else the machine does falls on all alike.
    const runs = Array.from({ length: Number(settings.runs) }, () => cells).flat()
    lab.setLoss(loss)
    const lane = async () => {
      for (let cell = runs.shift(); cell; cell = runs.shift()) {
        cell.results.push(await oneRun(lab, cell, relay))
        if (cell.results.length === Number(settings.runs)) {
          console.log(`loss ${loss} %  ${cell.implementation.padEnd(12)} ${nameOf(cell.place).padEnd(24)} ${summary(cell.results)}`)
          if (settings.out) fs.writeFileSync(settings.out, JSON.stringify(figures))
        }
      }
    }
    await Promise.all(Array.from({ length: Number(settings.lanes) }, lane))
  }

  for (const loss of list(settings.loss).map(Number)) {
    console.log(`\nLoss ${loss} %, server × client, ${list(settings.implementations).join(', ')}:\n`)
    console.log(`| | ${list(settings.implementations).join(' | ')} |\n|---|${'---|'.repeat(list(settings.implementations).length)}`)
    for (const place of places.filter(wanted)) {
      const row = figures.filter((cell) => cell.loss === loss && cell.place === place)
      console.log(`| ${nameOf(place)} | ${row.map((cell) => summary(cell.results)).join(' | ')} |`)
    }
  }
})
