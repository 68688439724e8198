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
    const at = socketPath ? { socketPath } : { host: new URL(url).hostname, port: new URL(url).port }
    const asked = http.request({ ...at, path: `/${wanted ?? ''}`, method, headers, agent: false }, (response) => {
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
    if (Array.isArray(value)) return value.slice(0, 1).flatMap((one) => HOSTILE.map(() => spoilt(one)))
    if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, spoilt(one, key)]))
    return typeof value === 'string' && name !== 'event' ? HOSTILE[next++ % HOSTILE.length] : value
  }
  state.peers.sessions = [{ ...state.status.sessions[0], id: 1 }]
  state.peers.connections = [{ id: 1, direction: 'in', peer: '', key: '', service: '', path: '', remote: '', rttMillis: 1, bytesToPeer: 1, bytesFromPeer: 1, since: '', seconds: 1, session: 1 }]
  for (const one of [...state.status.connects, ...state.status.socks, ...state.status.exposes]) one.problem = 'x'
  const hostile = JSON.stringify(spoilt(state))
  // What the real one sends, but for the state.
  const between = http.createServer(async (asked, response) => {
    const real = await request(url, { path: asked.url.slice(1) })
    const { 'content-length': length, ...headers } = real.headers
    response.writeHead(real.status, headers)
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

t.test('who asks on behalf of another site, or for anything but to look, is refused; whatever else comes in ends nothing', async () => {
  const { client, url } = await theLab()
  const { host, port } = new URL(url)
  for (const wanted of ['', 'page.js', 'page.css', 'icon.svg', 'state.json', 'nothing']) {
    const { status, headers } = await request(url, { path: wanted })
    t.equal(status, wanted === 'nothing' ? 404 : 200, `status of ${wanted}`)
    t.ok(headers['content-security-policy'].startsWith("default-src 'none';"), `its policy: ${headers['content-security-policy']}`)
    t.ok(!/unsafe|http:|\*/.test(headers['content-security-policy']), 'which has no hole')
    t.equal(['x-content-type-options', 'referrer-policy', 'cache-control', 'x-frame-options'].map((name) => headers[name]).join(), 'nosniff,no-referrer,no-store,DENY', 'headers')
  }
  for (const [headers, status] of [
    [{ host: `evil.example:${port}` }, 421], [{ host: 'evil.example' }, 421], [{ host: `localhost.evil.example:${port}` }, 421], [{ host: `localhost:${port}` }, 200],
    [{ origin: 'http://evil.example' }, 421], [{ origin: 'null' }, 421], [{ origin: `http://127.0.0.1:${port}0` }, 421], [{ origin: `http://${host}` }, 200]
  ]) {
    const answer = await request(url, { path: 'state.json', headers })
    t.equal(answer.status, status, `status for ${JSON.stringify(headers)}`)
    t.equal(answer.body.includes('publicKey'), status === 200, 'the state')
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
    t.equal((await request(url, { method, path: 'state.json' })).status, 405, `status of ${method}`)
  }
  const head = await request(url, { method: 'HEAD' })
  t.equal(`${head.status} ${head.body.length}`, '200 0', 'HEAD')
  t.ok(Number(head.headers['content-length']) > 1000, 'and the length that it would have')
  for (const garbage of ['\0\0\0\0\r\n\r\n', 'GET\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', 'GET http://127.0.0.1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
    `GET / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, `GET /${'x'.repeat(10000)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'x'.repeat(100000)]) {
    t.ok(/^HTTP\/1\.1 4\d\d /.test(await say(url, garbage)), `an answer to ${garbage.slice(0, 40)}`)
  }
  t.equal((await request(url, { path: '../../../../etc/passwd' })).status, 404, 'a file of the machine')
  t.ok((await ask('status', client)).pages[0].refused >= 12, 'what is counted')
})

t.test('a secret: others get nothing without it, and a page that would ask nobody listens for this machine alone', async () => {
  const { bootstrap, up } = await theLab()
  const secret = path.join(t.scratch, 'page-secret')
  const words = 'correct horse battery'
  fs.writeFileSync(secret, words + '\n', { mode: 0o600 })
  const socket = path.join(t.scratch, 'page.sock')
  const check = async (rows) => {
    const file = path.join(t.scratch, 'page-check.toml')
    fs.writeFileSync(file, `identity = "${path.join(t.scratch, 'page-check-identity')}"\nbootstrap = "${bootstrap}"\n[page]\n${rows}`)
    const { code, stderr } = await t.run(['check', '-c', file])
    return `${code} ${stderr}`
  }
  t.ok(/^78 .*:4: listen '0.0.0.0:0': .*secret_file/.test(await check('listen = "0.0.0.0:0"')), 'any address without one')
  t.ok(/^78 .*:5: secret_file .*there is no such file/.test(await check('listen = "0"\nsecret_file = "nothing"')), 'no file')
  fs.chmodSync(secret, 0o644)
  t.ok(/^78 .*:5: secret_file .*others can read it/.test(await check(`listen = "0"\nsecret_file = "${secret}"`)), 'a file that others can read')
  fs.chmodSync(secret, 0o600)
  t.ok(/^0 .*not encrypted/.test(await check(`listen = "0.0.0.0:0"\nsecret_file = "${secret}"`)), 'any address with one')

  const one = up('secret', `[page]\nlisten = "127.0.0.1:0"\nsecret_file = "${secret}"\n`)
  const { url } = await one.program.event('ready', { matches: (event) => 'url' in event })
  const basic = (pair) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` })
  const bare = await request(url, { path: 'state.json' })
  t.equal(`${bare.status} ${bare.headers['www-authenticate']?.split(' ')[0]}`, '401 Basic', 'without')
  t.ok(!bare.body.includes('publicKey'), 'and nothing is told')
  for (const [headers, status] of [[basic(`me:${words}`), 200], [basic(`:${words}`), 200], [basic(`me:${words}x`), 401], [basic('me:'), 401], [basic(words), 401],
    [{ authorization: 'Basic !!!' }, 401], [{ authorization: 'Basic' }, 401], [{ authorization: `Bearer ${words}` }, 401]]) {
    for (const wanted of ['', 'state.json']) t.equal((await request(url, { path: wanted, headers })).status, status, `status for ${JSON.stringify(headers)}`)
  }
  t.equal((await request(url, { path: 'state.json', headers: { ...basic(`me:${words}`), host: 'evil.example' } })).status, 421, 'with it, on behalf of another site')

  // Another secret counts from the reload on, another address as well.
  fs.writeFileSync(secret, 'another one, as long\n')
  t.equal((await t.run(['reload', '-c', one.file])).code, 0, 'reload')
  const now = (await ask('status', one)).pages[0]
  t.equal((await request(now.url, { headers: basic(`me:${words}`) })).status, 401, 'the old one')
  t.equal((await request(now.url, { headers: basic('me:another one, as long') })).status, 200, 'the new one')
  fs.writeFileSync(one.file, fs.readFileSync(one.file, 'utf8').replace(/\[page\][^]*/, `[page]\nlisten = "unix:${socket}"\n`))
  t.equal((await t.run(['reload', '-c', one.file])).code, 0, 'reload to a unix socket')
  const state = JSON.parse((await request('', { socketPath: socket, path: 'state.json' })).body)
  t.equal(state.status.pages[0].listen, `unix:${socket}`, 'where it is')
  await t.until(async () => (await t.run(['status', '-c', one.file])).stdout.includes(`page: unix:${socket}`), 'what people are told')
  await one.program.kill()
})

t.test('hsfwd page shows an up that has none of its own, and says so when it is gone', async () => {
  const { server, up } = await theLab()
  const page = t.hsfwd(['page', '-c', server.file, '--json'])
  const { listen, url } = await page.event('ready')
  t.ok(/^127\.0\.0\.1:\d+$/.test(listen), `where: ${listen}`)
  const answers = await Promise.all(Array.from({ length: 12 }, () => request(url, { path: 'state.json' })))
  const status = await ask('status', server)
  for (const { body } of answers) {
    const state = JSON.parse(body)
    t.equal(`${state.status.pid} ${state.status.key} ${state.peers.event} ${state.attempts.event}`, `${status.pid} ${status.key} peers attempts`, 'the state')
  }
  await page.kill()

  const file = path.join(t.scratch, 'page-nobody.toml')
  fs.writeFileSync(file, '')
  const none = await t.run(['page', '-c', file])
  t.equal(none.code, 69, 'exit code without an up')
  t.ok(/^hsfwd: no hsfwd up runs with .*\n$/.test(none.stderr), `one line: ${none.stderr}`)
  t.equal((await t.run(['page', '-c', file, '--listen', '0.0.0.0:0'])).code, 2, 'exit code for an address that others reach')

  const brief = up('brief', '[[socks]]\nlisten = "0"\n')
  await t.until(async () => (await t.run(['status', '-c', brief.file])).code === 0, 'an up to answer')
  const own = t.hsfwd(['page', '-c', brief.file, '--json'])
  const ownUrl = (await own.event('ready')).url
  const tab = await (await theBrowser()).tab()
  await tab.look(PHONE, 800)
  await tab.open(ownUrl)
  await shown(tab, 'document.querySelector("h1") !== null')
  await brief.program.kill()
  t.equal((await request(ownUrl, { path: 'state.json' })).status, 503, 'status when it is gone')
  await shown(tab, 'document.querySelector("#trouble").textContent.includes("No hsfwd up runs")')
  t.ok((await tab.value('document.querySelector("#trouble").textContent')).includes('Asking again in'), 'what happens next')
  await own.kill()
})
