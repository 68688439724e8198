// SPDX-License-Identifier: Apache-2.0
// Looking into the network: netcheck, ping, lookup, why; and what keeps a program going when the
// network around it changes.
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const t = require('../support/harness')

async function expose (bootstrap, targets, more = [], options = {}) {
  const program = t.hsfwd(['expose', ...targets.map(String), '--bootstrap', bootstrap, '--json', ...more], options)
  const listening = await program.event('listening')
  return { program, key: listening.publicKey }
}

/** A DHT of processes of their own, so that some of them can go. The first is the bootstrap node. */
async function processNet (size) {
  const port = await t.freePort()
  const bootstrap = `127.0.0.1:${port}`
  const first = t.hsfwd(['node', '--first', '127.0.0.1', '--host', '127.0.0.1', '--port', String(port), '--json'])
  await first.event('ready')
  const others = []
  while (others.length < size - 1) {
    const node = t.hsfwd(['node', '--persistent', '--host', '127.0.0.1', '--port', '0', '--bootstrap', bootstrap, '--json'])
    await node.event('ready')
    others.push(node)
  }
  return { bootstrap, first, others }
}

t.test('expose and connect start when the bootstrap node is gone, from nodes remembered', async () => {
  const net = await processNet(6)
  const hello = await t.service((socket) => socket.end('Hello world!'))
  const cache = path.join(t.scratch, 'cache-gone')
  const env = { XDG_CACHE_HOME: cache }
  const before = await expose(net.bootstrap, [hello.port], [], { env })
  await before.program.kill()
  const files = fs.readdirSync(path.join(cache, 'hsfwd'))
  t.equal(files.length, 1, 'one file for one network')
  await net.first.kill('SIGKILL')

  const forgetful = t.hsfwd(['expose', String(hello.port), '--bootstrap', net.bootstrap, '--json'], { env: { XDG_CACHE_HOME: path.join(t.scratch, 'cache-none') } })
  t.equal((await forgetful.event('error')).code, 'NO_NETWORK', 'without memory there is no way in')
  await forgetful.exited

  const server = await expose(net.bootstrap, [hello.port], [], { env })
  const client = t.hsfwd(['connect', server.key, '-L', '0', '--name', 'client', '--bootstrap', net.bootstrap, '--json'], { env })
  const port = Number((await client.event('ready')).listen.split(':')[1])
  const socket = await t.connect(port)
  t.equal((await t.readAll(socket)).toString(), 'Hello world!', 'what was said')
  socket.end()
})

t.test('a node file that was tampered with is passed over with a warning', async () => {
  const net = await t.testnet()
  const hello = await t.service((socket) => socket.end('Hello world!'))
  const cache = path.join(t.scratch, 'cache-bad')
  const env = { XDG_CACHE_HOME: cache }
  const server = await expose(net.bootstrap, [hello.port], [], { env })
  await server.program.kill()
  const folder = path.join(cache, 'hsfwd')
  const file = path.join(folder, fs.readdirSync(folder)[0])
  fs.writeFileSync(file, 'hsfwd nodes 1\n127.0.0.1:99999\n\0')
  const again = await expose(net.bootstrap, [hello.port], [], { env })
  await t.until(() => /nodes.*damaged/.test(again.program.stderr), 'a warning')
  await again.program.kill()
  t.ok(fs.readFileSync(file, 'utf8').startsWith('hsfwd nodes 1\n127.0.0.1:'), 'and replaced by a good one')
})

