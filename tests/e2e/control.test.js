// SPDX-License-Identifier: Apache-2.0
// What is asked of a running `up`: status, peers, reload, down; and who may not ask, or answer.
'use strict'
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const t = require('../support/harness')

let files = 0
function fresh (what) { return path.join(t.scratch, `control-${what}-${files++}`) }

/** A configuration file of its own identity; `text` is what stands below that. */
function config (bootstrap, text) {
  const name = fresh('config')
  const head = `identity = "${fresh('identity')}"\nbootstrap = "${bootstrap}"\n`
  const write = (text, more = '') => fs.writeFileSync(name, head + more + text)
  write(text)
  return { name, write, append: (text) => fs.appendFileSync(name, text) }
}

const exposing = (services, more = '') => `[[expose]]\nservices = ${JSON.stringify(services)}\n${more}\n`
const connecting = (peer, listen) => `[[connect]]\npeer = "${peer}"\nlisten = ${JSON.stringify(listen)}\n`

/** `hsfwd COMMAND -c FILE --json`: the exit code, as `exit`, and the one event. */
async function ask (command, file, options) {
  const result = await t.run([command, '-c', file.name, '--json'], options)
  t.equal(result.program.events.length, 1, `events of ${command}: ${result.stdout}${result.stderr}`)
  return { exit: result.code, ...result.program.events[0] }
}

async function up (file, event, options) {
  const program = t.hsfwd(['up', '-c', file.name, '--json'], options)
  const first = await program.event(event)
  return { program, first }
}

/** A connection through a local port that has said and heard something. */
async function talk (port) {
  const socket = await t.connect(port)
  const say = async (word) => {
    socket.write(word)
    const heard = await t.within(10000, `an echo of ${word}`, new Promise((resolve) => socket.once('data', resolve)))
    t.equal(heard.toString(), word, 'what comes back')
  }
  await say('hello')
  let gone = false
  socket.once('close', () => { gone = true })
  socket.once('end', () => { gone = true })
  return { socket, say, gone: () => gone }
}

/** A network, an echo service, an `up` that exposes it and one with a local port that leads there. */
async function twoSides () {
  const network = await t.testnet()
  const echo = await t.service((socket) => socket.pipe(socket))
  const serverFile = config(network.bootstrap, exposing([`echo=${echo.port}`]))
  const server = await up(serverFile, 'listening')
  const key = server.first.publicKey
  const port = await t.freePort()
  const clientFile = config(network.bootstrap, connecting(key, [`${port}:echo`]))
  const client = await up(clientFile, 'ready')
  return { network, echo, key, port, server: server.program, serverFile, client: client.program, clientFile }
}

function refused (port) {
  return new Promise((resolve, reject) => {
    const probe = net.connect(port, '127.0.0.1')
    probe.on('connect', () => reject(new Error(`port ${port} is open`)))
    probe.on('error', resolve)
  })
}

/** The one control socket below a runtime directory. */
function socketIn (runtime) {
  const sockets = fs.readdirSync(path.join(runtime, 'hsfwd')).filter((name) => name.endsWith('.sock'))
  t.equal(sockets.length, 1, 'sockets')
  return path.join(runtime, 'hsfwd', sockets[0])
}

