// What is there at the start, and what comes later: peers, services, identities.
'use strict'

const fs = require('fs')
const net = require('net')
const path = require('path')
const t = require('../support/harness')

const KEY = /^[a-z0-9]{52}$/

async function identity (name) {
  const file = path.join(t.scratch, name)
  const { stdout } = await t.run(['keygen', '--identity', file])
  return { file, key: stdout.trim(), seed: fs.readFileSync(file, 'utf8').trim() }
}

t.test('--wait waits for a peer that is not up yet, and says so once', async () => {
  const { bootstrap } = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const own = await identity('awaited')
  const pipe = t.hsfwd(['pipe', own.key, '--wait', '--bootstrap', bootstrap], { stdin: 'pipe' })
  const connect = t.hsfwd(['connect', own.key, '-L', '0', '--wait', '--bootstrap', bootstrap, '--json', '--name', 'waiting'])
  pipe.child.stdin.end('hello')
  for (const program of [pipe, connect]) {
    await t.until(() => /still trying: .*nobody in the DHT knows this key/.test(program.stderr), 'a word')
  }
  await t.sleep(6000) // another try
  const expose = t.hsfwd(['expose', String(echo.port), '--identity', own.file, '--bootstrap', bootstrap, '--json'])
  await expose.event('listening')
  t.equal(await t.within(20000, 'the pipe', pipe.exited), 0, `exit code: ${pipe.stderr}`)
  t.equal(pipe.text(), 'hello', 'what came back')
  await connect.event('ready')
  for (const program of [pipe, connect]) {
    t.equal(program.stderr.match(/still trying/g).length, 1, `once: ${program.stderr}`)
  }
  t.ok(/; until it is there, connections to 127\.0\.0\.1:\d+ fail$/m.test(connect.stderr), connect.stderr)
})

t.test('--wait waits for a network, too', async () => {
  const own = await identity('no-network')
  const bootstrap = `127.0.0.1:${await t.freePort()}`
  const connect = t.hsfwd(['connect', own.key, '-L', '0', '--wait', '--bootstrap', bootstrap, '--json', '--name', 'waiting'])
  await t.until(() => /still trying/.test(connect.stderr), 'a word', 30000)
  t.equal(connect.code, undefined, 'it goes on')
  const network = t.hsfwd(['testnet', '--size', '3', '--port', bootstrap.split(':')[1], '--json'])
  await network.event('ready')
  const echo = await t.service((socket) => socket.pipe(socket))
  await t.hsfwd(['expose', String(echo.port), '--identity', own.file, '--bootstrap', bootstrap, '--json']).event('listening')
  await connect.event('ready', { timeout: 60000 })
})

t.test('-q says nothing of connections on standard output', async () => {
  const { bootstrap } = await t.testnet()
  const echo = await t.service((socket) => socket.end('hello'))
  const own = await identity('quiet')
  const expose = t.hsfwd(['expose', String(echo.port), '-q', '--identity', own.file, '--bootstrap', bootstrap])
  await t.until(() => /connect with/.test(expose.text()), 'where to find it')
  const before = expose.text()
  for (let i = 0; i < 3; i++) t.equal((await t.run(['pipe', own.key, '--bootstrap', bootstrap], { input: '' })).stdout, 'hello', 'the service')
  t.equal(expose.text(), before, 'nothing more')
  t.equal(expose.stderr, '', 'nor there')
})

t.test('an identity in the environment', async () => {
  const { bootstrap } = await t.testnet()
  const own = await identity('in-a-file')
  const env = { HSFWD_IDENTITY: own.seed }
  t.equal((await t.run(['keygen'], { env })).stdout.trim(), own.key, 'its key')
  t.ok((await t.run(['keygen', '--name', 'other'], { env })).stdout.trim() !== own.key, 'a name comes first')
  const echo = await t.service((socket) => socket.end('hello'))
  const config = path.join(t.scratch, 'environment.toml')
  fs.writeFileSync(config, `bootstrap = "${bootstrap}"\n[[expose]]\nservices = "${echo.port}"\n`)
  t.equal((await t.run(['check', '-c', config], { env })).code, 0, 'check')
  const up = t.hsfwd(['up', '-c', config, '--json'], { env })
  t.equal((await up.event('listening')).key, own.key, 'up')
  const bad = await t.run(['keygen'], { env: { HSFWD_IDENTITY: 'secret stuff' } })
  t.equal(bad.code, 78, 'exit code')
  t.ok(/HSFWD_IDENTITY.*is not 64 hexadecimal digits/.test(bad.stderr) && !/stuff/.test(bad.stderr), bad.stderr)
  t.ok(KEY.test((await t.run(['keygen'], { env: { HSFWD_IDENTITY: '' } })).stdout.trim()), 'an empty one is none')
})

