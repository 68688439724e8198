// SPDX-License-Identifier: Apache-2.0
// The page, in a browser: it shows what status and peers say and asks nobody else, whatever peers are called; and who
// may not have it does not get it.
'use strict'
const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const path = require('node:path')
const t = require('../support/harness')
const { Browser, unavailable } = require('../support/chromium')

const PHONE = 360
const DESK = 1280
// Of text that is not large (WCAG 2, AA).
const CONTRAST = 4.5

const HOSTILE = ['<img src=x onerror="window.hit = 1">', '"><svg onload="window.hit = 1">', '<script>window.hit = 1</script>', 'javascript:window.hit=1',
  '\u202egnp.exe', 'x'.repeat(5000), '', '   ', 'Z' + '\u0301'.repeat(300), 'a\u0000b\n\u001b[31mc', '\ud800', '__proto__', 'constructor', '\u6f22'.repeat(80)]

let browser = null
/** One for all cases. */
async function theBrowser () {
  if (unavailable()) t.skip(unavailable())
  if (!browser) {
    browser = await Browser.start()
    t.lastingCleanups.push(() => browser.end())
  }
  return browser
}

let lab = null
/** Two machines that run up, and what leads from one to the other; the client's has a page. */
function theLab () {
  lab = lab || (async () => {
    const dht = t.hsfwd(['testnet', '--size', '6', '--port', '0', '--json'], { lasting: true })
    const [bootstrap] = (await dht.event('ready')).bootstrap
    const up = (name, rows) => {
      const file = path.join(t.scratch, `page-${name}.toml`)
      fs.writeFileSync(file, `identity = "${path.join(t.scratch, `page-${name}-identity`)}"\nbootstrap = "${bootstrap}"\n${rows}`)
      return { file, program: t.hsfwd(['up', '-c', file, '--json'], { lasting: true }) }
    }
    const echo = net.createServer((socket) => socket.on('error', () => {}).pipe(socket))
    await new Promise((resolve) => echo.listen(0, '127.0.0.1', resolve))
    t.lastingCleanups.push(() => echo.close())
    const taken = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    t.lastingCleanups.push(() => taken.close())
    const server = up('server', `[[expose]]\nservices = ["echo=${echo.address().port}", "other=${echo.address().port}"]\n`)
    const { publicKey } = await server.program.event('listening')
    const port = await t.freePort()
    const client = up('client', `[peer.home]\nkey = "${publicKey}"\n[[connect]]\npeer = "home"\nlisten = ["${port}:echo", "${taken.address().port}:other"]\n` +
      `[[socks]]\nlisten = "0"\npeer = "home"\n[[expose]]\nservices = ["mine=${echo.address().port}"]\n[page]\nlisten = "127.0.0.1:0"\n`)
    const { url } = await client.program.event('ready', { matches: (event) => 'url' in event })
    // So that there is a session, and an attempt.
    const first = await t.connect(port)
    await new Promise((resolve) => { first.once('data', resolve); first.write('x') })
    first.destroy()
    await t.until(async () => (await ask('peers', client)).connections.length === 0, 'the first connection to end')
    return { bootstrap, client, port, server, up, url }
  })()
  return lab
}

const ask = async (command, { file }) => JSON.parse((await t.run([command, '-c', file, '--json'])).stdout)

/** One answer of the page's server: { status, headers, body }. */
function request (url, { method = 'GET', headers = {}, socketPath, path: wanted } = {}) {
  return new Promise((resolve, reject) => {
    const asked = http.request(socketPath ? { socketPath, path: wanted ?? '/', method, headers } : new URL(wanted ?? '', url), { method, headers, agent: false }, (response) => {
      const chunks = []
      response.on('data', (data) => chunks.push(data))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** What the server says to bytes of whatever kind, until it hangs up. */
async function say (url, bytes) {
  const { hostname, port } = new URL(url)
  const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  const chunks = []
  socket.on('error', () => {})
  socket.on('data', (data) => chunks.push(data))
  socket.write(bytes)
  await t.within(20000, 'the server to hang up', new Promise((resolve) => socket.on('end', resolve).on('close', resolve)))
  socket.destroy()
  return Buffer.concat(chunks).toString('latin1')
}

const shown = (tab, what) => t.until(() => tab.value(what), `the page to show ${what}`)

// Run in the page. ------------------------------------------------------------------------------

/** Rows of a table by its name: texts of their cells, without those below. */
function rowsOf (name) {
  const table = document.querySelector(`table[aria-label="${name}"]`)
  return table ? [...table.querySelectorAll('tbody tr:not(.more-row)')].map((row) => [...row.children].map((cell) => cell.textContent)) : null
}

/** What of the text is hard to read. */
function pale (least) {
  const colour = (text) => /rgba?\(([^)]+)\)/.exec(text)[1].split(/[ ,/]+/).map(Number)
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, share, i) => {
    const v = c[i] / 255
    return sum + share * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  }, 0)
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const c = colour(getComputedStyle(one).backgroundColor)
      if (c.length < 4 || c[3] === 1) return c
    }
    return [255, 255, 255]
  }
  const out = []
  let texts = 0
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement
    if (!walk.currentNode.nodeValue.trim() || !element.checkVisibility() || element.closest('noscript')) continue
    texts++
    const style = getComputedStyle(element)
    const [a, b] = [colour(element instanceof SVGElement ? style.fill : style.color), ground(element)].map(light)
    if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < least) out.push(walk.currentNode.nodeValue)
  }
  return { texts, pale: out }
}

