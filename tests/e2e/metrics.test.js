// SPDX-License-Identifier: Apache-2.0
// What collectors read of a running `up`: that it is the format's, and that it says what status says.
'use strict'
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const t = require('../support/harness')

let files = 0
function fresh (what) { return path.join(t.scratch, `metrics-${what}-${files++}`) }

function config (net, text) {
  const name = fresh('config')
  fs.writeFileSync(name, `identity = "${fresh('identity')}"\nbootstrap = "${net.bootstrap}"\n${text}`)
  return name
}

async function up (net, text, event) {
  const file = config(net, text)
  const program = t.hsfwd(['up', '-c', file, '--json'])
  const first = await program.event(event)
  return { file, program, first }
}

function get (where, options = {}) {
  return t.within(10000, `an answer of ${JSON.stringify(where)}`, new Promise((resolve, reject) => {
    const request = http.request({ path: '/metrics', ...where, ...options }, (response) => {
      let body = ''
      response.on('data', (bytes) => { body += bytes })
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
    })
    request.on('error', reject)
    request.end()
  }))
}

const OPEN = { accept: 'application/openmetrics-text; version=1.0.0' }

/** The format's rules (OpenMetrics 1.0): families in one piece, with type and help, names as they are to be. */
function read (text) {
  const lines = text.split('\n')
  t.equal(lines.pop(), '', 'the last line ends')
  t.equal(lines.pop(), '# EOF', 'the last line')
  const families = new Map()
  let family
  for (const line of lines) {
    const head = line.match(/^# (TYPE|HELP) ([a-z_]+) (.+)$/)
    if (head) {
      const [, what, name, rest] = head
      if (what === 'TYPE') {
        t.ok(!families.has(name), `${name} is in one piece`)
        t.ok(['counter', 'gauge'].includes(rest), `type of ${name}: ${rest}`)
        family = { name, type: rest, figures: new Map() }
        families.set(name, family)
      } else {
        t.equal(name, family.name, 'whose help it is')
        family.help = rest
      }
      continue
    }
    const sample = line.match(/^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\n"])*",?)+)\})? (\d+(?:\.\d+)?)$/)
    t.ok(sample, `a figure: ${line}`)
    const [, name, labels = '', value] = sample
    t.equal(name, family.type === 'counter' ? `${family.name}_total` : family.name, 'the name of a figure')
    t.ok(family.help, `${name} has a help`)
    t.ok(!family.figures.has(labels), `${name}{${labels}} is there once`)
    t.ok(!/_total$|_(milli|micro)?s$|milli|micro|kilo/.test(family.name), `${family.name} has no unit but seconds and bytes`)
    family.figures.set(labels, Number(value))
  }
  const at = (name, ...labels) => {
    const found = [...families.get(name).figures].filter(([key]) => labels.every((label) => key.includes(label)))
    t.equal(found.length, 1, `figures of ${name} with ${labels}`)
    return found[0][1]
  }
  return { families, at }
}

t.test('collectors read what status says, while a connection lasts', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const socket = fresh('socket')
  const server = await up(net, `[metrics]\nlisten = "unix:${socket}"\n[[expose]]\nservices = ["echo=${echo.port}"]\n`, 'listening')
  const { key } = server.first
  await server.program.event('reachability')
  const [port, scraped] = [await t.freePort(), await t.freePort()]
  const client = await up(net, `[peer.home]\nkey = "${key}"\n[metrics]\nlisten = "${scraped}"\n[[connect]]\npeer = "home"\nlisten = ["${port}:echo"]\n`, 'ready')
  await client.program.event('ready', { matches: (e) => e.serves === 'metrics' })

  const connection = await t.connect(port)
  connection.write('hello')
  await t.within(10000, 'an echo', new Promise((resolve) => connection.once('data', resolve)))

  const mine = read((await get({ port: scraped }, { headers: OPEN })).body)
  const theirs = read((await get({ socketPath: socket }, { headers: OPEN })).body)
  const status = (await t.run(['status', '-c', client.file, '--json'])).program.events[0]
  const [tunnel] = status.connects
  t.equal(mine.at('hsfwd_tunnel_bytes', 'to_peer'), tunnel.bytesToPeer, 'bytes of a connection that lasts')
  t.equal(mine.at('hsfwd_tunnel_bytes', 'to_peer'), 5, 'they are ours')
  t.equal(mine.at('hsfwd_tunnel_connections', key), 1, 'connections')
  t.equal(mine.at('hsfwd_peer_info', key, 'name="home"'), 1, 'what the peer is called')
  t.equal(mine.at('hsfwd_session_streams', key), 1, 'streams of the session')
  t.ok(mine.at('hsfwd_session_rtt_seconds', key) > 0, 'a round trip takes time')
  t.ok(mine.at('hsfwd_session_rtt_seconds', key) < 5, 'in seconds')
  t.equal(mine.at('hsfwd_sessions_open', 'direct'), 1, 'sessions')
  t.ok(mine.at('hsfwd_peers_reached', 'direct') >= 1, 'how it was reached')
  t.equal(mine.at('hsfwd_dht_online'), 1, 'online')
  t.ok(mine.at('process_resident_memory_bytes') > 1e6, 'memory')
  t.ok(Math.abs(Date.now() / 1000 - mine.at('process_start_time_seconds')) < 60, 'when it began')
  t.equal(theirs.at('hsfwd_exposed_reachable', key), 1, 'reachable')
  t.equal(theirs.at('hsfwd_exposed_introducers', key), 3, 'introducers')
  t.equal(theirs.at('hsfwd_tunnel_bytes', key, 'from_peer'), 5, 'bytes at the other side')
  t.ok(!theirs.families.has('hsfwd_session_streams'), 'no figures of peers that come by themselves')

  // Prometheus' own format, by default.
  const plain = await get({ port: scraped })
  t.ok(plain.headers['content-type'].startsWith('text/plain; version=0.0.4'), `by default: ${plain.headers['content-type']}`)
  t.ok(plain.body.includes('# TYPE hsfwd_dht_requests_total counter\n'), 'its heads')
  t.ok(!plain.body.includes('# EOF'), 'no end')
  connection.destroy()
})