t.test('status and peers tell of a connection on both sides', async () => {
  const s = await twoSides()
  const before = await ask('peers', s.clientFile)
  t.equal(before.exit, 0, 'exit code')
  t.equal(before.connections.length, 0, 'connections before there is one')
  const line = await talk(s.port)
  await s.server.event('reachability')

  const { exit, attempts } = await ask('why', s.clientFile)
  t.equal(exit, 0, 'exit code')
  t.ok(attempts.length > 0, 'there has been an attempt')
  const [attempt] = attempts
  t.equal(attempt.peer, s.key, 'whom it was to reach')
  t.equal(attempt.outcome, 'reached', 'what came of it')
  t.ok(attempt.millis >= attempt.steps[0].millis, 'until then it took a moment')
  t.equal(attempt.steps.at(-1).step, 'path', 'the last step')
  const mistaken = await t.run(['why', '-c', s.clientFile.name, s.key])
  t.equal(mistaken.code, 2, 'the exit code of why with both')

  const served = await ask('status', s.serverFile)
  t.equal(served.exit, 0, 'exit code')
  t.equal(served.event, 'status', 'the event')
  t.equal(served.pid, s.server.pid(), 'the process')
  t.equal(served.config, s.serverFile.name, 'the file')
  t.equal(served.publicKey, s.key, 'the own key')
  t.ok(served.seconds >= 0, 'for how long')
  t.equal(served.node.online, true, 'online')
  t.equal(served.node.persistent, false, 'persistent')
  t.ok(/^127\.0\.0\.1/.test(served.node.address), `as seen by others: ${served.node.address}`)
  t.ok(['open', 'consistent'].includes(served.node.nat), `NAT: ${served.node.nat}`)
  const [expose] = served.exposes
  t.equal(served.exposes.length, 1, 'exposes')
  t.equal(expose.publicKey, s.key, 'the exposed key')
  t.equal(JSON.stringify(expose.services), JSON.stringify([{ name: 'echo', target: `localhost:${s.echo.port}`, proxy: false }]), 'services')
  t.equal(expose.allow, null, 'who may come')
  t.equal(expose.relays.length, 3, 'relays')
  t.equal(expose.reachable, true, 'reachable')
  t.equal(expose.connections, 1, 'connections')
  t.equal(expose.bytesToPeer, 5, 'bytes to the peer')
  t.equal(expose.bytesFromPeer, 5, 'bytes from the peer')

  const connected = await ask('status', s.clientFile)
  t.equal(connected.exposes.length, 0, 'exposes of the client')
  const { name, ...rest } = connected.connects[0]
  t.equal(JSON.stringify(rest), JSON.stringify({
    listen: `127.0.0.1:${s.port}`, peer: s.key, service: 'echo', connections: 1, bytesToPeer: 5, bytesFromPeer: 5
  }), 'the local address')

  const [out] = (await ask('peers', s.clientFile)).connections
  t.equal(out.direction, 'out', 'direction at the client')
  t.equal(out.peer, s.key, 'the peer')
  t.equal(out.service, 'echo', 'the service')
  t.equal(out.path, 'direct', 'the path')
  t.ok(/^127\.0\.0\.1:\d+$/.test(out.remote), `remote address: ${out.remote}`)
  t.ok(out.rttMillis > 0 && out.rttMillis < 10000, `round-trip time: ${out.rttMillis}`)
  t.equal(`${out.bytesToPeer} ${out.bytesFromPeer}`, '5 5', 'bytes')
  t.ok(Math.abs(Date.parse(out.since) - Date.now()) < 60000, `since when: ${out.since}`)
  const [incoming] = (await ask('peers', s.serverFile)).connections
  t.equal(incoming.direction, 'in', 'direction at the server')
  t.equal(incoming.peer, connected.publicKey, 'the peer of the server')

  const status = await t.run(['status', '-c', s.serverFile.name])
  for (const word of [served.key, 'online, ephemeral', `echo -> localhost:${s.echo.port}`, 'connections: 1', '5 B to peers']) {
    t.ok(status.stdout.includes(word), `'${word}' in ${status.stdout}`)
  }
  const peers = (await t.run(['peers', '-c', s.clientFile.name])).stdout.trimEnd().split('\n')
  t.equal(peers.length, 3, `a head, a line, and what is below: ${peers}`)
  t.ok(new RegExp(`^\\d+ +out +${served.key.slice(0, 12)} +echo +direct +[\\d.]+ ms +5 B +5 B$`).test(peers[1]), peers[1])
  t.ok(/^ {4}127\.0\.0\.1:\d+ for \d+ s, 1 connection/.test(peers[2]), peers[2])

  line.socket.end()
  const closed = await s.client.event('closed')
  t.equal(`${closed.peer} ${closed.service}`, `${s.key} echo`, 'what has ended, at the client')
  const left = await s.server.event('closed')
  t.equal(`${left.peer} ${left.service}`, `${connected.publicKey} echo`, 'and at the server')
  t.equal((await ask('peers', s.clientFile)).connections.length, 0, 'connections when it has ended')
  t.equal((await ask('status', s.clientFile)).connects[0].bytesToPeer, 5, 'bytes are counted on')
  t.equal((await t.run(['peers', '-c', s.clientFile.name])).stdout, 'no connections\n', 'none, for people')
  t.equal(s.server.stderr + s.client.stderr, '', 'nothing to complain about')
})