t.test('status and peers show a session on both sides, and its silence', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const up = async (name, rows, event) => {
    const file = path.join(t.scratch, `session-${name}.toml`)
    fs.writeFileSync(file, `identity = "${path.join(t.scratch, `session-${name}-identity`)}"\nbootstrap = "${net.bootstrap}"\n${rows}`)
    const program = t.hsfwd(['up', '-c', file, '--json'])
    return { file, program, told: await program.event(event) }
  }
  const ask = async (command, file) => JSON.parse((await t.run([command, '-c', file, '--json'])).stdout)
  const server = await up('server', `[[expose]]\nservices = ["one=${echo.port}", "two=${echo.port}"]\n`, 'listening')
  const key = server.told.publicKey
  const ports = [await t.freePort(), await t.freePort()]
  const client = await up('client', `[[connect]]\npeer = "${key}"\nlisten = ["${ports[0]}:one", "${ports[1]}:two"]\n`, 'ready')
  const sockets = []
  for (const port of [ports[0], ports[1], ports[1]]) {
    const socket = await t.connect(port)
    socket.on('error', () => {})
    await new Promise((resolve) => { socket.once('data', resolve); socket.write('hello') })
    sockets.push(socket)
  }
  for (const [side, direction] of [[client, 'out'], [server, 'in']]) {
    for (const command of ['status', 'peers']) {
      const { sessions } = await ask(command, side.file)
      t.equal(sessions.length, 1, `sessions in ${command}`)
      const [one] = sessions
      t.equal(one.direction, direction, 'direction')
      t.equal(one.streams, 3, 'connections')
      t.equal([...one.services].sort().join(), 'one,two', 'services')
      t.equal(one.path, 'direct', 'path')
      t.ok(/^127\.0\.0\.1:\d+$/.test(one.remote), `remote address: ${one.remote}`)
      t.ok(one.rttMillis > 0, 'round-trip time')
      t.equal(`${one.bytesToPeer} ${one.bytesFromPeer}`, '15 15', 'bytes')
      t.equal(one.silentSeconds, null, 'it is not silent')
      t.equal(`${one.moves} ${one.lastError}`, '0 ', 'and where it was')
    }
    const { connections, sessions } = await ask('peers', side.file)
    t.equal(connections.map((c) => c.session).join(), Array(3).fill(sessions[0].id).join(), 'whose connections they are')
    const rows = (await t.run(['peers', '-c', side.file])).stdout.trimEnd().split('\n')
    t.equal(rows.filter((row) => /^\d/.test(row)).length, 1, `one row: ${rows.join('\n')}`)
    t.ok(rows.some((row) => /^ {4}127\.0\.0\.1:\d+ for \d+ s, 3 connections/.test(row)), `and what is below: ${rows.join('\n')}`)
    t.ok((await t.run(['status', '-c', side.file])).stdout.includes(', 3 connections'), 'in status as well')
  }

  process.kill(server.program.pid(), 'SIGSTOP')
  try {
    sockets[0].write('anybody?')
    let silent
    await t.until(async () => {
      silent = (await ask('peers', client.file)).sessions[0].silentSeconds
      return silent !== null
    }, 'the silence to be seen')
    t.ok(/silent for \d+ s/.test((await t.run(['peers', '-c', client.file])).stdout), 'silence for people')
  } finally {
    process.kill(server.program.pid(), 'SIGCONT')
  }
  await t.until(async () => (await ask('peers', client.file)).sessions[0].silentSeconds === null, 'the silence to be over')
  for (const socket of sockets) socket.end()
  await t.until(async () => (await ask('peers', client.file)).connections.length === 0, 'all to end')
  t.equal((await t.run(['peers', '-c', client.file])).stdout, 'no connections\n', 'no rows')
  const [idle] = (await ask('status', client.file)).sessions
  t.equal(`${idle.streams} ${idle.bytesToPeer}`, '0 23', 'a session that nobody uses')
})

t.test('netcheck: an open host in a whole network', async () => {
  const net = await t.testnet()
  const result = await t.run(['netcheck', '--bootstrap', net.bootstrap, '--json'])
  t.equal(result.code, 0, 'exit code')
  const report = JSON.parse(result.stdout)
  t.equal(report.event, 'netcheck', 'the event')
  t.ok(report.online, 'online')
  t.equal(report.bootstrap.length, 1, 'bootstrap nodes')
  t.ok(report.bootstrap[0].millis >= 0, 'with a round-trip time')
  t.ok(report.nat.samples.length >= 3, 'samples')
  t.ok(report.nat.samples.every((s) => /^127\.0\.0\.1:\d+$/.test(s.seenAs)), 'who saw what')
  t.equal(report.nat.keepsPort, true, 'ports')
  t.equal(report.pathMtu, 1500, 'path MTU')
  t.ok(report.interfaces.some((i) => i.internal && i.address === '127.0.0.1'), 'the loopback interface')
  const human = await t.run(['netcheck', '--bootstrap', net.bootstrap])
  t.equal(human.code, 0, 'exit code')
  for (const word of ['local addresses', 'bootstrap nodes', 'path MTU: 1500', 'verdict: ']) {
    t.ok(human.stdout.includes(word), `'${word}' in ${human.stdout}`)
  }
})