t.test('what is missing on either side is said at the start, and waited for', async () => {
  const { bootstrap } = await t.testnet()
  const port = await t.freePort()
  const own = await identity('promises')
  const expose = t.hsfwd(['expose', `web=${port}`, '--identity', own.file, '--bootstrap', bootstrap, '--json'])
  await t.until(() => new RegExp(`service web: localhost:${port}: Connection refused`).test(expose.stderr), 'that nobody listens')
  const listening = await expose.event('listening')
  t.equal(listening.targets.join(), `localhost:${port}`, 'what the services lead to')
  const connect = t.hsfwd(['connect', own.key, '-L', '0:nosuch', '--bootstrap', bootstrap, '--json', '--name', 'asking'])
  const error = await connect.event('error')
  t.equal(error.code, 'NO_SUCH_SERVICE', 'the event')
  t.equal(error.message, "the peer has no service 'nosuch'; it has web; listening anyway", 'what it says')
  await connect.event('ready')
  const fine = t.hsfwd(['connect', own.key, '-L', '0:web', '--bootstrap', bootstrap, '--json', '--name', 'fine'])
  const { listen } = await fine.event('ready')
  await t.service((socket) => socket.end('hello'), { port })
  t.equal((await t.readAll(await t.connect(Number(listen.split(':').pop())))).toString(), 'hello', 'once somebody listens')
  t.equal(fine.events.filter((event) => event.event === 'error').length, 0, 'no error')
  const strict = async (...words) => t.hsfwd(['connect', own.key, ...words, '--exit-on-forward-failure', '--bootstrap', bootstrap, '--json', '--name', 'strict'])
  t.equal(await (await strict('-L', '0:web', '-L', '0:nosuch')).exited, 1, 'the exit code without one of the services')
  const deaf = await strict('-L', '0', '-R', '8080')
  t.equal(await deaf.exited, 1, 'the exit code where the peer does not listen')
  t.equal(deaf.events.map((e) => e.event).join(), 'error', 'nothing is ready ahead of that')
  const whole = await strict('-L', '0:WEB')
  await whole.event('ready')
  t.equal(await whole.kill('SIGTERM'), 143, 'it goes on where all is there')
})

t.test('up asks the peers that it leads to, and its status shows why clients do not get there', async () => {
  const { bootstrap } = await t.testnet()
  const own = await identity('asked')
  const echo = await t.service((socket) => socket.end('hello'))
  const nobody = await identity('nobody')
  const file = path.join(t.scratch, 'asking.toml')
  const ports = [await t.freePort(), await t.freePort(), await t.freePort()]
  const connect = (name, listen) => `[[connect]]\npeer = "${name}"\nlisten = "${listen}"\n`
  const peers = `[peer.home]\nkey = "${own.key}"\n[peer.away]\nkey = "${nobody.key}"\n`
  const begins = `bootstrap = "${bootstrap}"\n${peers}${connect('home', `${ports[0]}:nosuch`)}${connect('away', ports[1])}`
  fs.writeFileSync(file, begins)
  const expose = t.hsfwd(['expose', `web=${echo.port}`, '--identity', own.file, '--bootstrap', bootstrap, '--json'])
  await expose.event('listening')
  const up = t.hsfwd(['up', '-c', file, '--json'])
  const missing = await up.event('error', { matches: (e) => e.code === 'NO_SUCH_SERVICE' })
  t.equal(missing.message, "home: the peer has no service 'nosuch'; it has web; listening anyway", 'of a service')
  const away = await up.event('error', { matches: (e) => e.code === 'PEER_NOT_FOUND', timeout: 30000 })
  t.ok(/^away: nobody in the DHT knows this key.*; listening anyway$/.test(away.message), away.message)
  const connects = async () => JSON.parse((await t.run(['status', '-c', file, '--json'])).stdout).connects
  const told = await connects()
  t.equal(told[0].lastFailure, "the peer has no service 'nosuch'; it has web", 'in the status')
  t.ok(/nobody in the DHT/.test(told[1].lastFailure) && told[1].lastFailureSeconds < 60, JSON.stringify(told[1]))
  t.ok(/^error: 127\.0\.0\.1:\d+: no way to service nosuch of home, for \d+ s\n  why: +the peer has no service/m.test((await t.run(['status', '-c', file])).stdout), 'for people')
  fs.writeFileSync(file, begins.replace('nosuch', 'web') + connect('home', ports[2]))
  await t.run(['reload', '-c', file])
  t.equal((await t.readAll(await t.connect(ports[0]))).toString(), 'hello', 'once it is there')
  t.ok((await connects()).every((one) => one.name === 'away' || !('lastFailure' in one)), 'no failures any more')
  await expose.kill('SIGKILL')
  await t.readAll(await t.connect(ports[2])).catch(() => {})
  t.ok((await connects())[2].lastFailure, 'that of a client')
  t.equal((await connects())[2].lastFailureOf, 'client', 'not of the question')
  t.equal(up.events.filter((e) => e.event === 'error').length, 2, 'one line each')
})