t.test('reload: new tunnels start, removed ones stop, and a connection through one that stays goes on', async () => {
  const s = await twoSides()
  const line = await talk(s.port)
  const more = await t.freePort()
  s.clientFile.write(connecting(s.key, [`${s.port}:echo`, `${more}`]))
  const added = await ask('reload', s.clientFile)
  t.equal(added.exit, 0, 'exit code')
  t.equal(`${added.event} ${added.kept} ${added.changed} ${added.started} ${added.stopped}`, 'reloaded 1 0 1 0', 'what it did')
  await s.client.event('ready', { matches: (e) => e.listen === `127.0.0.1:${more}` })
  const second = await talk(more)
  await line.say('still there')

  s.clientFile.write(connecting(s.key, [`${s.port}:echo`]))
  const removed = await ask('reload', s.clientFile)
  t.equal(`${removed.kept} ${removed.changed} ${removed.started} ${removed.stopped}`, '1 0 0 1', 'what it did then')
  await t.until(() => second.gone(), 'the connection of the removed one to end')
  const closed = await s.client.event('closed')
  t.ok(/configuration/.test(closed.reason), `why it ended: ${closed.reason}`)
  await refused(more)
  await line.say('and on')

  // An identity of its own comes, is found by its key, and goes.
  s.serverFile.write(exposing([`echo=${s.echo.port}`]) + exposing([`other=${s.echo.port}`], `identity = "${fresh('identity')}"`))
  t.equal((await ask('reload', s.serverFile)).started, 1, 'exposes started')
  const other = await s.server.event('listening', { matches: (e) => e.publicKey !== s.key })
  const pong = await t.run(['ping', other.publicKey, '-c', '1', '--bootstrap', s.network.bootstrap])
  t.equal(pong.code, 0, `ping: ${pong.stderr}`)
  s.serverFile.write(exposing([`echo=${s.echo.port}`]))
  t.equal((await ask('reload', s.serverFile)).stopped, 1, 'exposes stopped')
  const gone = await t.run(['lookup', other.publicKey, '--bootstrap', s.network.bootstrap])
  t.equal(gone.code, 69, 'its announcement is taken back')
  await line.say('to the end')
  t.equal(s.server.stderr + s.client.stderr, '', 'nothing to complain about')
})

t.test('reload: an identity with other services keeps its announcement, and the connections to those that stay', async () => {
  const s = await twoSides()
  const kept = await talk(s.port)
  const hello = await t.service((socket) => socket.end('Hello world!'))
  s.serverFile.write(exposing([`hello=${hello.port}`, `echo=${s.echo.port}`]))
  t.equal((await ask('reload', s.serverFile)).changed, 1, 'changed')
  await kept.say('still there')
  const fresh = await t.freePort()
  s.clientFile.write(connecting(s.key, [`${s.port}:echo`, `${fresh}`]))
  await ask('reload', s.clientFile)
  t.equal((await t.readAll(await t.connect(fresh))).toString(), 'Hello world!', 'the new default service')

  // The same name that leads elsewhere is another service.
  s.serverFile.write(exposing([`echo=${hello.port}`]))
  await ask('reload', s.serverFile)
  await t.until(() => kept.gone(), 'the connection to end')
  t.equal((await t.readAll(await t.connect(s.port))).toString(), 'Hello world!', 'where the name leads now')
})

t.test('reload: a local port that leads elsewhere; who may no longer come is put out', async () => {
  const s = await twoSides()
  const before = await talk(s.port)
  const stranger = (await t.run(['keygen', '--name', 'nobody', '--json'])).program.events[0].publicKey
  s.serverFile.write(exposing([`echo=${s.echo.port}`], `allow = "${stranger}"`))
  t.equal((await ask('reload', s.serverFile)).changed, 1, 'changed')
  await t.until(() => before.gone(), 'who may no longer come is put out')
  t.equal((await ask('status', s.serverFile)).exposes[0].allow.join(), stranger, 'who may')
  t.equal((await t.run(['ping', s.key, '-c', '1', '--name', 'guest', '--bootstrap', s.network.bootstrap])).code, 69, 'and stays out')
  s.serverFile.write(exposing([`echo=${s.echo.port}`]))
  await ask('reload', s.serverFile)
  const again = await talk(s.port)

  const hello = await t.service((socket) => socket.end('Hello world!'))
  s.serverFile.write(exposing([`echo=${s.echo.port}`, `hello=${hello.port}`]))
  await ask('reload', s.serverFile)
  await again.say('still there')
  s.clientFile.write(connecting(s.key, [`${s.port}:hello`]))
  const changed = await ask('reload', s.clientFile)
  t.equal(`${changed.kept} ${changed.changed} ${changed.started} ${changed.stopped}`, '0 1 0 0', 'what it did')
  await t.until(() => again.gone(), 'the connection to the other service to end')
  t.equal((await t.readAll(await t.connect(s.port))).toString(), 'Hello world!', 'where the port leads now')
})