// -----------------------------------------------------------------------------------------------

t.test('the page shows what status and peers say, and asks nobody else', async () => {
  const { client, port, url } = await theLab()
  const tab = await (await theBrowser()).tab()
  await tab.look(DESK, 900)
  await tab.open(url)
  await shown(tab, 'document.querySelector("h1") !== null')
  const sockets = []
  for (let i = 0; i < 3; i++) {
    const socket = await t.connect(port)
    t.cleanups.push(() => socket.destroy())
    await new Promise((resolve) => { socket.once('data', resolve); socket.write('x'.repeat(1000 * (i + 1))) })
    sockets.push(socket)
  }
  await t.until(async () => {
    const { connects, sessions } = await ask('status', client)
    return connects[0].bytesFromPeer === 6001 && sessions[0].bytesFromPeer >= 6001
  }, 'all to be back')
  await shown(tab, '(document.querySelector(\'table[aria-label="Local addresses"] tbody tr\')?.textContent ?? "").includes("6.0 kB6.0 kB")')

  const status = await ask('status', client)
  const peers = await ask('peers', client)
  t.equal(await tab.value('document.querySelector("#machine .key").textContent'), status.key, 'the key')
  t.ok((await tab.value('document.querySelector("#node").textContent')).includes(`seen as ${status.node.address}`), 'its address')
  const local = await tab.value(rowsOf, 'Local addresses')
  t.equal(local.map((row) => row.slice(0, 3).join()).join(' '), status.connects.map((one) => `${one.listen},home,${one.service}`).join(' '), 'local addresses')
  t.equal(local.map((row) => row[3]).join(), '3,not open', 'and their connections')
  t.equal((await tab.value(rowsOf, 'Addresses for SOCKS')).map((row) => row.slice(0, 3).join()).join(), `${status.socks[0].listen},home,0`, 'SOCKS')
  const [session] = peers.sessions
  const [row] = await tab.value(rowsOf, 'Sessions')
  t.equal([row[0], row[2], row[3], row[5], row[6]].join(), `home,${session.path},${session.remote},6.0 kB,6.0 kB`, 'the session')
  const connections = await tab.value(rowsOf, 'Connections, the newest first')
  t.equal(connections.map((one) => `${one[0]} ${one[2]} ${one[7]}`).join(), peers.connections.sort((a, b) => b.id - a.id).map((one) => `${one.id} ${one.service} ${(one.bytesFromPeer / 1000).toFixed(1)} kB`).join(), 'connections')
  const exposed = await tab.value('document.querySelector("#tunnels article").textContent')
  t.ok(exposed.includes(status.exposes[0].key) && exposed.includes(status.exposes[0].services[0].target), `what is exposed: ${exposed}`)
  t.equal(await tab.value('document.querySelector("h1").textContent'), 'One thing does not work', 'the verdict')
  const [finding] = await tab.value('[...document.querySelectorAll(".finding")].map((one) => one.textContent)')
  t.ok(finding.includes(status.connects[1].listen) && finding.includes(status.connects[1].problem), `what it is: ${finding}`)
  t.ok((await tab.value('document.querySelector("#peers svg").getAttribute("aria-label")')).includes(`home: ${session.path}, `), 'the picture')
  t.ok((await tab.value('[...document.querySelectorAll(".attempt summary")].map((one) => one.textContent).join()')).includes('reachedhome'), 'the attempt')

  const elsewhere = tab.requests.filter((one) => !one.startsWith(url))
  t.equal(elsewhere.join(), '', 'requests elsewhere')
  t.equal(tab.complaints.join(), '', 'what the browser complains of')
  for (const socket of sockets) socket.end()
  await shown(tab, 'document.querySelectorAll("#connections:not([hidden])").length === 0')
})