t.test('a connection string without a record is told, with what is taken in its place', async () => {
  const { bootstrap } = await t.testnet()
  const own = await identity('recordless')
  const expose = t.hsfwd(['expose', '1', '--identity', own.file, '--bootstrap', bootstrap, '--json'])
  await expose.event('listening')
  const connect = t.hsfwd(['connect', `hs://0000${own.key}`, '--bootstrap', bootstrap, '--json', '--name', 'recordless-client'])
  await t.until(() => connect.warned.length > 0, 'a warning')
  const { message } = connect.warned[0]
  t.ok(message.startsWith('the DHT has no record of ') && message.includes('taking port 8989 of TCP'), message)
})

t.test('a unix socket that this user may not connect to is told at the start, as such', async () => {
  const { bootstrap } = await t.testnet()
  const own = await identity('closed')
  const place = path.join(t.scratch, 'closed.sock')
  const server = net.createServer()
  await new Promise((resolve) => server.listen(place, resolve))
  t.cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  fs.chmodSync(place, 0o444)
  const without = process.getuid() === 0 ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--'] : []
  const [program, ...words] = [...without, t.BINARY, 'expose', `db=unix:${place}`, '--identity', own.file, '--bootstrap', bootstrap]
  const expose = new t.Program(program, words)
  await t.until(() => expose.stderr.includes(`service db: unix:${place}: Permission denied; peers cannot use it until this user may connect to it\n`), `the warning: ${expose.stderr}`)
  await expose.kill()
  fs.chmodSync(place, 0o666)
  const open = new t.Program(program, words)
  await t.until(() => open.text().includes('connect with: '), 'another')
  await open.kill()
  t.ok(!open.stderr.includes('peers cannot use it'), open.stderr)
})

t.test('a client of a service that the peer does not have is one line', async () => {
  const { bootstrap } = await t.testnet()
  const own = await identity('refusing')
  const web = await t.service((socket) => socket.end('web'))
  await t.hsfwd(['expose', `web=${web.port}`, '--identity', own.file, '--bootstrap', bootstrap, '--json']).event('listening')
  const connect = t.hsfwd(['connect', own.key, '-L', '0:nosuch', '--bootstrap', bootstrap, '--name', 'refused'])
  const lines = () => (connect.text() + connect.stderr).split('\n').filter((line) => line.includes("has no service 'nosuch'"))
  await t.until(() => lines().length === 1 && connect.text().includes('ready: '), 'what is said at the start')
  const port = Number(/ready: 127\.0\.0\.1:(\d+)/.exec(connect.text())[1])
  for (let i = 0; i < 2; ++i) await t.readAll(await t.connect(port)).catch(() => {})
  await t.until(() => lines().length >= 3, 'a line for each client')
  await connect.kill()
  t.equal(lines().length, 3, `lines: ${connect.text()}${connect.stderr}`)
  t.ok(!/^closed /m.test(connect.text()), connect.text())
})

t.test('a host that has no address is told at the start, by the event of a warning as well', async () => {
  const { bootstrap } = await t.testnet()
  const own = await identity('nowhere')
  const targets = ['a=nowhere.invalid:80', 'b=udp:nowhere.invalid:53', '81', 'c=127.0.0.1:82']
  const expose = t.hsfwd(['expose', ...targets, '--identity', own.file, '--bootstrap', bootstrap, '--json'])
  const line = (name) => `service ${name}: host nowhere.invalid has no IPv4 address at the moment; peers cannot use it until it has one`
  for (const name of ['a', 'b']) {
    await t.until(() => expose.stderr.includes(line(name)), `a line about ${name}`)
    await t.until(() => expose.warned.some((e) => e.message === line(name) && e.component === 'expose'), `an event about ${name}`)
  }
  t.equal(expose.stderr.match(/no IPv4 address/g).length, 2, 'lines about hosts')
})