t.test('reload: a mistake in the file, or a tunnel that cannot start, and everything stays as it is', async () => {
  const s = await twoSides()
  const line = await talk(s.port)
  const good = connecting(s.key, [`${s.port}:echo`])
  const free = await t.freePort()
  const taken = await t.service((socket) => socket.end())
  const shared = fresh('identity')
  const other = t.hsfwd(['expose', '1', '--identity', shared, '--bootstrap', s.network.bootstrap, '--json'])
  await other.event('listening')
  const port = await t.freePort()
  const connects = async () => {
    const { connects } = await ask('status', s.clientFile)
    return connects.map((c) => `${c.listen} ${c.peer} ${c.service} ${c.connections}`).join()
  }
  const unchanged = await connects()
  const cases = [
    ['', good + 'x', 78, /config-\d+:\d+: /, 'BAD_CONFIG'],
    ['', connecting(s.key, [String(free), 'x:y:z']), 78, /config-\d+:\d+: .*'x:y:z'/, 'BAD_CONFIG'],
    ['', '', 78, /nothing to do/, 'BAD_CONFIG'],
    ['', connecting(s.key, [String(free), String(taken.port)]), 1, new RegExp(`cannot listen on 127.0.0.1:${taken.port}`), 'LISTEN_FAILED'],
    ['', connecting(s.key, [String(free)]) + exposing(['1'], `identity = "${shared}"`), 1, /another hsfwd process/, 'IDENTITY_IN_USE'],
    [`port = ${port}\n`, connecting(s.key, [String(free)]), 1, /: port cannot change while hsfwd up runs; .*restart/, 'RESTART_NEEDED'],
    [`host = "127.0.0.1"\nrelay_through = "${s.key}"\n`, good, 1, /: host, relay_through cannot change/, 'RESTART_NEEDED']
  ]
  for (const [head, text, code, says, event] of cases) {
    s.clientFile.write(text, head)
    const result = await ask('reload', s.clientFile)
    t.equal(`${result.event} ${result.code} ${result.exit}`, `error ${event} ${code}`, 'the event')
    t.ok(says.test(result.message), `${result.message} says ${says}`)
    const plain = await t.run(['reload', '-c', s.clientFile.name])
    t.equal(plain.code, code, `exit code: ${plain.stderr}`)
    t.equal(plain.stderr, `hsfwd: ${result.message}\n`, 'one line')
    await s.client.event('error', { matches: (e) => e.message === result.message && e.code === event })
    await refused(free)
    await line.say('still there')
    t.equal(await connects(), unchanged, 'local addresses and their connections')
  }
})

t.test('SIGHUP is a reload, and its result is told', async () => {
  const s = await twoSides()
  const line = await talk(s.port)
  s.clientFile.append('x')
  s.client.child.kill('SIGHUP')
  t.equal((await s.client.event('error')).code, 'BAD_CONFIG', 'a mistake is told')
  s.clientFile.write(connecting(s.key, [`${s.port}:echo`, '0']))
  s.client.child.kill('SIGHUP')
  const reloaded = await s.client.event('reloaded')
  t.equal(`${reloaded.kept} ${reloaded.started}`, '1 1', 'what it did')
  await line.say('still there')
})

t.test('down returns when up has ended, with its goodbyes, and all is free again', async () => {
  const network = await t.testnet()
  const port = await t.freePort()
  const file = config(network.bootstrap, exposing(['1']))
  file.write(exposing(['1']), `port = ${port}\n`)
  for (let round = 0; round < 3; round++) {
    const { program, first } = await up(file, 'listening')
    const down = await ask('down', file)
    t.equal(down.exit, 0, 'exit code of down')
    t.equal(down.pid, program.pid(), 'which process')
    t.equal(await t.within(5000, 'up to have ended', program.exited), 0, 'exit code of up')
    t.equal(program.stderr, '', 'nothing to complain about')
    t.equal((await t.run(['lookup', first.publicKey, '--bootstrap', network.bootstrap])).code, 69, 'the announcement is taken back')
  }
  t.equal((await ask('down', file)).code, 'NOT_RUNNING', 'a second down')
})