t.test('netcheck: nobody answers', async () => {
  const result = await t.run(['netcheck', ...t.NOBODY, '--json'])
  t.equal(result.code, 75, 'exit code')
  const report = result.program.events[0]
  t.equal(report.online, false, 'online')
  t.equal(report.bootstrap[0].millis, null, 'no answer')
  t.equal(report.nat.verdict, 'unknown', 'verdict')
})

t.test('ping measures, counts, and does not touch what is exposed', async () => {
  const net = await t.testnet()
  let dialled = 0
  const noisy = await t.service((socket) => { dialled++; socket.write('I speak first. '.repeat(1000)) })
  const server = await expose(net.bootstrap, [`noisy=${noisy.port}`])
  const ping = t.hsfwd(['ping', server.key, '-c', '5', '-i', '0.05', '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  const connection = await ping.event('connection')
  t.equal(connection.path, 'direct', 'the path')
  t.equal(connection.services.join(), 'noisy', 'the services')
  const statistics = await ping.event('statistics')
  t.equal(await ping.exited, 0, 'exit code')
  const pongs = ping.events.filter((e) => e.event === 'pong')
  t.equal(pongs.map((e) => e.seq).join(), '1,2,3,4,5', 'answers, in order')
  t.ok(pongs.every((e) => e.millis > 0 && e.millis < 1000 && e.path === 'direct'), 'their times')
  t.equal(statistics.answered, 5, 'answered')
  t.ok(statistics.min <= statistics.mean && statistics.mean <= statistics.max, 'least, mean, most')
  await t.sleep(100)
  t.equal(dialled, 0, 'the service was left alone')
  t.equal(server.program.events.filter((e) => e.event === 'connection').length, 0, 'and no connection told of')

  // The allow list holds for those who look only, too.
  const closed = await expose(net.bootstrap, [noisy.port], ['--name', 'closed', '--allow', server.key])
  const refused = await t.run(['ping', closed.key, '-c', '1', '--name', 'client', '--bootstrap', net.bootstrap])
  t.equal(refused.code, 69, 'exit code when refused')
})

t.test('ping without a count goes on until it is told to stop, and then sums up', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const server = await expose(net.bootstrap, [echo.port])
  const ping = t.hsfwd(['ping', server.key, '-i', '0.02', '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  await t.until(() => ping.events.filter((e) => e.event === 'pong').length >= 3, 'three answers')
  t.equal(await ping.kill('SIGINT'), 130, 'exit code on SIGINT')
  t.ok(ping.events.some((e) => e.event === 'statistics' && e.answered >= 3), 'statistics')
})

t.test('ping: the peer goes away; nobody has the key; bad counts', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const server = await expose(net.bootstrap, [echo.port])
  const ping = t.hsfwd(['ping', server.key, '-i', '0.05', '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  await ping.event('pong')
  await server.program.kill('SIGKILL')
  t.equal((await ping.event('error', { timeout: 60000 })).code, 'CONNECTION_LOST', 'the error')
  t.equal(await ping.exited, 69, 'exit code')
  t.ok(ping.events.some((e) => e.event === 'silence'), 'silence told of meanwhile')
  const unknown = await t.run(['ping', 'ab'.repeat(32), '-c', '1', '--bootstrap', net.bootstrap])
  t.equal(unknown.code, 69, 'exit code for an unknown key')
  for (const bad of [['-c', '0'], ['-c', 'x'], ['-i', '0'], ['-i', '1x'], ['-i', 'nan']]) {
    const wrong = await t.run(['ping', server.key, ...bad])
    t.equal(wrong.code, 2, `exit code for ${bad.join(' ')}`)
    t.ok(wrong.stderr.includes(bad[1]), `the value is named: ${wrong.stderr}`)
  }
})

t.test('lookup tells which relays answer', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const server = await expose(net.bootstrap, [echo.port])
  const found = JSON.parse((await t.run(['lookup', server.key, '--bootstrap', net.bootstrap, '--json'])).stdout)
  t.equal(found.relays.length, 3, 'relays')
  t.equal(found.answers.map((a) => a.relay).join(), found.relays.join(), 'the same')
  t.ok(found.answers.every((a) => a.millis >= 0), 'all answer')
})

t.test('why: a timeline that ends with a verdict and an advice', async () => {
  const net = await t.testnet()
  let dialled = 0
  const echo = await t.service((socket) => { dialled++; socket.pipe(socket) })
  const server = await expose(net.bootstrap, [echo.port])
  const why = await t.run(['why', server.key, '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  t.equal(why.code, 0, 'exit code')
  const events = why.stdout.trim().split('\n').map((line) => JSON.parse(line))
  const steps = events.filter((e) => e.event === 'attempt')
  for (const step of ['search', 'handshake', 'path']) t.ok(steps.some((e) => e.step === step), `a step ${step}`)
  t.ok(steps.every((e, i) => i === 0 || e.millis >= steps[i - 1].millis), 'in order')
  const verdict = events.at(-1)
  t.equal(verdict.event, 'verdict', 'the last')
  t.equal(verdict.reached, true, 'reached')
  t.equal(verdict.path, 'direct', 'the path')
  t.equal(dialled, 0, 'the service was left alone')

  await server.program.kill()
  const gone = await t.run(['why', server.key, '--name', 'client', '--bootstrap', net.bootstrap])
  t.equal(gone.code, 69, 'exit code')
  t.ok(/\+ +\d+ ms +search/.test(gone.stdout), `a timeline: ${gone.stdout}`)
  t.ok(/^verdict: not reached: /m.test(gone.stdout), `a verdict: ${gone.stdout}`)
  t.ok(/^advice: Check the key/m.test(gone.stdout), `an advice: ${gone.stdout}`)
  const offline = await t.run(['why', server.key, '--name', 'client', ...t.NOBODY])
  t.equal(offline.code, 75, 'exit code without a network')
  t.ok(offline.stdout.includes('advice: Run hsfwd netcheck'), `an advice: ${offline.stdout}`)
})

t.test('connect -v tells of each attempt on standard error', async () => {
  const net = await t.testnet()
  const hello = await t.service((socket) => socket.end('Hello world!'))
  const server = await expose(net.bootstrap, [hello.port])
  const client = t.hsfwd(['connect', server.key, '-L', '0', '-v', '--name', 'client', '--bootstrap', net.bootstrap, '--json'])
  const port = Number((await client.event('ready')).listen.split(':')[1])
  const socket = await t.connect(port)
  await t.readAll(socket)
  socket.end()
  await client.event('closed')
  const attempt = await client.event('attempt', { matches: (e) => e.step === 'path' })
  t.equal(attempt.id, 1, 'of which connection')
  t.ok(/1: \+ +\d+ ms +handshake/.test(client.stderr), `a timeline in ${client.stderr}`)
})

t.test('an exposed server tests itself and tells what came of it', async () => {
  const net = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const server = await expose(net.bootstrap, [echo.port], ['--allow', 'cd'.repeat(32)])
  const report = await server.program.event('reachability')
  t.equal(report.publicKey, server.key, 'which key')
  t.equal(report.reachable, true, 'reachable')
  t.equal(report.relays.length, 3, 'relays that pass handshakes on')
  t.equal(report.failed.length, 0, 'and that do not')
  t.equal(report.found, 3, 'found by a search')
  t.equal(server.program.events.filter((e) => e.event === 'connection').length, 0, 'no connection')
  t.equal(server.program.stderr, '', 'nothing to complain about')
})

t.test('an address that comes is noticed, and the server announces anew', async () => {
  if (process.getuid() !== 0) t.skip('making a network namespace takes root')
  const name = `hsfwd-seeing-${process.pid}`
  const ip = (...args) => execFileSync('ip', args, { stdio: 'pipe' })
  try {
    ip('netns', 'add', name)
  } catch (error) {
    t.skip(`a network namespace cannot be made: ${error.message.trim().split('\n').pop()}`)
  }
  t.cleanups.push(() => ip('netns', 'del', name))
  ip('-n', name, 'link', 'set', 'lo', 'up')
  const inside = (args) => new t.Program('ip', ['netns', 'exec', name, t.BINARY, ...args])
  const net = inside(['testnet', '--port', '50000', '--json'])
  await net.event('ready')
  const server = inside(['expose', '1', '--bootstrap', '127.0.0.1:50000', '--json', '-v'])
  await server.event('listening')
  const announced = () => server.stderr.split('announced at').length - 1
  const before = announced()
  ip('-n', name, 'address', 'add', '10.77.0.1/32', 'dev', 'lo')
  await t.until(() => /network of this machine has changed/.test(server.stderr), 'the change to be noticed')
  await t.until(() => announced() > before, 'another announcement')
})