t.test('hostile texts are texts, and the page can be read at any width and in the dark', async () => {
  const { url } = await theLab()
  const state = JSON.parse((await request(url, { path: 'state.json' })).body)
  let next = 0
  const spoilt = (value, name) => {
    if (Array.isArray(value)) return value.flatMap((one) => HOSTILE.map(() => spoilt(one)))
    if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, spoilt(one, key)]))
    return typeof value === 'string' && name !== 'event' ? HOSTILE[next++ % HOSTILE.length] : value
  }
  state.peers.sessions = [{ ...state.status.sessions[0], id: 1 }]
  state.peers.connections = [{ id: 1, direction: 'in', peer: '', key: '', service: '', path: '', remote: '', rttMillis: 1, bytesToPeer: 1, bytesFromPeer: 1, since: '', seconds: 1, session: 1 }]
  for (const one of [...state.status.connects, ...state.status.socks, ...state.status.exposes]) one.problem = 'x'
  const hostile = JSON.stringify(spoilt(state))
  // What the real one sends, but for the state.
  const between = http.createServer(async (asked, response) => {
    const real = await request(url, { path: asked.url })
    response.writeHead(real.status, real.headers)
    response.end(asked.url === '/state.json' ? hostile : real.body)
  })
  await new Promise((resolve) => between.listen(0, '127.0.0.1', resolve))
  t.cleanups.push(() => { between.closeAllConnections(); between.close() })
  const tab = await (await theBrowser()).tab()
  for (const [width, scheme] of [[DESK, 'light'], [PHONE, 'dark']]) {
    await tab.look(width, 800, { 'prefers-color-scheme': scheme, 'prefers-reduced-motion': 'reduce' })
    await tab.open(`http://127.0.0.1:${between.address().port}/`)
    await shown(tab, 'document.querySelectorAll("#attempts details").length > 0')
    await tab.value('for (const one of document.querySelectorAll("details")) one.open = true; for (const one of document.querySelectorAll("button.more")) one.click()')
    t.equal(await tab.value('window.hit'), undefined, 'what was injected')
    t.equal(await tab.value('document.querySelectorAll("img, script:not([src]), iframe, [onload], [onerror]").length'), 0, 'elements of peers')
    t.ok((await tab.value('document.body.textContent')).includes(HOSTILE[0]), 'a text is there as it is')
    t.ok((await tab.value('document.body.textContent')).includes('\\u202egnp.exe'), 'what turns its direction is written out')
    t.ok(!(await tab.value('document.body.textContent')).includes('\u202e'), 'and does not')
    t.equal(await tab.value('document.scrollingElement.scrollWidth'), width, 'the width of all')
    t.equal(await tab.value('document.getAnimations().length'), 0, 'what moves')
    const { texts, pale: hard } = await tab.value(pale, CONTRAST)
    t.ok(texts > 100, `texts looked at: ${texts}`)
    t.equal(hard.join(), '', 'what is hard to read')
  }
  t.equal(tab.complaints.join(), '', 'what the browser complains of')
})

t.test('the page by keyboard: every stop is seen, attempts unfold, it pauses, the chart looks back', async () => {
  const { url } = await theLab()
  const tab = await (await theBrowser()).tab()
  await tab.look(DESK, 900)
  await tab.open(url)
  await shown(tab, 'document.querySelectorAll("#attempts details").length > 0')
  const stops = []
  for (let i = 0; i < 60; i++) {
    await tab.key('Tab')
    const stop = await tab.value(() => {
      const element = document.activeElement
      const style = getComputedStyle(element)
      if (element === document.body) return null
      return { what: element.tagName, text: element.getAttribute('aria-label') ?? element.textContent, seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 }
    })
    if (stop === null) break
    t.ok(stop.seen, `the focus is not seen at ${stop.text}`)
    if (stop.text === 'Pause') {
      await tab.key('Enter')
      await shown(tab, 'document.activeElement.textContent === "Go on"')
      await tab.key('Space')
      await shown(tab, 'document.activeElement.textContent === "Pause"')
    }
    if (stop.text.startsWith('Throughput of')) {
      await tab.key('ArrowLeft')
      await shown(tab, 'document.activeElement.getAttribute("aria-valuenow") === "-5"')
    }
    if (stop.what === 'SUMMARY' && !stops.some(({ what }) => what === 'SUMMARY')) {
      await tab.key('Enter')
      await shown(tab, 'document.activeElement.parentElement.open')
      // And stays so while all of the page is drawn again.
      const before = await tab.value('document.querySelector("#foot").textContent')
      await t.until(async () => await tab.value('document.querySelector("#foot").textContent') !== before, 'another second')
      t.ok(await tab.value('document.activeElement.parentElement.open'), 'what is unfolded')
    }
    stops.push(stop)
  }
  for (const what of ['A', 'BUTTON', 'DIV', 'SUMMARY']) t.ok(stops.some((stop) => stop.what === what), `no stop at ${what}`)
})