t.test('nobody to ask: 69, in one line that names the file', async () => {
  const { bootstrap } = await t.testnet()
  const file = config(bootstrap, exposing(['1']))
  for (const command of ['status', 'peers', 'reload', 'down']) {
    const plain = await t.run([command, '-c', file.name])
    t.equal(plain.code, 69, `exit code of ${command}`)
    t.ok(plain.stderr.startsWith(`hsfwd: no hsfwd up runs with ${file.name}: `), plain.stderr)
    t.equal(plain.stderr.split('\n').length, 2, 'one line')
    t.equal(plain.stdout, '', 'standard output')
    t.equal((await ask(command, file)).code, 'NOT_RUNNING', 'the event')
    // A machine may have a configuration of its own.
    if (!fs.existsSync('/etc/hsfwd/hsfwd.toml')) t.equal((await t.run([command])).code, ['status', 'peers'].includes(command) ? 69 : 78, 'without any file')
  }
  const typo = path.join(t.scratch, 'typo.toml')
  const gone = await t.run(['status', '-c', typo])
  t.ok(gone.stderr.startsWith(`hsfwd: no hsfwd up runs with ${typo} (there is no such file): `), gone.stderr)
})

t.test('reload tells its warnings, and the service that is told who connects is told at the start', async () => {
  const network = await t.testnet()
  const folder = fresh('folder')
  fs.mkdirSync(folder)
  const file = { name: path.join(folder, 'up.toml') }
  fs.writeFileSync(file.name, `identity = "identity"\nbootstrap = "${network.bootstrap}"\n${exposing(['web=1,proxy', 'ssh=2'])}`)
  const program = t.hsfwd(['up', '-c', file.name])
  await t.until(() => program.text().includes('ssh -> '), 'the services')
  t.ok(/\n {2}web -> localhost:1, PROXY protocol\n {2}ssh -> localhost:2\n/.test(program.text()), program.text())
  t.equal((await ask('reload', file)).warnings.length, 0, 'warnings of a file without')
  fs.mkdirSync(path.join(folder, 'peers.d'))
  fs.writeFileSync(path.join(folder, 'peers.d', 'bad.toml'), 'nonsense')
  const { warnings } = await ask('reload', file)
  t.equal(warnings.length, 1, `warnings: ${warnings}`)
  t.ok(warnings[0].includes('bad.toml'), warnings[0])
  const { stdout } = await t.run(['reload', '-c', file.name])
  t.equal(stdout.trim().split('\n').at(-1), `warning: ${warnings[0]}`, 'for people')
})

t.test('a service that may not be asked hides neither what this user runs nor that nothing does', async () => {
  if (process.getuid() !== 0) t.skip('it takes a second user')
  const open = fs.mkdtempSync(path.join(os.tmpdir(), 'hsfwd-own-'))
  t.cleanups.push(() => fs.rmSync(open, { recursive: true }))
  fs.chmodSync(open, 0o755)
  const binary = path.join(open, 'hsfwd')
  fs.copyFileSync(t.BINARY, binary)
  const own = path.join(open, 'own')
  fs.mkdirSync(path.join(own, 'run'), { recursive: true })
  fs.writeFileSync(path.join(own, 'a.toml'), 'bootstrap = "127.0.0.1:1"\nidentity = "identity"\n' + exposing(['1']))
  for (const name of ['', 'run', 'a.toml']) fs.chownSync(path.join(own, name), 65534, 65534)
  // The folders of a service, in a mount namespace of its own.
  const script = `set -e; mount -t tmpfs none /run; mkdir -m 710 /run/hsfwd
mkdir ${open}/etc; cp /etc/passwd /etc/group /etc/ld.so.cache ${open}/etc; mount -t tmpfs -o mode=755 none /etc; cp ${open}/etc/* /etc
mkdir -m 700 /etc/hsfwd; touch /etc/hsfwd/hsfwd.toml
as() { setpriv --reuid 65534 --regid 65534 --clear-groups env -i PATH="$PATH" XDG_RUNTIME_DIR=${own}/run HOME=${own} "$@"; }
code=0; as ${binary} status -c ${own}/a.toml || code=$?; echo "own file: $code"
code=0; as ${binary} status || code=$?; echo "none: $code"
as ${binary} up -c ${own}/a.toml & up=$!
while ! as ${binary} status -c ${own}/a.toml --json; do sleep 0.1; done >/dev/null 2>&1
code=0; as ${binary} status || code=$?; echo "own up: $code"
kill $(cat /proc/$up/task/$up/children) $up 2>/dev/null || :`
  const program = new t.Program('unshare', ['-m', '--propagation', 'private', 'bash', '-c', script])
  await t.within(20000, 'the end', program.exited)
  const out = program.text()
  t.ok(out.includes('own file: 69'), `${out}${program.stderr}`)
  t.ok(out.includes('none: 77'), `${out}${program.stderr}`)
  t.ok(out.includes('own up: 0') && out.includes(`up:   ${own}/a.toml`), `${out}${program.stderr}`)
})