t.test('who is led there by a page of somebody else gets nothing, nor who asks for something else', async () => {
  const net = await t.testnet()
  const port = await t.freePort()
  const { program } = await up(net, `[metrics]\nlisten = "${port}"\n[[socks]]\nlisten = ["0"]\n`, 'ready')
  await program.event('ready', { matches: (e) => e.serves === 'metrics' })
  const statusOf = async (options) => (await get({ port }, options)).status
  t.equal(await statusOf({}), 200, 'as it is meant')
  t.equal(await statusOf({ headers: { host: `localhost:${port}` } }), 200, 'as localhost')
  t.equal(await statusOf({ headers: { host: 'evil.example' } }), 421, 'a foreign host')
  t.equal(await statusOf({ headers: { origin: 'http://evil.example' } }), 421, 'a foreign origin')
  t.equal(await statusOf({ path: '/' }), 404, 'another path')
  t.equal(await statusOf({ path: '/metrics/../metrics' }), 404, 'a path that leads there')
  t.equal(await statusOf({ method: 'POST' }), 405, 'another method')
  const head = await get({ port }, { method: 'HEAD' })
  t.equal(head.body, '', 'a head has no body')
  t.ok(Number(head.headers['content-length']) > 1000, 'and says how long it would be')
})

t.test('a local address for metrics that is none, or taken, or open to others', async () => {
  const net = await t.testnet()
  const check = async (text) => {
    const { code, stderr } = await t.run(['check', '-c', config(net, `[[socks]]\nlisten = ["1080"]\n${text}`)])
    return { code, stderr }
  }
  t.ok(/metrics.*listen/.test((await check('[metrics]\n')).stderr), 'none at all')
  t.ok(/'udp:1' is not \[BIND:\]PORT or unix:PATH/.test((await check('[metrics]\nlisten = "udp:1"\n')).stderr), 'UDP')
  t.ok(/'9464:web' is not/.test((await check('[metrics]\nlisten = "9464:web"\n')).stderr), 'a service')
  t.ok(/listen.*1080/.test((await check('[metrics]\nlisten = "1080"\n')).stderr), 'taken')
  t.ok(/whoever reaches that address/.test((await check('[metrics]\nlisten = "0.0.0.0:9464"\n')).stderr), 'open to others')
  t.equal((await check('[metrics]\nlisten = "9464"\n')).code, 0, 'one that is right')
})

t.test('the dashboard asks for figures that there are, as what they are', async () => {
  const docs = path.join(__dirname, '..', '..', 'docs')
  const listed = new Map([...fs.readFileSync(path.join(docs, 'metrics.md'), 'utf8').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \|/gm)]
    .map(([, name, kind, labels]) => [kind === 'counter' ? `${name}_total` : name, { kind, labels: labels.replace(/\([^)]*\)/g, '').split(/, */).map((label) => label.trim()) }]))
  t.ok(listed.size > 80, `figures in the document: ${listed.size}`)
  const { panels } = JSON.parse(fs.readFileSync(path.join(docs, 'grafana/hsfwd.json'), 'utf8'))
  const questions = panels.flatMap((panel) => (panel.targets ?? []).map(({ expr }) => expr))
  t.ok(questions.length > 20, `questions of the dashboard: ${questions.length}`)
  for (const expr of questions) {
    const asked = [...expr.matchAll(/\b(?:hsfwd|process)_\w+/g)].map(([name]) => name)
    t.ok(asked.length > 0, `it asks for a figure of ours: ${expr}`)
    for (const name of asked) {
      t.ok(listed.has(name), `${name}, of ${expr}`)
      t.equal(/(rate|increase)\($/.test(expr.slice(0, expr.indexOf(name))), listed.get(name).kind === 'counter', `a rate is of a counter: ${name} in ${expr}`)
    }
    const labels = new Set([...asked.flatMap((name) => listed.get(name).labels), 'instance', 'job'])
    for (const [, by] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
      for (const label of by.split(', ')) t.ok(labels.has(label), `the label ${label} of ${expr}`)
    }
  }
})