t.test('an identity that another process announces does not keep the rest of up down', async () => {
  const { bootstrap } = await t.testnet()
  const echo = await t.service((socket) => socket.end('hello'))
  const taken = await identity('taken')
  const free = await identity('free')
  const other = t.hsfwd(['expose', String(echo.port), '--identity', taken.file, '--bootstrap', bootstrap, '--json'])
  await other.event('listening')
  const config = path.join(t.scratch, 'taken.toml')
  const expose = (own) => `[[expose]]\nservices = "${echo.port}"\nidentity = "${own.file}"\n`
  fs.writeFileSync(config, `bootstrap = "${bootstrap}"\n${expose(taken)}${expose(free)}`)
  const up = t.hsfwd(['up', '-c', config, '--json'])
  t.equal((await up.event('error')).code, 'IDENTITY_IN_USE', 'it is said')
  await up.event('listening', { matches: (e) => e.key === free.key })
  const status = JSON.parse((await t.run(['status', '-c', config, '--json'])).stdout)
  t.ok(/another hsfwd process/.test(status.exposes[0].problem), JSON.stringify(status.exposes))
  t.ok(!('problem' in status.exposes[1]), 'the other one has none')
  await other.kill('SIGKILL')
  await up.event('listening', { matches: (e) => e.key === taken.key })
  t.equal(up.events.filter((event) => event.event === 'error').length, 1, 'one line')
  const alone = path.join(t.scratch, 'alone.toml')
  fs.writeFileSync(alone, `bootstrap = "${bootstrap}"\n${expose(taken)}`)
  const second = await t.run(['up', '-c', alone])
  t.equal(second.code, 1, second.stderr)
})

/** Who started a service, and what it is told, at that address of a socket. */
async function serviceManager (name) {
  const listens = `import socket\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.bind(${JSON.stringify(name)})\nprint("bound", flush=True)\n` +
    'while True: print(s.recv(100).decode(), flush=True)'
  const manager = new t.Program('python3', ['-c', listens])
  const said = (word) => manager.event('line', { matches: ({ line }) => line === word })
  await said('bound')
  return { manager, said }
}

t.test('whoever started up as a service is told when its ports are open, though there is no network, and of its end', async () => {
  const own = await identity('service')
  const config = path.join(t.scratch, 'service.toml')
  fs.writeFileSync(config, `identity = "${own.file}"\nbootstrap = ["127.0.0.1:9"]\n[[connect]]\npeer = "${own.key}"\nlisten = "${await t.freePort()}"\n`)
  const file = path.join(t.scratch, 'notify')
  for (const [name, variable] of [[file, file], [`\0${file}`, `@${file}`]]) {
    const { manager, said } = await serviceManager(name)
    const up = t.hsfwd(['up', '-c', config], { env: { NOTIFY_SOCKET: variable } })
    await said('READY=1')
    up.kill()
    await said('STOPPING=1')
    await up.exited
    await manager.kill('SIGKILL')
  }
})

t.test('the service manager is told of the end when it begins, while peers are still being told', async () => {
  const own = await identity('ending')
  const network = t.hsfwd(['testnet', '--size', '3', '--port', '0', '--json'])
  const { bootstrap } = await network.event('ready')
  const config = path.join(t.scratch, 'ending.toml')
  fs.writeFileSync(config, `identity = "${own.file}"\nbootstrap = ["${bootstrap[0]}"]\n[[expose]]\nservices = ["9"]\n`)
  const file = path.join(t.scratch, 'ending-notify')
  const { manager, said } = await serviceManager(file)
  const up = t.hsfwd(['up', '-c', config, '--json'], { env: { NOTIFY_SOCKET: file } })
  await up.event('listening')
  // Nobody answers the goodbye, which therefore takes its whole time.
  network.child.kill('SIGSTOP')
  up.kill()
  await said('STOPPING=1')
  await said('STATUS=shutting down')
  t.equal((await t.run(['status', '-c', config])).code, 0, 'it still answers')
  up.kill()
  await up.exited
  network.child.kill('SIGCONT')
  await network.kill()
  await manager.kill('SIGKILL')
})