t.test('who may not ask the running up is told so, and by whom it may be asked', async () => {
  if (process.getuid() !== 0) t.skip('it takes a second user')
  const network = await t.testnet()
  const file = config(network.bootstrap, exposing(['1']))
  const open = fs.mkdtempSync(path.join(os.tmpdir(), 'hsfwd-open-'))
  t.cleanups.push(() => fs.rmSync(open, { recursive: true }))
  fs.chmodSync(open, 0o755)
  const binary = path.join(open, 'hsfwd')
  fs.copyFileSync(t.BINARY, binary)
  const seen = path.join(open, 'up.sock')
  const env = { XDG_RUNTIME_DIR: fresh('runtime') }
  await up(file, 'listening', { env })
  const other = config(network.bootstrap, exposing(['1']))
  const shown = t.hsfwd(['up', '-c', other.name, '--socket', seen, '--json'])
  await shown.event('listening')
  for (const where of [['-c', file.name], ['--socket', seen]]) {
    for (const command of ['status', 'peers', 'reload', 'down']) {
      const stranger = new t.Program('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', binary, command, ...where, '--json'], { env })
      t.equal(await stranger.exited, 77, `exit code of ${command} ${where}: ${stranger.stderr}`)
      t.equal((await stranger.event('error')).code, 'NOT_ALLOWED', 'the event')
      t.ok(/this user may not ask hsfwd up( with .*)?: .*permission denied; it runs as root: sudo -u root hsfwd/.test(stranger.stderr), stranger.stderr)
    }
  }
})

t.test('tables keep to 80 characters, or to those of COLUMNS', async () => {
  const network = await t.testnet()
  const text = []
  const keys = []
  for (let i = 0; i < 2; i++) {
    const { key } = (await t.run(['keygen', '--name', `wide-${i}`, '--json'])).program.events[0]
    keys.push(key)
    text.push(`[[connect]]\npeer = "${key}"\nlisten = ["0:${'service'.repeat(i + 1)}", "unix:${fresh('a-socket-with-a-name-of-its-own')}:x"]`)
  }
  const file = config(network.bootstrap, text.join('\n') + '\n' + exposing(['web=1', 'ssh=2']))
  await up(file, 'listening')
  const widest = (out) => Math.max(...out.split('\n').map((line) => line.length))
  // Nothing of ours, and everything else may be longer.
  const table = (out) => out.slice(out.indexOf('LOCAL ADDRESS')).split('\n\n')[0]
  for (const columns of [80, 60]) {
    const { stdout, code } = await t.run(['status', '-c', file.name], { env: columns === 80 ? {} : { COLUMNS: String(columns) } })
    t.equal(code, 0, 'exit code')
    t.ok(widest(table(stdout)) <= columns, `${columns} columns: ${stdout}`)
    t.ok(table(stdout).includes(keys[0].slice(0, 6)), `the beginning of the key: ${stdout}`)
  }
  const wide = await t.run(['status', '-c', file.name], { env: { COLUMNS: '300' } })
  for (const key of keys) t.ok(table(wide.stdout).includes(key), `room for the key: ${wide.stdout}`)
})

t.test('status begins with what does not work, since when, why and what to do; once it works all is well', async () => {
  const network = await t.testnet()
  const taken = await t.service(() => {})
  const gone = await t.service((socket) => socket.pipe(socket))
  const file = config(network.bootstrap, exposing([`echo=${gone.port}`]))
  const { first } = await up(file, 'listening')
  const clientFile = config(network.bootstrap, connecting(first.publicKey, [`${taken.port}:echo`, '0:echo']) +
    `[[reverse]]\npeer = "${first.publicKey}"\nlisten = "8080:80"\n`)
  const { program } = await up(clientFile, 'ready')
  const port = Number((await program.event('ready')).listen.split(':')[1])
  await gone.stop()
  const socket = await t.connect(port)
  await t.readAll(socket).catch(() => {})
  const problems = async (file) => (await ask('status', file)).health
  const codes = async (file) => (await problems(file)).map((one) => `${one.level} ${one.code}`).sort().join()
  await t.until(async () => await codes(clientFile) === 'error LISTEN_FAILED,error NOT_ALLOWED,error NOT_REACHED', 'the client to know')
  for (const one of await problems(clientFile)) {
    t.ok(one.what && one.why && one.advice && one.seconds < 60, JSON.stringify(one))
    t.ok(Math.abs(Date.parse(one.since) - Date.now()) < 60000, `since when: ${one.since}`)
  }
  const [silent] = await problems(file)
  t.equal(`${await codes(file)} ${silent.what}`, `warning SERVICE_SILENT service echo at localhost:${gone.port}: peers cannot use it`, 'the server')
  const { stdout } = await t.run(['status', '-c', clientFile.name], { env: { TERM: 'xterm' } })
  t.ok(stdout.startsWith('error: ') && stdout.includes(`127.0.0.1:${taken.port}: not open, for `), stdout)
  t.ok(!stdout.includes('\x1b'), 'no colours where there is no terminal')

  await taken.stop()
  await t.service((socket) => socket.end('hello'), { port: gone.port })
  clientFile.write(connecting(first.publicKey, [`${taken.port}:echo`, '0:echo']))
  await ask('reload', clientFile)
  await program.event('ready', { matches: (e) => e.listen === `127.0.0.1:${taken.port}` })
  const fresh = program.events.filter((e) => e.event === 'ready').at(-1).listen
  t.equal((await t.readAll(await t.connect(Number(fresh.split(':')[1])))).toString(), 'hello', 'through it')
  t.equal((await t.readAll(await t.connect(port)).catch(() => '')).toString(), 'hello', 'through the one that failed')
  await t.until(async () => `${await codes(file)}${await codes(clientFile)}` === '', 'all to be well')
  t.ok((await t.run(['status', '-c', clientFile.name])).stdout.startsWith('all is well: online, 2 tunnels, '), 'for people')
})

t.test('a second up of a file is told of the first; a file of its own is none of its business', async () => {
  const network = await t.testnet()
  const file = config(network.bootstrap, exposing(['1']))
  const { program } = await up(file, 'listening')
  const link = { name: fresh('link') }
  fs.symlinkSync(file.name, link.name)
  for (const name of [file.name, link.name]) {
    const second = await t.run(['up', '-c', name])
    t.equal(second.code, 1, 'exit code')
    t.ok(/^hsfwd: another hsfwd up runs with this configuration .*\n$/.test(second.stderr), second.stderr)
    t.equal(second.stdout, '', 'nothing is started')
  }
  t.equal((await ask('status', link)).pid, program.pid(), 'found by another path to the file')
  const other = config(network.bootstrap, exposing(['1']))
  const { program: unrelated } = await up(other, 'listening')
  t.equal((await ask('status', file)).pid, program.pid(), 'the first')
  t.equal((await ask('status', other)).pid, unrelated.pid(), 'the other')
})

t.test('what an up that was killed leaves behind is replaced', async () => {
  const network = await t.testnet()
  const file = config(network.bootstrap, exposing(['1']))
  const env = { XDG_RUNTIME_DIR: fresh('runtime') }
  const { program } = await up(file, 'listening', { env })
  const socket = socketIn(env.XDG_RUNTIME_DIR)
  t.equal(fs.statSync(socket).mode & 0o777, 0o600, 'mode of the socket')
  t.equal(fs.statSync(path.dirname(socket)).mode & 0o777, 0o700, 'mode of its folder')
  await program.kill('SIGKILL')
  t.ok(fs.existsSync(socket), 'the socket is left behind')
  const nobody = await t.run(['status', '-c', file.name], { env })
  t.equal(nobody.code, 69, 'exit code')
  t.ok(/[Cc]onnection refused/.test(nobody.stderr), nobody.stderr)
  const { program: next } = await up(file, 'listening', { env })
  t.equal((await ask('status', file, { env })).pid, next.pid(), 'who answers')
  await next.kill()
  t.ok(!fs.existsSync(socket), 'who ends in order takes it away')
})

t.test('who sends something else than a request is told, and harms nobody', async () => {
  const network = await t.testnet()
  const file = config(network.bootstrap, exposing(['1']))
  const env = { XDG_RUNTIME_DIR: fresh('runtime') }
  const { program } = await up(file, 'listening', { env })
  const where = socketIn(env.XDG_RUNTIME_DIR)
  const open = () => new Promise((resolve, reject) => {
    const socket = net.connect({ path: where, allowHalfOpen: true }, () => resolve(socket))
    socket.on('error', reject)
  })
  const answer = async (bytes, end = false) => {
    const socket = await open()
    const heard = t.readAll(socket)
    if (end) socket.end(bytes)
    else socket.write(bytes)
    const text = (await t.within(5000, 'an answer', heard)).toString()
    socket.on('error', () => {})
    socket.destroy()
    return text
  }
  const cases = [
    ['GET / HTTP/1.1\r\n\r\n', /JSON object/],
    ['{"command":"format"}\n', /unknown command 'format'/],
    ['{"command":"down","now":true}\n', /no field 'now'/],
    [Buffer.alloc(500000, '['), /at most 4096 bytes/],
    [Buffer.concat([Buffer.from([0, 255, 10])]), /JSON object/]
  ]
  for (const [bytes, says] of cases) {
    const text = await answer(bytes)
    const event = JSON.parse(text)
    t.equal(`${event.event} ${event.code} ${event.exitCode}`, 'error BAD_REQUEST 2', 'the event')
    t.ok(says.test(event.message), `${event.message} says ${says}`)
    t.ok(text.endsWith('\n') && text.split('\n').length === 2, 'one line')
  }
  t.ok(/ends with a newline/.test(await answer('{"command":"down"}', true)), 'a line without an end')
  t.equal(await answer('', true), '', 'who says nothing hears nothing')
  // Only the first line counts.
  t.equal(JSON.parse(await answer('{"command":"peers"}\n{"command":"down"}\n')).event, 'peers', 'one request')

  // More than may ask at once, all of them silent: the next is told to come again.
  const silent = []
  for (let i = 0; i < 16; i++) silent.push(await open())
  const busy = await ask('status', file, { env })
  t.equal(busy.code, 'BUSY', 'when too many ask')
  silent[0].destroy()
  await t.until(async () => (await t.run(['status', '-c', file.name], { env })).code === 0, 'room again')
  for (const socket of silent) socket.destroy()
  t.equal(program.code, undefined, 'up runs on')
  t.equal(program.stderr, '', 'nothing to complain about')
})

t.test('--socket: where one wishes, and if that cannot be, not at all', async () => {
  const network = await t.testnet()
  const file = config(network.bootstrap, exposing(['1']))
  const where = fresh('socket')
  const program = t.hsfwd(['up', '-c', file.name, '--socket', where, '--json'])
  await program.event('listening')
  t.equal(fs.statSync(where).mode & 0o777, 0o600, 'mode of the socket')
  t.equal((await ask('status', file)).code, 'NOT_RUNNING', 'not where it usually is')
  const status = await t.run(['status', '--socket', where, '--json'])
  t.equal(status.program.events[0].pid, program.pid(), 'who answers')
  t.equal((await t.run(['down', '--socket', where])).code, 0, 'exit code of down')
  t.equal(await program.exited, 0, 'exit code of up')
  const nowhere = await t.run(['up', '-c', file.name, '--socket', path.join(file.name, 'socket'), '--json'])
  t.equal(nowhere.code, 1, 'exit code')
  t.equal(nowhere.program.events[0].code, 'CONTROL_FAILED', 'the event')
})

t.test('an up that finds no place for a control socket runs without', async () => {
  const network = await t.testnet()
  const file = config(network.bootstrap, exposing(['1']))
  const state = fresh('state')
  fs.mkdirSync(path.join(state, 'hsfwd'), { recursive: true })
  fs.writeFileSync(path.join(state, 'hsfwd', 'run'), '')
  const env = { XDG_RUNTIME_DIR: file.name, XDG_STATE_HOME: state }
  const { program } = await up(file, 'listening', { env })
  t.ok(/status, peers, reload and down will not work/.test(program.stderr), `a warning: ${program.stderr}`)
  t.equal(program.stderr.trim().split('\n').length, 1, 'one line')
})
